"""OCPP 1.6 of boot, heartbeat, status and data transfer, and of the simple orders. Wire words become neutral here."""

from collections.abc import Coroutine
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from chargers import reports
from chargers.commands.ordering import Order
from chargers.commands.saying import renamed, translated
from chargers.handling import Asked, AskedTransfer, Call, Handler, Question, VendorHandler, int32
from chargers.models import Registration
from chargers.protocol.times import format_time, parse_time
from csms.core.backend.answers import RegistrationVerdict
from csms.core.backend.asking import get_backend
from csms.core.config import get_config
from csms.core.counting import FactCounter

BOOT_WORDS = {
    "vendor": "chargePointVendor",
    "model": "chargePointModel",
    "serial_number": "chargePointSerialNumber",
    "firmware_version": "firmwareVersion",
    "iccid": "iccid",
    "imsi": "imsi",
    "meter_type": "meterType",
    "meter_serial_number": "meterSerialNumber",
}
REGISTRATION_WORDS = {
    Registration.ACCEPTED: "Accepted",
    Registration.PENDING: "Pending",
    Registration.REJECTED: "Rejected",
}


def boot_notification(call: Call) -> dict[str, Any]:
    """1.6, 4.2. The interval is the heartbeat's once accepted, else the least wait before the next try (T-084)."""
    facts = {ours: str(call.payload[theirs]) for ours, theirs in BOOT_WORDS.items() if theirs in call.payload}
    if not facts.get("serial_number"):
        facts["serial_number"] = str(call.payload.get("chargeBoxSerialNumber", ""))  # its deprecated name
    said: RegistrationVerdict | None = call.verdict
    registration = reports.record_boot(call.holder.charge_point_id, facts, now=call.received_at, said=said)
    call.holder.registration = registration  # idempotent: a rerun reads the same row
    accepted = registration == Registration.ACCEPTED
    status = REGISTRATION_WORDS[Registration(registration)]
    return {
        "status": "Rejected" if said is not None and said.status == "Rejected" else status,
        "currentTime": format_time(timezone.now()),
        "interval": _interval(accepted, said),
    }


def _interval(accepted: bool, said: RegistrationVerdict | None) -> int:
    config = get_config()
    if said is None or said.interval is None or accepted != (said.status == "Accepted"):
        return config.heartbeat_interval if accepted else config.boot_retry_interval
    if accepted and config.liveness_seconds:  # longer silence would end the connection
        return min(said.interval, config.liveness_seconds // 3)
    return said.interval


def ask_to_register(question: Question) -> Coroutine[Any, Any, RegistrationVerdict | None] | None:
    """Ask the backend, if there is one, about a charge point that boots."""
    backend = get_backend()
    if backend is None:
        return None
    said = question.payload
    return backend.register(
        cp_id=question.holder.cp_id,
        facts={
            "vendor": said["chargePointVendor"],
            "model": said["chargePointModel"],
            "firmware_version": said.get("firmwareVersion", ""),
            "serial_number": said.get("chargePointSerialNumber") or said.get("chargeBoxSerialNumber", ""),
        },
        at=question.received_at,
        message=question.message,
        trace=question.trace.replace("-", ""),
    )


def heartbeat(call: Call) -> dict[str, Any]:
    """1.6, 4.6: the station's clock. Any frame counts as life, so there is nothing to store; it may be told."""
    if get_config().events_heartbeats:
        reports.record_heartbeat(call.holder.cp_id, str(call.holder.connection_id), now=call.received_at)
    return {"currentTime": format_time(timezone.now())}


def status_notification(call: Call) -> dict[str, Any]:
    """1.6, 4.9."""
    payload = call.payload
    reports.record_status(
        call.holder.charge_point_id,
        call.holder.cp_id,
        int32(payload["connectorId"]),
        status=payload["status"],
        error_code=payload["errorCode"],
        info=payload.get("info", ""),
        vendor_id=payload.get("vendorId", ""),
        vendor_error_code=payload.get("vendorErrorCode", ""),
        status_at=parse_time(payload["timestamp"]) if "timestamp" in payload else None,
        now=call.received_at,
    )
    return {}


def data_transfer(call: Call) -> dict[str, Any]:
    """1.6, 4.3: a vendor's own message, which counts only if somebody has entered a handler for it (S-01)."""
    vendor = call.payload["vendorId"].casefold()
    transferred = _transferred(call, vendor)
    TRANSFERS.add(vendor, transferred["status"])
    return transferred


def _transferred(call: Call, vendor: str) -> dict[str, Any]:
    messages = _vendors().get(vendor)
    if messages is None:
        return {"status": "UnknownVendorId"}
    handler = messages.get(call.payload.get("messageId", ""))
    if handler is None:
        return {"status": "UnknownMessageId"}
    transferred = handler(call, call.payload.get("data", ""))
    return {"status": transferred.status} | ({"data": transferred.data} if transferred.data else {})


def ask_about_transfer(question: Question) -> Any:
    """Ask outside about a vendor's message, where its handler wants that."""
    payload = question.payload
    handler = _vendors().get(payload["vendorId"].casefold(), {}).get(payload.get("messageId", ""))
    return handler.ask(question, payload.get("data", "")) if isinstance(handler, AskedTransfer) else None


def _vendors() -> dict[str, dict[str, VendorHandler]]:
    vendors: dict[str, dict[str, VendorHandler]] = import_string(settings.OCPP_VENDORS)
    return vendors


TRANSFERS = FactCounter(
    "csms_data_transfers_total",
    "Messages of vendors that charge points sent, by how they were answered.",
    vendor=_vendors,
    status=("Accepted", "Rejected", "UnknownVendorId", "UnknownMessageId"),
)


CALLS: dict[str, Handler] = {
    "BootNotification": Asked(ask_to_register, boot_notification),
    "DataTransfer": Asked(ask_about_transfer, data_transfer),
    "Heartbeat": heartbeat,
    "StatusNotification": status_notification,
}


def _trigger_message(params: dict[str, Any]) -> dict[str, Any]:
    chosen = {"connectorId": params["connector_id"]} if "connector_id" in params else {}
    return {"requestedMessage": params["requested_message"], **chosen}


# The messages that an order of the security extension brings, where they are not of its own name.
EXTENDED_ANSWERS = {
    "FirmwareStatusNotification": "SignedFirmwareStatusNotification",
    "SignChargePointCertificate": "SignCertificate",
}


CONNECTOR = {"connectorId": "connector_id"}
TRIGGER = {"requestedMessage": "requested_message", **CONNECTOR}
TRANSFER = {"vendorId": "vendor_id", "messageId": "message_id", "data": "data"}


def _data_transfer(params: dict[str, Any]) -> dict[str, Any]:
    return translated(params, {ours: theirs for theirs, ours in TRANSFER.items()})


ORDERS: dict[str, Order] = {
    "reset": Order("Reset", lambda params: {"type": params["type"]}, said=renamed({"type": "type"})),
    "unlock-connector": Order(
        "UnlockConnector",
        lambda params: {"connectorId": params["connector_id"]},
        accepted=frozenset({"Unlocked"}),
        refused=frozenset({"UnlockFailed", "NotSupported"}),
        said=renamed(CONNECTOR),
    ),
    "clear-cache": Order("ClearCache", lambda params: {}, said=renamed({})),
    "trigger-message": Order(
        "TriggerMessage",
        _trigger_message,
        refused=frozenset({"Rejected", "NotImplemented"}),
        asks_for=lambda payload: str(payload["requestedMessage"]),
        said=renamed(TRIGGER),
    ),
    "extended-trigger-message": Order(
        "ExtendedTriggerMessage",
        _trigger_message,
        refused=frozenset({"Rejected", "NotImplemented"}),
        asks_for=lambda payload: EXTENDED_ANSWERS.get(
            payload["requestedMessage"], str(payload["requestedMessage"])
        ),
        said=renamed(TRIGGER),
    ),
    "data-transfer": Order(
        "DataTransfer",
        _data_transfer,
        refused=frozenset({"Rejected", "UnknownMessageId", "UnknownVendorId"}),
        said=renamed(TRANSFER),
    ),
}
