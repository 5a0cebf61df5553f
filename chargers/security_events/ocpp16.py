"""OCPP 1.6 of this block. Wire words become neutral ones here."""

from typing import Any

from chargers.commands.ordering import Order
from chargers.handling import Call, Handler
from chargers.protocol.times import parse_time
from chargers.security_events.services import record_security_event


def security_event_notification(call: Call) -> dict[str, Any]:
    """Security white paper, A03: the answer is empty, and nothing is too odd to be kept (S16-73)."""
    payload = call.payload
    record_security_event(
        call.holder.charge_point_id,
        call.holder.cp_id,
        type=payload["type"],
        info=payload.get("techInfo", ""),
        event_at=parse_time(payload.get("timestamp")),
        now=call.received_at,
    )
    return {}


CALLS: dict[str, Handler] = {"SecurityEventNotification": security_event_notification}

ORDERS: dict[str, Order] = {}
