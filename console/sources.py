"""What answers a named query: rows that come and go, rows that only come, the events of the outbox.

Rows have the shapes of the API, long texts cut.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import orjson
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Left
from django.utils import timezone

from chargers.history.frames_api import FrameShape
from chargers.models import Frame
from console.feeds import ROWS_MAX, Found, Row
from csms.core.api_data import Shape
from csms.core.events.envelope import milliseconds
from csms.core.events.models import Event
from csms.core.events.numbering import head
from csms.core.events.selectors import SCANNED
from csms.core.ids import uuid7_floor
from csms.core.paging import newest
from transactions.meter_api import MeterValueShape
from transactions.models import MeterValue

TEXT_MAX = 1000  # characters of a text that a charge point wrote
JSON_MAX = 4000  # characters of a JSON text; a longer one is left out
OVERLAP = timedelta(seconds=30)  # so far back is looked for what was committed late
LOOKED_AT = int(OVERLAP.total_seconds()) * ROWS_MAX  # rows within that; of more not all could be told anyway
M = TypeVar("M", bound=Model)


def cut(value: Any) -> Any:
    """Return what is told of a value: long texts are cut, wherever they are in it."""
    if isinstance(value, str):
        return value if len(value) <= TEXT_MAX else value[:TEXT_MAX] + "…"
    if isinstance(value, Mapping):
        return {name: cut(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [cut(part) for part in value]
    return value


def told(row: Mapping[str, Any], key: str, unsteady: Iterable[str] = ()) -> Row:
    """Return a row as it is told; what is `unsteady` of it makes it no other."""
    values = {name: cut(value) for name, value in row.items()}
    text = orjson.dumps(values, default=str)
    steady = {name: value for name, value in values.items() if name not in unsteady}
    mark = text if len(steady) == len(values) else orjson.dumps(steady, default=str)
    return Row(str(row[key]), mark, text)


# --- queries of rows --------------------------------------------------------------------------------------------------


@dataclass
class Rows:
    """Rows that come, change and go: all of them are read each time, and compared with what was told."""

    key: str
    topics: frozenset[str]
    rows: Callable[[], Iterable[Any]]
    shape: type[Shape]
    unsteady: tuple[str, ...] = ()
    pause: float = 0.5
    look: float = 30.0
    grows: ClassVar[bool] = False

    def read(self) -> Found:
        """Read all of them."""
        written = self.shape(list(self.rows()), many=True).data
        return Found([told(row, self.key, self.unsteady) for row in written])

    def failed(self) -> None:
        """Nothing is lost: the next read is of all of them again."""


# --- queries that only grow -------------------------------------------------------------------------------------------


@dataclass
class History(Generic[M]):
    """Rows that only come, in the order of their time-sorted ids.

    A row may be committed later than others with higher ids, by a transaction that took longer or by a process whose
    clock is behind. So each read looks OVERLAP back, and tells what it had not found there before. After a failure of
    the database it looks as far back as before that, for a while: what waited to be stored has its ids from then.
    """

    stored: QuerySet[M]
    dress: Callable[[QuerySet[M]], QuerySet[M]]
    wanted: Q
    write: Callable[[list[M]], list[Row]]
    topics: frozenset[str]
    window: timedelta
    pause: float = 1.0
    look: float = 30.0
    key: str = "id"
    grows: ClassVar[bool] = True
    _seen: set[UUID] = field(default_factory=set)
    _read_at: datetime | None = None
    _held: datetime | None = None  # the last good read before a failure
    _back_at: datetime | None = None  # the first one after it

    def read(self) -> Found:
        """Read the newest, then what has come since."""
        now, last = timezone.now(), self._read_at
        since = now - self.window if last is None else (self._held or last) - OVERLAP
        rows = self.stored.filter(pk__gte=uuid7_floor(since))
        there = newest(rows.only("pk"), "pk", wanted=self.wanted, most=LOOKED_AT, among=LOOKED_AT)
        ids = [row.pk for row in there.rows]
        fresh = [pk for pk in ids if pk not in self._seen]
        # Not all that may have come since the last read was looked at, late ones among it, or is told.
        skipped = last is not None and (there.older is not None or len(fresh) > ROWS_MAX)
        fresh = fresh[:ROWS_MAX]
        found = self.write(list(self.dress(self.stored.filter(pk__in=fresh)).order_by("pk"))) if fresh else []
        self._seen, self._read_at = set(ids), now
        if self._held is not None:
            self._back_at = self._back_at or now
            if now - self._back_at > OVERLAP:
                self._held = self._back_at = None
        return Found(found, skipped=skipped)

    def failed(self) -> None:
        """Remember up to when everything had been read."""
        self._held, self._back_at = self._held or self._read_at, None


def with_excerpt(name: str, most: int) -> Callable[[QuerySet[M]], QuerySet[M]]:
    """Return what puts the beginning of a text beside rows instead of the text, and their charge points."""

    def dress(rows: QuerySet[M]) -> QuerySet[M]:
        dressed: Any = rows.select_related("charge_point").defer(name).annotate(excerpt=Left(name, most + 1))
        return dressed  # type: ignore[no-any-return]

    return dress


def with_charge_point(rows: QuerySet[M]) -> QuerySet[M]:
    """Put their charge points beside rows."""
    return rows.select_related("charge_point")


def written(shape: type[Shape], rows: list[Any]) -> list[Row]:
    """Return rows in a shape of the API."""
    return [told(row, "id") for row in shape(rows, many=True).data]


def frames_written(rows: list[Frame]) -> list[Row]:
    """Return frames, of long ones the beginning."""
    for row in rows:
        row.text = row.excerpt  # type: ignore[attr-defined]  # annotated; the whole of it is never read
    return written(FrameShape, rows)


def readings_written(rows: list[MeterValue]) -> list[Row]:
    """Return readings, without samples that are too many."""
    for row in rows:
        excerpt: str = row.excerpt  # type: ignore[attr-defined]  # as above
        row.samples = excerpt if len(excerpt) <= JSON_MAX else "[]"
    return written(MeterValueShape, rows)


@dataclass
class Events:
    """What leaves the house, in the order of its positions, behind which nothing comes later."""

    cp_id: str | None
    types: frozenset[str] | None
    topics: frozenset[str] = frozenset()  # positions are given later than it rings
    pause: float = 1.0
    look: float = 1.0
    key: str = "event_id"
    grows: ClassVar[bool] = True
    _after: int | None = None

    def read(self) -> Found:
        """Read the newest, then what has come since."""
        last = head()
        if self._after is not None and last <= self._after:
            self._after = last  # less: the store is another one
            return Found([])
        wanted = Q() if self.types is None else Q(type__in=self.types)
        rows = Event.objects.filter(position__lte=last)
        if self.cp_id is not None:
            rows = rows.filter(cp_id=self.cp_id)
        rows = rows.defer("payload").annotate(excerpt=Left("payload", JSON_MAX + 1))
        if self._after is None:
            self._after = last
            there = newest(rows, "position", wanted=wanted, most=ROWS_MAX, among=SCANNED)
            return Found([self._told(row) for row in reversed(there.rows)])
        upto = min(last, self._after + SCANNED)
        found = list(
            rows.filter(wanted, position__gt=self._after, position__lte=upto).order_by("position")[:ROWS_MAX]
        )
        full = len(found) == ROWS_MAX
        self._after = (found[-1].position or upto) if full else upto
        return Found([self._told(row) for row in found], more=full or upto < last)

    def failed(self) -> None:
        """Nothing is lost: the next read goes on from the same position."""

    def _told(self, event: Event) -> Row:
        excerpt: str = event.excerpt  # type: ignore[attr-defined]  # as above
        whole = len(excerpt) <= JSON_MAX
        row = {
            "event_id": event.pk,
            "type": event.type,
            "occurred_at": milliseconds(event.occurred_at),
            "recorded_at": milliseconds(event.recorded_at),
            "cp_id": event.cp_id,
            "sequence": event.sequence,
            "position": event.position,
            "trace_id": event.trace_id or event.pk.hex,
            "payload": orjson.loads(excerpt) if whole else None,
            "excerpt": excerpt[:TEXT_MAX],
        }
        return told(row, self.key)
