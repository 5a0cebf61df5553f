"""The cast of the named queries: how one is asked, and rows for it to tell of."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from asgiref.sync import sync_to_async
from django.utils import timezone

from chargers.models import ChargePoint, Frame, StatusReport
from console.feeds import Found
from console.queries import read_question
from csms.core.ids import uuid7, uuid7_floor

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
in_database = sync_to_async


def source(name: str, **params: Any) -> Any:
    return read_question(name, params)[1]()


def rows(found: Found) -> list[dict[str, Any]]:
    return [orjson.loads(row.text) for row in found.rows]


def make_status(charge_point: ChargePoint, at: datetime, status: str = "Available") -> UUID:
    """A status report whose id is from `at`."""
    pk = UUID(int=uuid7_floor(at).int | (uuid7().int & 0xFFFFFFFF))
    StatusReport.objects.create(
        id=pk, charge_point=charge_point, connector_number=1, status=status, received_at=at
    )
    return pk


def make_frames(charge_point: ChargePoint, number: int, **values: Any) -> None:
    defaults = {"direction": "in", "kind": 2, "action": "Heartbeat", "verdict": "ok", "text": "[]"}
    Frame.objects.bulk_create(
        Frame(
            id=uuid7(),
            charge_point=charge_point,
            connection_id=uuid7(),
            at=timezone.now(),
            **defaults | values,
        )
        for _ in range(number)
    )
