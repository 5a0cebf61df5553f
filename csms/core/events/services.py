"""`record()`: the only door through which facts leave the house."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from zlib import crc32

import orjson
from django.utils import timezone

from csms.core.events.models import BUCKETS, EVENTS
from csms.core.ids import uuid7_text
from csms.core.tracing import current_trace

SCHEMA_VERSION = 1

EventRow = tuple[str, str, int, str, datetime, datetime, str, int, str]


def record(
    type: str,
    cp_id: str,
    payload: Mapping[str, Any],
    *,
    occurred_at: datetime,
    recorded_at: datetime | None = None,
) -> str:
    """Write an event in the transaction of the change and return its id.

    `type` is a published name such as `tx.started`; `occurred_at` is aware, by our clock. Decimals become text, so
    that no figure is rounded on its way out.
    """
    row = _row(type, cp_id, payload, occurred_at, recorded_at or timezone.now())
    EVENTS.add(*row)
    return row[0]


def record_all(type: str, facts: Iterable[tuple[str, Mapping[str, Any]]], *, occurred_at: datetime) -> None:
    """Write an event for each `cp_id` and payload as `record()` does, all in one statement."""
    now = timezone.now()
    if rows := [_row(type, cp_id, payload, occurred_at, now) for cp_id, payload in facts]:
        EVENTS.write(rows)


@lru_cache(20_000)
def bucket_of(cp_id: str) -> int:
    """Return the part of the outbox to which a charge point's events belong."""
    return crc32(cp_id.encode()) % BUCKETS


def _row(
    type: str, cp_id: str, payload: Mapping[str, Any], occurred_at: datetime, recorded_at: datetime
) -> EventRow:
    text = orjson.dumps(payload, default=str, option=orjson.OPT_UTC_Z).decode()
    return (
        uuid7_text(),
        type,
        SCHEMA_VERSION,
        cp_id,
        occurred_at,
        recorded_at,
        current_trace(),
        bucket_of(cp_id),
        text,
    )
