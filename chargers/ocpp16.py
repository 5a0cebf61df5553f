"""OCPP 1.6 of boot, heartbeat, status and data transfer, and of the simple orders. Wire words become neutral here."""

from collections.abc import Coroutine
from typing import Any

from chargers import boots, reports
from chargers.commands.ordering import Order
from chargers.commands.saying import renamed, translated
from chargers.handling import Asked, Call, Handler, Question, int32
from chargers.protocol.times import parse_time
from chargers.registering import ask_about_boot, boot_answer, heartbeat
from chargers.topology.ocpp16 import NO_EVSES
from chargers.vendors import ask_about_transfer, data_transfer
from csms.core.backend.answers import RegistrationVerdict

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


def boot_notification(call: Call) -> dict[str, Any]:
    """1.6, 4.2."""
    facts = {ours: str(call.payload[theirs]) for ours, theirs in BOOT_WORDS.items() if theirs in call.payload}
    if not facts.get("serial_number"):
        facts["serial_number"] = str(call.payload.get("chargeBoxSerialNumber", ""))  # its deprecated name
    said: RegistrationVerdict | None = call.verdict
    registration = boots.record_boot(call.holder.charge_point_id, facts, now=call.received_at, said=said)
    call.holder.registration = registration  # idempotent: a rerun reads the same row
    return boot_answer(registration, said)


def ask_to_register(question: Question) -> Coroutine[Any, Any, RegistrationVerdict | None] | None:
    """Ask the backend, if there is one, about a charge point that boots."""
    said = question.payload
    facts = {ours: str(said[theirs]) for ours, theirs in BOOT_WORDS.items() if theirs in said}
    facts["serial_number"] = facts.get("serial_number") or str(said.get("chargeBoxSerialNumber", ""))
    return ask_about_boot(question, facts)


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
    "reset": Order(
        "Reset",
        lambda params: {"type": params["type"]},
        said=renamed({"type": "type"}),
        fields=frozenset({"type"}),
        instead={"evse_id": "OCPP 1.6 resets the whole charge point: leave evse_id out"},
        choices={"type": ("Soft", "Hard")},
    ),
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
        fields=frozenset({"requested_message", "connector_id"}),
        instead=NO_EVSES,
        choices={
            "requested_message": (
                "StatusNotification",
                "BootNotification",
                "DiagnosticsStatusNotification",
                "FirmwareStatusNotification",
                "Heartbeat",
                "MeterValues",
            )
        },
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
