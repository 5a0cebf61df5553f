"""Give events their place, after their commit: all in one row, and those of each charge point in one of their own.

A transaction that began early may commit late, so neither ids nor times tell a reader where to read on. One process at
a time takes what has become visible since, in the order of the ids, and numbers it without gaps. What is numbered never
changes, and nothing appears later below the last position.
"""

from collections import Counter
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from prometheus_client import Counter as Total

from csms.core.events.models import Event, Reader, Sequence

NAME = "numbering"
MOST = 2000  # events of one transaction; short, for on SQLite it keeps the writer waiting

NUMBERED = Total("csms_events_numbered_total", "Events that were given their position.")

_TABLE = Event._meta.db_table


def head() -> int:
    """Return the last position given, 0 when there is none."""
    return Reader.objects.filter(pk=NAME).values_list("position", flat=True).first() or 0


def number_events(*, now: datetime, most: int = MOST) -> int:
    """Number what has been committed, at most `most` events, and return how many; 0 while another process does."""
    new = Event.objects.filter(position=None).order_by("pk")
    if not new.values("pk")[:1]:  # looks, without taking a lock
        return 0
    with transaction.atomic():
        if (last := _last_position_alone()) is None:
            return 0
        events = list(new.values_list("pk", "cp_id")[:most])
        if not events:
            return 0
        _write(events, last)
        Reader.objects.filter(pk=NAME).update(position=last + len(events), moved_at=now)
    NUMBERED.inc(len(events))
    return len(events)


def _last_position_alone() -> int | None:
    """Return the last position given and keep others from giving any; None while another process does."""
    # On SQLite the transaction itself is alone (BEGIN IMMEDIATE).
    row = Reader.objects.select_for_update(skip_locked=connection.vendor == "postgresql")
    mine = row.filter(pk=NAME).values_list("position", flat=True)
    if (last := mine.first()) is None:
        Reader.objects.bulk_create([Reader(name=NAME)], ignore_conflicts=True)  # the very first time
        last = mine.first()
    return last


def _write(events: list[tuple[UUID, str]], last: int) -> None:
    counts = Counter(cp_id for _, cp_id in events)
    before = dict(Sequence.objects.filter(pk__in=counts).values_list("pk", "last"))
    sequence = {cp_id: before.get(cp_id, 0) for cp_id in counts}
    places: list[tuple[int, int, UUID]] = []
    for position, (pk, cp_id) in enumerate(events, start=last + 1):
        sequence[cp_id] += 1
        places.append((position, sequence[cp_id], pk))
    if connection.vendor == "postgresql":
        positions, sequences, ids = (list(column) for column in zip(*places, strict=True))
        with connection.cursor() as cursor:
            # The bounds are said apart, so that the planner leaves out the partitions beyond them.
            cursor.execute(
                f"UPDATE {_TABLE} AS event SET position = place.position, sequence = place.sequence"  # noqa: S608
                " FROM unnest(%s::bigint[], %s::bigint[], %s::uuid[]) AS place (position, sequence, id)"
                " WHERE event.id = place.id AND event.id BETWEEN %s AND %s",
                [positions, sequences, ids, ids[0], ids[-1]],
            )
    else:
        with connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {_TABLE} SET position = %s, sequence = %s WHERE id = %s",  # noqa: S608
                [(position, sequence, pk.hex) for position, sequence, pk in places],
            )
    Sequence.objects.bulk_create(
        [Sequence(cp_id=cp_id, last=last) for cp_id, last in sequence.items()],
        update_conflicts=True,
        unique_fields=["cp_id"],
        update_fields=["last"],
    )
