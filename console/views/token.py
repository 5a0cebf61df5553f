"""One id token: what it may, what it charged, on which lists it stands, and who changed it."""

from functools import cached_property
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from console.pages import action, moved, page, person, render_page
from console.questions import confirmed, question_page
from console.token_forms import TokenChangeForm, show_refusal
from csms.core.audit.models import AuditEntry
from csms.core.audit.selectors import done_to
from csms.core.audit.services import REASON_MAX
from csms.core.backend.answers import TokenVerdict
from csms.core.refusals import NotNow
from transactions.asking import remembered
from transactions.authorization import Authorization, standing_of
from transactions.local_lists.models import LocalListEntry
from transactions.local_lists.selectors import entries_of_token
from transactions.models import IdToken, Transaction
from transactions.selectors import LISTED, of_registered, transactions, with_live_figures
from transactions.tokens import (
    TokenRefusal,
    block_id_token,
    delete_id_token,
    id_token_warnings,
    unblock_id_token,
    update_id_token,
    was_used,
)

TRANSACTIONS_SHOWN = 20
LISTS_SHOWN = 50
HISTORY_SHOWN = 50


class TokenPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, token: IdToken) -> None:
        self.token, self.now = token, timezone.now()

    @property
    def expired(self) -> bool:
        return self.token.expires_at is not None and self.token.expires_at <= self.now

    @cached_property
    def verdict(self) -> Authorization:
        """What our own tokens say of it, were it to start charging now."""
        return standing_of(self.token, now=self.now)

    @cached_property
    def outside(self) -> tuple[bool, TokenVerdict | None]:
        """Whether a backend decides instead, and what it said of it lately, as far as this process was told."""
        return remembered(self.token.id_token, self.token.type)

    @property
    def warnings(self) -> list[str]:
        return id_token_warnings(self.token.id_token, self.token.type)

    @cached_property
    def used(self) -> bool:
        return was_used(self.token)

    @cached_property
    def transactions(self) -> list[Transaction]:
        rows = of_registered(transactions(), self.token).order_by("-started_at", "-pk")
        # Chosen first: the figures of now are read only of what is shown.
        keys = list(rows.values_list("pk", flat=True)[:TRANSACTIONS_SHOWN])
        return list(with_live_figures(rows.filter(pk__in=keys), now=self.now, figures=LISTED))

    @cached_property
    def lists(self) -> list[LocalListEntry]:
        return list(entries_of_token(self.token.id_token)[: LISTS_SHOWN + 1])

    @property
    def lists_shown(self) -> list[LocalListEntry]:
        return self.lists[:LISTS_SHOWN]

    @property
    def more_lists(self) -> bool:
        return len(self.lists) > LISTS_SHOWN

    @cached_property
    def history(self) -> QuerySet[AuditEntry]:
        return done_to("id_token", self.token.id_token)[:HISTORY_SHOWN]


def _token_or_404(pk: int) -> IdToken:
    found = IdToken.objects.filter(pk=pk).first()
    if found is None:
        raise Http404(_("There is no such token; it may have been deleted."))
    return found


@page
def token(request: HttpRequest, pk: int) -> HttpResponse:
    return _show(request, _token_or_404(pk))


def _show(
    request: HttpRequest, row: IdToken, form: TokenChangeForm | None = None, status: int = 200
) -> HttpResponse:
    values: dict[str, Any] = {
        "section": "tokens",
        "token": row,
        "shown": TokenPage(row),
        "form": form or TokenChangeForm(token=row),
    }
    return render_page(request, "token", values, status=status)


@action("write")
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what may be changed of a token."""
    row = _token_or_404(pk)
    form = TokenChangeForm(request.POST, token=row)
    if form.is_valid():
        values = dict(form.cleaned_data)
        # The field shows minutes: what is stored to the second is as good as unchanged.
        kept, given = row.expires_at, values["expires_at"]
        if kept is not None and given is not None and kept.replace(second=0, microsecond=0) == given:
            del values["expires_at"]
        try:
            changed = update_id_token(row, now=timezone.now(), by=person(request).get_username(), **values)
        except TokenRefusal as refusal:
            show_refusal(form, refusal)
        else:
            if changed:
                messages.success(request, _("%(token)s was changed.") % {"token": row.id_token})
            else:
                messages.info(request, _("%(token)s was so already.") % {"token": row.id_token})
            return moved(request, reverse("console:token", args=[pk]))
    return _show(request, row, form, status=422)


@action("write")
def block(request: HttpRequest, pk: int) -> HttpResponse:
    """Block or, with `blocked=no`, unblock a token; the page that asked is shown again."""
    row = _token_or_404(pk)
    by, reason = person(request).get_username(), request.POST.get("reason", "").strip()[:REASON_MAX]
    if request.POST.get("blocked") == "no":
        unblock_id_token(row, now=timezone.now(), by=by, reason=reason)
        messages.success(request, _("%(token)s may charge again.") % {"token": row.id_token})
    else:
        block_id_token(row, now=timezone.now(), by=by, reason=reason)
        messages.warning(
            request,
            _("%(token)s is blocked. What it charges now goes on until it is stopped.")
            % {"token": row.id_token},
        )
    own = request.POST.get("back") == "token"
    return moved(request, reverse("console:token", args=[pk]) if own else reverse("console:tokens"))


@action("write")
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a token that was never used, once the question was answered."""
    row = _token_or_404(pk)
    back = reverse("console:token", args=[pk])
    if not confirmed(request):
        question = _("%(token)s is forgotten, and charges no more. Delete it?") % {"token": row.id_token}
        return question_page(request, title=row.id_token, question=question, back=back)
    try:
        delete_id_token(row, now=timezone.now(), by=person(request).get_username(), only_unused=True)
    except NotNow as refusal:
        messages.error(request, f"{refusal}.")
        return moved(request, back)
    messages.success(request, _("%(token)s was deleted.") % {"token": row.id_token})
    return moved(request, reverse("console:tokens"))
