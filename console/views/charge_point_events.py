"""The events of one charge point as they leave the house, and the OCPP message that one of them follows from."""

from collections.abc import Iterable
from uuid import UUID

from django import forms
from django.db.models.functions import Left
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from chargers.models import ChargePoint, Frame
from console.listing import Filters
from console.pages import page, render_page
from console.tabs import TABS
from console.views.charge_point import TEXT_SHOWN, charge_point_or_404
from csms.core.events.catalogue import EVENT_TYPES, matches
from csms.core.events.models import Event
from csms.core.events.selectors import newest_of

EVENTS_SHOWN = 50
ANSWER_WITHIN = 50  # frames of the charge point after a call, among which its answer is looked for
POSITION_MAX = 2**63 - 1


def grouped(types: Iterable[str]) -> dict[str, list[str]]:
    """Return the types of events by what comes before their first dot, in the order of the catalogue."""
    groups: dict[str, list[str]] = {}
    for name in types:
        groups.setdefault(name.partition(".")[0], []).append(name)
    return groups


def type_choices() -> list[tuple[str, str | list[tuple[str, str]]]]:
    """Return what a filter by type offers: all, all that begin alike, each single one."""
    choices: list[tuple[str, str | list[tuple[str, str]]]] = [("", "Any")]
    for prefix, names in grouped(EVENT_TYPES).items():
        every = [(f"{prefix}.*", f"{prefix}.* (all of them)")] if len(names) > 1 else []
        choices.append((prefix, every + [(name, name) for name in names]))
    return choices


def types_of(pattern: str) -> list[str]:
    """Return the types that a pattern covers."""
    return [name for name in EVENT_TYPES if matches(pattern, name)]


class EventFilters(Filters):
    type = forms.ChoiceField(label="Type", choices=type_choices)


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


def _before(request: HttpRequest) -> int | None:
    given = request.GET.get("before", "")
    if not (given.isascii() and given.isdecimal() and len(given) < 20):
        return None
    return min(int(given), POSITION_MAX)


@page
def events(request: HttpRequest, cp_id: str) -> HttpResponse:
    found = charge_point_or_404(cp_id)
    if found.cp_id != cp_id and request.method == "GET":
        return redirect("console:charge-point-tab", found.cp_id, "events")
    filters = EventFilters(request)
    shown = EventsPage(found, filters.values.get("type", ""), _before(request))
    values = {"filters": filters, "shown": shown, "tab": TABS["events"]}
    return render_page(request, "charge-point-events", _around(found) | values)


@page
def frame(request: HttpRequest, cp_id: str, pk: UUID) -> HttpResponse:
    """One message of the log, and its answer."""
    found = charge_point_or_404(cp_id)
    frames = Frame.objects.filter(charge_point=found).defer("text").annotate(excerpt=Left("text", TEXT_SHOWN))
    asked = frames.filter(pk=pk).first()
    if asked is None:
        raise Http404("There is no such message in the log; they are deleted after CSMS_RETAIN_FRAMES_DAYS.")
    following = frames.filter(pk__gt=pk).order_by("pk")[:ANSWER_WITHIN]
    answer = next((one for one in following if _answers(one, asked)), None)
    values = {"frames": [asked] if answer is None else [asked, answer], "tab": TABS["events"]}
    return render_page(request, "charge-point-frame", _around(found) | values)


def _answers(later: Frame, call: Frame) -> bool:
    return (
        call.kind == 2
        and later.message_id == call.message_id
        and later.connection_id == call.connection_id
        and later.direction != call.direction
    )


def _around(charge_point: ChargePoint) -> dict[str, object]:
    return {"section": "charge-points", "charge_point": charge_point, "tabs": TABS}
