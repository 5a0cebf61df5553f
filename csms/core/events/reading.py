"""Read the outbox on from a cursor, for programs outside: what they ask for, what is still kept, where it goes on.

A cursor is a position: everything up to it is known. It stays good as long as what follows it is kept.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from csms.core.events.catalogue import EVENT_TYPES, matches
from csms.core.events.envelope import FIELDS, Envelope
from csms.core.events.models import Event
from csms.core.events.numbering import head
from csms.core.ids import uuid7_floor

SPAN = 10_000
"""Positions that one read looks at where no index knows which events are wanted."""
EDGE = 10_000
"""So far behind the oldest event there may be holes: what is old goes by its id, and positions are not quite in the
order of the ids."""
SLACK = timedelta(minutes=5)
"""Longer than any transaction that records: an event never gets its position later than so."""


class CursorGone(Exception):
    """Events behind a cursor are not kept any more, or it is of another store; `oldest` is the first good cursor."""

    def __init__(self, code: str, text: str, oldest: int) -> None:
        super().__init__(text)
        self.code = code
        self.oldest = oldest


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events somebody asks for; None: all. `since` and `until` are about the time of recording."""

    types: frozenset[str] | None = None
    cp_ids: frozenset[str] | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, type: str, cp_id: str, recorded_at: datetime) -> bool:
        """Return whether an event is among them."""
        return (
            (self.types is None or type in self.types)
            and (self.cp_ids is None or cp_id in self.cp_ids)
            and (self.since is None or recorded_at >= self.since)
            and (self.until is None or recorded_at < self.until)
        )

    def condition(self) -> Q:
        """Return the same for the database."""
        found = Q()
        if self.types is not None:
            found &= Q(type__in=self.types)
        if self.cp_ids is not None:
            found &= Q(cp_id__in=self.cp_ids)
        if self.since is not None:
            found &= Q(recorded_at__gte=self.since)
        if self.until is not None:
            found &= Q(recorded_at__lt=self.until)
        return found


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order, the cursor behind them, and whether there is more behind that now."""

    events: list[Envelope]
    after: int
    more: bool


def types_of(patterns: Collection[str]) -> frozenset[str]:
    """Return the types that any of the patterns covers."""
    return frozenset(type for type in EVENT_TYPES if any(matches(pattern, type) for pattern in patterns))


def read_on(after: int | None, wanted: Wanted, *, most: int) -> Page:
    """Return the first events behind a cursor; None: from the oldest that is kept. Raises CursorGone.

    Where no index knows what is wanted, a page covers SPAN positions and may be empty though there is more.
    """
    last = head()
    begin = oldest_cursor(last) if after is None else after
    end = last
    if wanted.since is not None and (before := cursor_before(wanted.since)) is not None:
        begin = max(begin, min(before, last))
    if wanted.until is not None and (behind := cursor_behind(wanted.until)) is not None:
        end = min(last, behind)
    upto = end
    # The events of one charge point have an index of their own, and all events have theirs.
    if wanted.types is not None or (wanted.cp_ids is not None and len(wanted.cp_ids) > 1):
        upto = min(end, begin + SPAN)
    rows = Event.objects.filter(wanted.condition(), position__gt=begin, position__lte=upto)
    events = [Envelope(*row) for row in rows.order_by("position").values_list(*FIELDS)[:most]]
    if after is not None:
        check_cursor(after, last)  # afterwards: what was there then was there when it was read
    following = events[-1].position if len(events) == most else max(begin, upto)
    return Page(events, following, following < end)


def check_cursor(after: int, last: int) -> None:
    """Raise CursorGone unless all events behind a cursor, up to the last position, are kept."""
    if after > last:
        text = f"no event has come so far: the last one is {last}; the cursor is of another store, or of a later state"
        raise CursorGone("cursor_unknown", text, oldest_cursor(last))
    first = _first()
    if first is not None and after >= first + EDGE:
        return
    if after < (oldest := _oldest_cursor(last, first)):
        text = f"events behind {after} are not kept any more; those behind {oldest} are"
        raise CursorGone("cursor_gone", text, oldest)


def oldest_cursor(last: int) -> int:
    """Return the first cursor behind which nothing is missing; the last position when nothing is kept."""
    return _oldest_cursor(last, _first())


def _oldest_cursor(last: int, first: int | None) -> int:
    if first is None:
        return last
    upto = min(last, first + EDGE)
    kept = Event.objects.filter(position__gte=first, position__lte=upto)
    if kept.count() == upto - first + 1:
        return first - 1
    positions = set(kept.values_list("position", flat=True))
    return next(hole for hole in range(upto, first, -1) if hole not in positions)


def _first() -> int | None:
    rows = Event.objects.filter(position__isnull=False).order_by("position")
    return rows.values_list("position", flat=True).first()


def gone_before(since: datetime, now: datetime) -> datetime | None:
    """Return until when what was recorded since a time is not kept any more; None if all of it is."""
    last = head()
    oldest = oldest_cursor(last)
    if not oldest:
        return None
    first = Event.objects.filter(position=oldest + 1).values_list("recorded_at", flat=True).first() or now
    return first if since < first else None


def cursor_before(moment: datetime) -> int | None:
    """Return a cursor behind which is all that was recorded at a moment or later; None if that is the oldest one."""
    # One that was recorded so much earlier got its position before any of these did.
    rows = Event.objects.filter(pk__lt=uuid7_floor(moment - SLACK), position__isnull=False).order_by("-pk")
    return rows.values_list("position", flat=True).first()


def cursor_behind(moment: datetime) -> int | None:
    """Return a cursor up to which is all that was recorded before a moment; None if that is the last one."""
    rows = Event.objects.filter(pk__gte=uuid7_floor(moment + SLACK), position__isnull=False).order_by("pk")
    first = rows.values_list("position", flat=True).first()
    return None if first is None else first - 1
