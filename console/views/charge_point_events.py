"""The events of one charge point as they leave the house, each with the OCPP message that it follows from."""

from collections.abc import Iterable
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargers.models import ChargePoint, Frame
from console.following import follows, tail
from console.listing import Filters
from console.pages import page, render_page
from console.tabs import TABS
from console.views.charge_point import TEXT_SHOWN, charge_point_or_404, under_its_identity
from csms.core.events.catalogue import EVENT_TYPES, matches
from csms.core.events.models import Event
from csms.core.events.selectors import newest_of

EVENTS_SHOWN = 50
POSITION_MAX = 2**63 - 1


def grouped(types: Iterable[str]) -> dict[str, list[str]]:
    """Return the types of events by what comes before their first dot, in the order of the catalogue."""
    groups: dict[str, list[str]] = {}
    for name in types:
        groups.setdefault(name.partition(".")[0], []).append(name)
    return groups


def type_choices() -> list[tuple[str, str | list[tuple[str, str]]]]:
    """Return what a filter by type offers: all, all that begin alike, each single one."""
    choices: list[tuple[str, str | list[tuple[str, str]]]] = [("", _("Any"))]
    for prefix, names in grouped(EVENT_TYPES).items():
        every = (
            [(f"{prefix}.*", _("%(prefix)s.* (all of them)") % {"prefix": prefix})] if len(names) > 1 else []
        )
        choices.append((prefix, every + [(name, name) for name in names]))
    return choices


def types_of(pattern: str) -> list[str]:
    """Return the types that a pattern covers."""
    return [name for name in EVENT_TYPES if matches(pattern, name)]


class EventFilters(Filters):
    type = forms.ChoiceField(label=gettext_lazy("Type"), choices=type_choices)
    live = forms.ChoiceField(choices=[("1", "")], widget=forms.HiddenInput)


class EventsPage:
    """What the page shows."""

    def __init__(self, charge_point: ChargePoint, pattern: str, before: int | None) -> None:
        types = types_of(pattern) if pattern else None
        found = newest_of(
            charge_point.cp_id, types=types, before=before, most=EVENTS_SHOWN, text_max=TEXT_SHOWN
        )
        self.before = before
        self.older = found.older
        frames = _frames_of(charge_point, found.rows)
        self.events = [(event, frames.get(event.trace_id)) for event in found.rows]


def _frames_of(charge_point: ChargePoint, events: Iterable[Event]) -> dict[str, UUID]:
    """Return the frames that are still in the log, by the trace that they began."""
    ids = set()
    for event in events:
        try:
            ids.add(UUID(event.trace_id))
        except ValueError:
            continue
    known = Frame.objects.filter(charge_point=charge_point, pk__in=ids).values_list("pk", flat=True)
    return {pk.hex: pk for pk in known}


def before_of(request: HttpRequest) -> int | None:
    """Return the position before which the page goes on; what is none counts as not given."""
    given = request.GET.get("before", "")
    if not (given.isascii() and given.isdecimal() and len(given) < 20):
        return None
    return min(int(given), POSITION_MAX)


@page
def events(request: HttpRequest, cp_id: str) -> HttpResponse:
    found = charge_point_or_404(cp_id)
    if found.cp_id != cp_id and request.method == "GET":
        return under_its_identity(request, found, "events")
    filters = EventFilters(request)
    shown = EventsPage(found, filters.values.get("type", ""), before_of(request))
    values: dict[str, object] = {"filters": filters, "shown": shown, "tab": TABS["events"]}
    if follows(request):
        pattern = filters.values.get("type")
        values["follow"] = tail(
            "device-events", "type", cp_id=found.cp_id, types=[pattern] if pattern else None
        )
    return render_page(request, "charge-point-events", _around(found) | values)


def _around(charge_point: ChargePoint) -> dict[str, object]:
    return {"section": "charge-points", "charge_point": charge_point, "tabs": TABS}
