"""The id tokens of drivers: found, sorted, taken along as a file, added; and those that were used and nobody knows."""

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.export import Column, export, wanted
from console.listing import Filters, Listing
from console.pages import action, moved, page, person, render_page
from console.token_forms import TokenForm, show_refusal
from transactions.models import IdToken, UnknownToken
from transactions.selectors import id_tokens, tokens_matching, unknown_tokens
from transactions.tokens import TokenRefusal, add_id_token, id_token_warnings

SORTS = {
    "token": "id_token",
    "label": "label",
    "parent": "parent",
    "expires": "expires_at",
    "added": "created_at",
    "changed": "updated_at",
}
UNKNOWN_SHOWN = 10
# As the import reads them: what was taken along may be changed in a spreadsheet and brought back.
COLUMNS = tuple(
    Column(name, name)
    for name in (
        "id_token",
        "type",
        "label",
        "parent",
        "blocked",
        "expires_at",
        "max_active",
        "evses",
        "language",
        "personal_message",
        "created_at",
        "updated_at",
    )
)


class TokenFilters(Filters):
    q = forms.CharField(
        label=gettext_lazy("Search"),
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": gettext_lazy("token, label or group…")}
        ),
    )
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[
            ("", gettext_lazy("Any")),
            ("good", gettext_lazy("May charge")),
            ("blocked", gettext_lazy("Blocked")),
            ("expired", gettext_lazy("Expired")),
            ("ends", gettext_lazy("Has an end")),
        ],
    )
    group = forms.CharField(
        label=gettext_lazy("Group"), widget=forms.TextInput(attrs={"title": "parentIdTag"})
    )


class TokensPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, request: HttpRequest) -> None:
        self.request, self.now = request, timezone.now()
        self.filters = TokenFilters(request)

    @property
    def rows(self) -> Any:
        rows, asked, expired = id_tokens(), self.filters.values, Q(expires_at__lte=self.now)
        if "q" in asked:
            rows = tokens_matching(rows, asked["q"])
        if "group" in asked:
            rows = rows.filter(parent__iexact=asked["group"])
        match asked.get("state"):
            case "blocked":
                return rows.filter(blocked=True)
            case "expired":
                return rows.filter(expired)
            case "ends":
                return rows.filter(expires_at__gt=self.now)
            case "good":
                return rows.filter(blocked=False).exclude(expired)
        return rows

    @cached_property
    def listing(self) -> Listing[IdToken]:
        return Listing(self.request, self.rows, columns=SORTS, default="token")

    @cached_property
    def unknown(self) -> list[UnknownToken]:
        return list(unknown_tokens().order_by("-last_at", "-pk")[:UNKNOWN_SHOWN])

    @cached_property
    def unknown_count(self) -> int:
        return unknown_tokens().count() if len(self.unknown) == UNKNOWN_SHOWN else len(self.unknown)


def _show(request: HttpRequest, form: TokenForm, status: int = 200) -> HttpResponse:
    shown = TokensPage(request)
    values = {
        "section": "tokens",
        "shown": shown,
        "filters": shown.filters,
        "form": form,
        "now": shown.now,
    }
    return render_page(request, "tokens", values, status=status)


@page
def tokens(request: HttpRequest) -> HttpResponseBase:
    if wanted(request):
        return export(request, TokensPage(request).rows, COLUMNS, "id-tokens", order=("pk",))
    return _show(request, TokenForm())


@action("write")
def add(request: HttpRequest) -> HttpResponse:
    """Register a token, be it typed or one that was used and nobody knew."""
    form = TokenForm(request.POST)
    if form.is_valid():
        values = dict(form.cleaned_data)
        try:
            token = add_id_token(
                values.pop("id_token"), now=timezone.now(), by=person(request).get_username(), **values
            )
        except TokenRefusal as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("%(token)s was added and may charge.") % {"token": token.id_token})
            for warning in id_token_warnings(token.id_token, token.type):
                messages.warning(request, warning)
            return moved(request, reverse("console:tokens"))
    return _show(request, form, status=422)
