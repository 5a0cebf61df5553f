"""Read the outbox in order."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min, Q
from django.db.models.functions import Left

from csms.core.events.envelope import FIELDS, Envelope
from csms.core.events.models import Event, Reader
from csms.core.events.numbering import NAME
from csms.core.paging import Newest, newest


def events_after(
    position: int,
    *,
    most: int,
    upto: int | None = None,
    bucket: int | None = None,
    types: Collection[str] = (),
    cp_ids: Collection[str] = (),
) -> list[Envelope]:
    """Return the events behind a position, in order, up to `upto`; of one bucket, some types, some charge points."""
    found = Event.objects.filter(position__gt=position)
    if upto is not None:
        found = found.filter(position__lte=upto)
    if bucket is not None:
        found = found.filter(bucket=bucket)
    if types:
        found = found.filter(type__in=types)
    if cp_ids:
        found = found.filter(cp_id__in=cp_ids)
    return [Envelope(*row) for row in found.order_by("position").values_list(*FIELDS)[:most]]


SCANNED = 20_000
"""Events of a charge point among which those of a type are looked for at once."""


def newest_of(
    cp_id: str | None,
    *,
    types: Iterable[str] | None = None,
    before: int | None = None,
    most: int,
    text_max: int,
) -> Newest[Event]:
    """Return the newest events of a charge point, or of the whole house, of these types.

    Without `before` those that have no place come first. Each has the beginning of its payload as `excerpt`. At most
    SCANNED events are looked at.
    """
    rows = Event.objects.defer("payload").annotate(excerpt=Left("payload", text_max))
    if cp_id is not None:
        rows = rows.filter(cp_id=cp_id)
    wanted = Q() if types is None else Q(type__in=list(types))
    fresh = [] if before is not None else list(rows.filter(wanted, position=None).order_by("-pk")[:most])
    placed = rows.filter(position__isnull=False)
    found = newest(placed, "position", wanted=wanted, before=before, most=most, among=SCANNED)
    return Newest([*fresh, *found.rows], found.older)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one reader still has before it. `oldest_at` is when the first of it was recorded, None without any."""

    name: str
    events: int
    oldest_at: datetime | None
    failing_since: datetime | None
    error: str
    moved_at: datetime | None


def backlogs() -> list[Backlog]:
    """Return the backlog of each reader that was active lately or fails, by name; the events of other buckets count.

    Numbers are differences of positions, so nothing is counted row by row.
    """
    everyone = {reader.name: reader for reader in Reader.objects.order_by("pk")}
    numbering = everyone.pop(NAME, None)  # a reader of its own kind, and the only one that nobody is behind
    last = numbering.position if numbering is not None else 0
    readers = list(everyone.values())
    next_ones = {reader.position + 1 for reader in readers if reader.position < last}
    recorded_at = dict(Event.objects.filter(position__in=next_ones).values_list("position", "recorded_at"))
    return [
        Backlog(
            reader.name,
            max(0, last - reader.position),
            recorded_at.get(reader.position + 1),
            reader.failing_since,
            reader.error,
            reader.moved_at,
        )
        for reader in readers
    ]


UNNUMBERED_MAX = 100_000
"""As far as events without a place are counted."""


@dataclass(frozen=True, slots=True)
class Unnumbered:
    """The events that have no place yet, counted up to a bound; `oldest_at` is None without any."""

    events: int
    oldest_at: datetime | None


def unnumbered(*, most: int = UNNUMBERED_MAX) -> Unnumbered:
    """Return what waits for its place, counted up to `most`. More than a moment's worth means that no relay runs."""
    rows = Event.objects.filter(position=None).order_by("pk")
    oldest = rows.values_list("recorded_at", flat=True).first()
    return Unnumbered(rows.values("pk")[:most].count() if oldest else 0, oldest)


def done_by_all(names: Collection[str]) -> int | None:
    """Return the position up to which all these readers are done; None when there is none of them."""
    least: int | None = Reader.objects.filter(pk__in=names).aggregate(least=Min("position"))["least"]
    return least
