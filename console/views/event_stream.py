"""The event stream of the house: what was recorded for those outside, in its order, and how far each of them is."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from chargers.models import Frame
from chargers.services import find_charge_point
from console.following import follows, tail
from console.listing import Filters
from console.pages import page, render_page
from console.views.charge_point_events import POSITION_MAX, before_of, type_choices, types_of
from console.views.delivery import DeliveryPage, Place
from csms.core.events.catalogue import EVENT_TYPES
from csms.core.events.models import Reader
from csms.core.events.numbering import head
from csms.core.events.reading import CursorGone, Wanted, read_on
from csms.core.events.selectors import newest_of

EVENTS_SHOWN = 50
TEXT_SHOWN = 4000
"""Characters of each payload."""


class StreamFilters(Filters):
    type = forms.ChoiceField(label=gettext_lazy("Type"), choices=type_choices)
    cp_id = forms.CharField(label=gettext_lazy("Charge point"), max_length=255)
    q = forms.CharField(
        label=gettext_lazy("Text of the type"),
        max_length=64,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("such as boot…")}),
    )
    after = forms.IntegerField(
        label=gettext_lazy("Read on behind position"), min_value=0, max_value=POSITION_MAX
    )
    live = forms.ChoiceField(choices=[("1", "")], widget=forms.HiddenInput)

    @property
    def types(self) -> list[str] | None:
        """Return the types that are asked for; None: all."""
        asked = self.values
        if "type" not in asked and "q" not in asked:
            return None
        covered = types_of(asked["type"]) if "type" in asked else list(EVENT_TYPES)
        return [name for name in covered if asked.get("q", "").casefold() in name]

    @property
    def cp_id_asked(self) -> str | None:
        """Return the charge point that is asked for, as it is written; events outlive those they speak of."""
        asked: str | None = self.values.get("cp_id")
        found = find_charge_point(asked) if asked else None
        return found.cp_id if found is not None else asked


@dataclass(frozen=True, slots=True)
class Shown:
    """An event as the page shows it; `frame` is the message that it follows from, if that is in the log."""

    pk: UUID
    type: str
    cp_id: str
    occurred_at: datetime
    recorded_at: datetime
    trace_id: str
    position: int | None
    sequence: int | None
    excerpt: str
    frame: UUID | None = None


FIELDS = ("pk", "type", "cp_id", "occurred_at", "recorded_at", "trace_id", "position", "sequence")


class StreamPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, filters: StreamFilters, *, before: int | None, now: datetime) -> None:
        self.filters = filters
        self.before = before
        self.after: int | None = filters.cleaned_data.get("after")  # 0 is a position, too
        self.problem: CursorGone | None = None
        self.older: int | None = None
        self.next: int | None = None
        """The position from which the next page reads on; None at the end of the stream."""
        self._now = now

    @property
    def reads_on(self) -> bool:
        """Whether the oldest come first, from a position on."""
        return self.after is not None

    @cached_property
    def events(self) -> list[Shown]:
        found = self._from_position() if self.reads_on else self._newest()
        frames = frames_of(event.trace_id for event in found)
        return [replace(event, frame=frames.get(event.trace_id)) for event in found]

    def _newest(self) -> list[Shown]:
        found = newest_of(
            self.filters.cp_id_asked,
            types=self.filters.types,
            before=self.before,
            most=EVENTS_SHOWN,
            text_max=TEXT_SHOWN,
        )
        self.older = found.older
        return [_shown(event, event.excerpt) for event in found.rows]  # type: ignore[attr-defined]  # annotated

    def _from_position(self) -> list[Shown]:
        types, cp_id = self.filters.types, self.filters.cp_id_asked
        wanted = Wanted(
            types=None if types is None else frozenset(types),
            cp_ids=None if cp_id is None else frozenset({cp_id}),
        )
        try:
            found = read_on(self.after, wanted, most=EVENTS_SHOWN)
        except CursorGone as gone:
            self.problem = gone
            return []
        self.next = found.after if found.more else None
        return [_shown(event, event.payload[:TEXT_SHOWN], pk=event.id) for event in found.events]

    @cached_property
    def last(self) -> int:
        """The last position that was given."""
        return head()

    @cached_property
    def _delivery(self) -> DeliveryPage:
        return DeliveryPage(self._now)

    @cached_property
    def sinks(self) -> list[tuple[Place, int | None]]:
        """Those who are told now, each with its position; None: it has not begun."""
        positions = dict(Reader.objects.values_list("pk", "position"))
        return [(place, positions.get(place.name)) for place in self._delivery.wanted]

    @property
    def told_outside(self) -> bool:
        """Whether events leave the house."""
        return self._delivery.told_outside

    @property
    def standstill(self) -> bool:
        """Whether nobody numbers events."""
        return self._delivery.standstill


def _shown(event: Any, excerpt: str, **more: Any) -> Shown:
    return Shown(
        **{name: getattr(event, name) for name in FIELDS if name not in more}, excerpt=excerpt, **more
    )


def frames_of(traces: Iterable[str]) -> dict[str, UUID]:
    """Return the frames that are still in the log, by the traces that they began. One query; none without traces."""
    ids = set()
    for trace in traces:
        try:
            ids.add(UUID(trace))
        except ValueError:
            continue
    return {pk.hex: pk for pk in Frame.objects.filter(pk__in=ids).values_list("pk", flat=True)} if ids else {}


@page
def event_stream(request: HttpRequest) -> HttpResponse:
    """Show the stream: the newest, what follows a position, or what comes."""
    filters = StreamFilters(request)
    shown = StreamPage(filters, before=before_of(request), now=timezone.now())
    values: dict[str, object] = {"section": "event-stream", "filters": filters, "shown": shown}
    if follows(request):
        del filters.fields["after"]
        types = filters.types
        # A list of no types would mean all of them.
        given = types if types is None or types else ["-"]
        values["follow"] = tail("device-events", "type", cp_id=filters.cp_id_asked, types=given)
    return render_page(request, "event-stream", values)
