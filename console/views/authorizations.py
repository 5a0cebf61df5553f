"""Who may be served: who waits for approval, who was rejected or blocked, and the handshakes that were refused."""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property

from django import forms
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from chargers.blocking.models import Block
from chargers.blocking.selectors import blocks, connected_from
from chargers.blocking.services import ADDRESS_DAYS_MAX, block_address, block_identity, unblock
from chargers.models import ChargePoint, RefusedHandshake, Registration
from chargers.overview import waiting_charge_points
from chargers.selectors import refused_handshakes
from chargers.services import Refusal, find_charge_point, register_charge_point
from console.listing import Filters
from console.pages import action, moved, page, person, render_page
from console.questions import confirmed, question_page
from console.views.dashboard import ocpp_url
from console.words import REFUSALS

SIZE = 50
DAYS = (1, 7, ADDRESS_DAYS_MAX)
REASON_MAX = 500
# Refusals of identities that nobody registered: they can be, from here.
REGISTRABLE = ("unknown", "too_many_pending")


class RefusalFilters(Filters):
    q = forms.CharField(
        label=gettext_lazy("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("identity or address…")}),
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        choices=[("", gettext_lazy("Any")), *((reason, word.means) for reason, word in REFUSALS.items())],
    )


class AuthorizationsPage:
    """What the page shows, each part read only when a fragment needs it."""

    registrable = REGISTRABLE
    days = DAYS

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.filters = RefusalFilters(request)

    def _page_of(self, name: str) -> str | None:
        return self.request.GET.get(name)

    @cached_property
    def waiting(self) -> Page[ChargePoint]:
        return Paginator(waiting_charge_points(), SIZE).get_page(self._page_of("waiting"))

    @cached_property
    def rejected(self) -> Page[ChargePoint]:
        rows = ChargePoint.objects.filter(registration=Registration.REJECTED, retired_at=None)
        return Paginator(rows.order_by("cp_id"), SIZE).get_page(self._page_of("rejected"))

    @cached_property
    def blocks(self) -> Page[Block]:
        return Paginator(blocks(now=timezone.now()), SIZE).get_page(self._page_of("blocked"))

    @cached_property
    def refusals(self) -> Page[RefusedHandshake]:
        asked = self.filters.values
        rows = refused_handshakes().order_by("-last_at", "-pk")
        if "q" in asked:
            rows = rows.filter(identity__icontains=asked["q"]) | rows.filter(peer__icontains=asked["q"])
        if "reason" in asked:
            rows = rows.filter(reason=asked["reason"])
        return Paginator(rows, SIZE).get_page(self.request.GET.get("page"))


@page
def authorizations(request: HttpRequest) -> HttpResponse:
    shown = AuthorizationsPage(request)
    values = {"shown": shown, "filters": shown.filters, "ocpp_url": ocpp_url(request)}
    return render_page(request, "authorizations", {"section": "authorizations", **values})


@action("write")
def decide(request: HttpRequest, step: str) -> HttpResponse:
    """Register, block or unblock somebody who is named by identity or address."""
    take = STEPS.get(step)
    if take is None:
        raise Http404(_("There is no such step."))
    back = reverse("console:authorizations")
    try:
        asked = take(request, person(request).get_username(), timezone.now())
    except Refusal as refusal:
        text = str(refusal)
        messages.error(request, f"{text[:1].upper()}{text[1:]}.")
        return moved(request, back)
    if asked:
        title = _("Approvals")
        return question_page(request, title=title, question=asked, back=back)
    return moved(request, back)


def _register(request: HttpRequest, by: str, now: datetime) -> str:
    identity = request.POST.get("identity", "").strip()
    made = register_charge_point(identity, now=now, by=by)
    messages.success(request, _("%(cp_id)s is registered and approved.") % {"cp_id": made.cp_id})
    return ""


def _block_identity(request: HttpRequest, by: str, now: datetime) -> str:
    identity, reason = request.POST.get("identity", "").strip(), request.POST.get("reason", "")[:REASON_MAX]
    if not confirmed(request):
        known = find_charge_point(identity)
        if known is not None and known.registration == Registration.ACCEPTED:
            text = _(
                "%(cp_id)s is approved: it is rejected, disconnected and turned away for good. Block it?"
            )
        else:
            text = _("%(cp_id)s is turned away at the door until somebody unblocks it. Block it?")
        return text % {"cp_id": identity[:100]}
    block = block_identity(identity, by=by, now=now, reason=reason.strip())
    messages.warning(request, _("%(value)s is blocked.") % {"value": block.value})
    return ""


def _block_address(request: HttpRequest, by: str, now: datetime) -> str:
    address, reason = request.POST.get("address", "").strip(), request.POST.get("reason", "")[:REASON_MAX]
    days = request.POST.get("days", "")
    if not confirmed(request):
        count = connected_from(address)
        there = ngettext(
            "%(count)d charge point is connected from there now and could not come back.",
            "%(count)d charge points are connected from there now and could not come back.",
            count,
        )
        text = _("Nobody gets a connection from %(address)s while it is blocked.") % {"address": address[:64]}
        return f"{text} {there % {'count': count} if count else ''} {_('Block it?')}"
    block = block_address(
        address,
        by=by,
        now=now,
        days=int(days) if days.isdecimal() and len(days) < 4 else 1,
        reason=reason.strip(),
    )
    messages.warning(request, _("%(value)s is blocked.") % {"value": block.value})
    return ""


def _unblock(request: HttpRequest, by: str, now: datetime) -> str:
    given = request.POST.get("block", "")
    block = Block.objects.filter(pk=int(given)).first() if given.isdecimal() and len(given) < 10 else None
    if block is None:
        raise Refusal(_("it is not blocked any more"))
    unblock(block, by=by, now=now)
    known = find_charge_point(block.value) if block.kind == Block.Kind.IDENTITY else None
    if known is not None and known.registration == Registration.REJECTED:
        text = _("%(value)s is not blocked any more. It is still rejected: approve it if it is to be served.")
    else:
        text = _("%(value)s is not blocked any more.")
    messages.success(request, text % {"value": block.value})
    return ""


STEPS: dict[str, Callable[[HttpRequest, str, datetime], str]] = {
    "register": _register,
    "block-identity": _block_identity,
    "block-address": _block_address,
    "unblock": _unblock,
}
