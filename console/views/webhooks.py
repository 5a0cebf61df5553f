"""The webhooks: how each stands, and what became of what was posted to it."""

from collections.abc import Mapping
from functools import cached_property
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chargers.services import find_charge_point
from console.listing import Filters, Listing
from console.outgoing_words import DELIVERY, WEBHOOK
from console.pages import LIVE_HEADER, moved, page, render_page
from console.views.charge_point_events import type_choices, types_of
from csms.core.paging import Newest
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange
from csms.core.webhooks.selectors import (
    STATES,
    Unsettled,
    backlog,
    changes,
    endpoints,
    in_state,
    newest_of,
    unsettled,
)

DELIVERIES_SHOWN, CHANGES_SHOWN = 50, 20
COLUMNS = {"name": "name", "success": "delivered_at", "added": "created_at"}


def webhook_or_404(pk: UUID) -> Endpoint:
    """Return a webhook."""
    found = endpoints().filter(pk=pk).first()
    if found is None:
        raise Http404(gettext("There is no such webhook; it may have been deleted."))
    return found


# --- the list -------------------------------------------------------------------------------------------------------


class WebhookFilters(Filters):
    q = forms.CharField(
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("name or receiver…")}),
    )
    state = forms.ChoiceField(
        label=_("State"),
        choices=[("", _("Any")), *((state, WEBHOOK[state].label) for state in STATES)],
    )


@page
def webhooks(request: HttpRequest) -> HttpResponse:
    filters = WebhookFilters(request)
    rows = endpoints()
    for word in filters.values.get("q", "").split():
        rows = rows.filter(name__icontains=word) | rows.filter(origin__icontains=word)
    if "state" in filters.values:
        rows = in_state(rows, filters.values["state"])
    listing = Listing(request, rows, columns=COLUMNS, default="name")
    counts = unsettled(listing.rows)
    shown = [(endpoint, counts[endpoint.pk]) for endpoint in listing.rows]
    values = {"section": "webhooks", "filters": filters, "listing": listing, "shown": shown}
    return render_page(request, "webhooks", values)


# --- one of them ----------------------------------------------------------------------------------------------------


class DeliveryFilters(Filters):
    state = forms.ChoiceField(
        label=_("State"),
        choices=[
            ("", _("Any")),
            *((state, DELIVERY[state].label) for state in Delivery.State.values),
        ],
    )
    type = forms.ChoiceField(label=_("Type"), choices=type_choices)
    q = forms.CharField(label=_("Charge point"), widget=forms.TextInput(attrs={"type": "search"}))


class WebhookPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, endpoint: Endpoint, asked: Mapping[str, str], before: UUID | None) -> None:
        self.endpoint = endpoint
        self.before = before
        self.asked = asked
        self.now = timezone.now()

    @cached_property
    def unsettled(self) -> Unsettled:
        return unsettled([self.endpoint])[self.endpoint.pk]

    @cached_property
    def behind(self) -> int:
        """How many events of the house it has yet to look at."""
        return backlog(self.endpoint)

    @property
    def older_signs(self) -> bool:
        """Whether the secret before the present one signs, too."""
        until = self.endpoint.older_signs_until
        return until is not None and self.now < until

    @cached_property
    def log(self) -> Newest[Delivery]:
        cp_id = self.asked.get("q", "").strip()
        found = find_charge_point(cp_id) if cp_id else None
        return newest_of(
            self.endpoint,
            state=self.asked.get("state", ""),
            types=types_of(self.asked["type"]) if "type" in self.asked else (),
            cp_id=found.cp_id if found is not None else cp_id,
            before=self.before,
            most=DELIVERIES_SHOWN,
        )

    @cached_property
    def changes(self) -> list[EndpointChange]:
        return list(changes(self.endpoint).order_by("-pk")[:CHANGES_SHOWN])


def _before(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.GET.get("before", ""))
    except ValueError:
        return None


@page
def webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    if request.headers.get(LIVE_HEADER) and not endpoints().filter(pk=pk).exists():
        return moved(request, reverse("console:webhooks"))  # it was deleted while somebody looked
    filters = DeliveryFilters(request)
    shown = WebhookPage(webhook_or_404(pk), filters.values, _before(request))
    values = {"section": "webhooks", "filters": filters, "endpoint": shown.endpoint, "shown": shown}
    return render_page(request, "webhook", values)
