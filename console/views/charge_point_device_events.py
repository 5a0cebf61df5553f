"""What the components of one charge point reported (OCPP 2.x, NotifyEvent): problems, and that they are over."""

from functools import cached_property
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from chargers.models import ChargePoint
from chargers.topology.models import DeviceEvent
from chargers.topology.places import has_evses
from chargers.topology.selectors import device_events_of
from console.listing import Filters
from console.pages import page, render_page
from console.tabs import TABS
from console.views.charge_point import charge_point_or_404, under_its_identity
from console.views.frames import before_of
from transactions.models import Transaction

TAB = "device-events"
SHOWN = 50
TRIGGERS = {
    "Alerting": _("Alerting: a limit was passed"),
    "Delta": _("Delta: it changed"),
    "Periodic": _("Periodic: it was due"),
}


class DeviceEventFilters(Filters):
    q = forms.CharField(
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("component, variable or code…")}),
    )
    show = forms.ChoiceField(
        label=_("Show"),
        choices=[
            ("", _("All")),
            ("problem", _("Something is wrong")),
            ("over", _("It is over")),
            ("neither", _("About neither")),
        ],
    )
    trigger = forms.ChoiceField(label=_("Trigger"), choices=[("", _("Any")), *TRIGGERS.items()])
    cleared = forms.BooleanField(label=_("Only cleared"))


class DeviceEventsPage:
    """What the page shows."""

    def __init__(self, charge_point: ChargePoint, filters: DeviceEventFilters, before: UUID | None) -> None:
        self.charge_point = charge_point
        self.filters = filters
        self.before = before

    @cached_property
    def _read(self) -> list[DeviceEvent]:
        rows = _asked(device_events_of(self.charge_point), self.filters.values)
        if self.before is not None:
            rows = rows.filter(pk__lt=self.before)
        return list(rows.order_by("-pk")[: SHOWN + 1])

    @property
    def told(self) -> list[DeviceEvent]:
        return self._read[:SHOWN]

    @property
    def older(self) -> UUID | None:
        """The event before which the next page goes on."""
        return self._read[SHOWN - 1].pk if len(self._read) > SHOWN else None

    @property
    def can_tell(self) -> bool:
        """Whether the version that it speaks has such events."""
        return has_evses(self.charge_point.protocol)

    @cached_property
    def transactions(self) -> dict[str, UUID]:
        """The transactions that are named, by their ids on the wire; of two of one id the newer."""
        ids = {event.transaction_id for event in self.told if event.transaction_id}
        rows = Transaction.objects.filter(charge_point=self.charge_point, transaction_id__in=ids)
        return dict(rows.order_by("pk").values_list("transaction_id", "pk"))


def _asked(rows: QuerySet[DeviceEvent], asked: dict[str, str]) -> QuerySet[DeviceEvent]:
    if text := asked.get("q"):
        rows = rows.filter(
            Q(component__icontains=text) | Q(variable__icontains=text) | Q(tech_code__icontains=text)
        )
    if show := asked.get("show"):
        rows = rows.filter(problem={"problem": True, "over": False}.get(show))
    if trigger := asked.get("trigger"):
        rows = rows.filter(trigger=trigger)
    if asked.get("cleared"):
        rows = rows.filter(cleared=True)
    return rows


@page
def device_events(request: HttpRequest, cp_id: str) -> HttpResponse:
    found = charge_point_or_404(cp_id)
    if found.cp_id != cp_id and request.method == "GET":
        return under_its_identity(request, found, TAB)
    filters = DeviceEventFilters(request)
    values = {
        "section": "charge-points",
        "charge_point": found,
        "tabs": TABS,
        "tab": TABS[TAB],
        "filters": filters,
        "shown": DeviceEventsPage(found, filters, before_of(request)),
    }
    return render_page(request, "charge-point-device-events", values)
