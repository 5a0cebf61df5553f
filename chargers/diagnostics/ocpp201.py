"""OCPP 2.0.1 of logs. Wire words become neutral here."""

from typing import Any

from chargers.commands.ordering import Order
from chargers.diagnostics.services import note_log_status
from chargers.firmware.ocpp201 import request_id
from chargers.handling import Call, Handler


def log_status_notification(call: Call) -> dict[str, Any]:
    """2.0.1, N01: by request id, which only Idle may be without."""
    note_log_status(
        call.holder.charge_point_id,
        call.payload["status"],
        numbered=True,
        request_id=request_id(call),
        now=call.received_at,
    )
    return {}


CALLS: dict[str, Handler] = {"LogStatusNotification": log_status_notification}

ORDERS: dict[str, Order] = {}
