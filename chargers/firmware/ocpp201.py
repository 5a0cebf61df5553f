"""OCPP 2.0.1 of firmware. Wire words become neutral here."""

from typing import Any

from chargers.commands.ordering import Order
from chargers.firmware.services import note_firmware_status
from chargers.handling import Call, Handler, int32


def firmware_status_notification(call: Call) -> dict[str, Any]:
    """2.0.1, L01: by request id, which only Idle may be without."""
    note_firmware_status(
        call.holder.charge_point_id,
        call.payload["status"],
        numbered=True,
        request_id=request_id(call),
        now=call.received_at,
    )
    return {}


def request_id(call: Call) -> int | None:
    """Return the request that a status names, if it names one."""
    return int32(call.payload["requestId"]) if "requestId" in call.payload else None


CALLS: dict[str, Handler] = {"FirmwareStatusNotification": firmware_status_notification}

ORDERS: dict[str, Order] = {}
