"""`record()`: the only door through which facts leave the house."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from django.utils import timezone

from csms.core.events.models import EVENTS
from csms.core.ids import uuid7_text

SCHEMA_VERSION = 1


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
    event_id = uuid7_text()
    text = orjson.dumps(payload, default=str, option=orjson.OPT_UTC_Z).decode()
    EVENTS.add(event_id, type, SCHEMA_VERSION, cp_id, occurred_at, recorded_at or timezone.now(), text)
    return event_id
