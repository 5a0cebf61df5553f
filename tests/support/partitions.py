"""Partitions far from the present, and rows for them."""

from datetime import UTC, datetime, timedelta

from django.db import connection

from csms.core import partitions
from csms.core.events.models import Event
from csms.core.ids import UUID, uuid7_floor
from csms.core.partitions import Partitioned
from csms.retention import PARTITIONED

# Far from the present, of which there are partitions already.
NOW = datetime(2031, 5, 30, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FRAME, METER_VALUE, EVENT = PARTITIONED


def pk(at: datetime, n: int = 1) -> UUID:
    return UUID(int=uuid7_floor(at).int + n)


def event(at: datetime, n: int = 1, **more: object) -> Event:
    given = {"id": pk(at, n), "type": "t", "occurred_at": at, "recorded_at": at, "payload": "{}"}
    return Event.objects.create(**given | {"position": n} | more)


def names(table: Partitioned = EVENT, since: datetime = NOW - 400 * DAY) -> list[str]:
    """The partitions that begin since then, without the name of the table."""
    found = partitions.partitions(table.table)
    return [
        part.name.removeprefix(f"{table.table}_")
        for part in found
        if part.lower and part.lower >= uuid7_floor(since)
    ]


def place_of(row: Event) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM events_event WHERE id = %s", [row.pk])
        return cursor.fetchone()[0].removeprefix("events_event_")
