"""OCPP 2.0.1 of boot, heartbeat, data transfer and reset. Wire words become neutral here."""

from collections.abc import Coroutine
from typing import Any

from chargers import boots
from chargers.commands.ordering import BadParam, Order
from chargers.commands.saying import renamed, translated
from chargers.handling import Asked, Call, Handler, Question
from chargers.models import ChargePoint, Registration
from chargers.protocol.errors import Fault, OcppError
from chargers.provisioning import services as provisioning
from chargers.registering import ask_about_boot, boot_answer, heartbeat
from chargers.topology.device_events import forget_problems
from chargers.vendors import ask_about_transfer, data_transfer
from csms.core.backend.answers import RegistrationVerdict
from csms.core.writer import after_commit

STATION_WORDS = {
    "vendor": "vendorName",
    "model": "model",
    "serial_number": "serialNumber",
    "firmware_version": "firmwareVersion",
}
MODEM_WORDS = {"iccid": "iccid", "imsi": "imsi"}


def facts_of(payload: dict[str, Any]) -> dict[str, str]:
    """Return what a BootNotification says of the station, by the names of BOOT_FIELDS."""
    station = payload["chargingStation"]
    told = translated(station, {theirs: ours for ours, theirs in STATION_WORDS.items()})
    told |= translated(station.get("modem", {}), {theirs: ours for ours, theirs in MODEM_WORDS.items()})
    return {name: str(value) for name, value in told.items()}


def boot_notification(call: Call) -> dict[str, Any]:
    """2.0.1, B01 to B03. Raises OcppError for one whose certificate is another's."""
    holder, now = call.holder, call.received_at
    facts = facts_of(call.payload)
    _mind_the_certificate(call, facts.get("serial_number", ""))

    def set_up_first(charge_point: ChargePoint) -> None:
        provisioning.begin(charge_point, holder.traits, now=now)
        holder.approved = charge_point.registration == Registration.ACCEPTED

    said: RegistrationVerdict | None = call.verdict
    standing = boots.record_boot(
        holder.charge_point_id,
        facts,
        now=now,
        said=said,
        reason=str(call.payload.get("reason", "")),
        before=set_up_first,
    )
    forget_problems(holder.charge_point_id)
    holder.registration = standing  # idempotent: a rerun reads the same row
    return boot_answer(standing, said)


def _mind_the_certificate(call: Call, serial_number: str) -> None:
    """T-035: close the connection of a station whose certificate has the serial number of another.

    One that names the identity names this charge point, whatever its serial number is now.
    """
    holder = call.holder
    shown = {name.casefold() for name in holder.certificate_names}
    if shown and serial_number and not shown & {serial_number.casefold(), holder.cp_id.casefold()}:
        reason = "its certificate is not that of the serial number which it tells"
        after_commit(lambda: holder.hang_up(1008, reason))
        raise OcppError(Fault.SECURITY, reason)


def ask_to_register(question: Question) -> Coroutine[Any, Any, RegistrationVerdict | None] | None:
    """Ask the backend, if there is one, about a charging station that boots."""
    return ask_about_boot(question, facts_of(question.payload))


CALLS: dict[str, Handler] = {
    "BootNotification": Asked(ask_to_register, boot_notification),
    "DataTransfer": Asked(ask_about_transfer, data_transfer),
    "Heartbeat": heartbeat,
}

RESET = {"type": "type", "evseId": "evse_id"}
TRANSFER = {"vendorId": "vendor_id", "messageId": "message_id", "data": "data"}


def _said_transfer(payload: dict[str, Any]) -> dict[str, Any]:
    """Return our words for a vendor's message. Data that is no text has none: only the exact door says it."""
    if not isinstance(payload.get("data", ""), str):
        raise BadParam("data", "it is no text")
    return translated(payload, TRANSFER)


ORDERS: dict[str, Order] = {
    "reset": Order(
        "Reset",
        lambda params: translated(params, {ours: theirs for theirs, ours in RESET.items()}),
        accepted=frozenset({"Accepted", "Scheduled"}),
        said=renamed(RESET),
        choices={"type": ("OnIdle", "Immediate")},
    ),
    "data-transfer": Order(
        "DataTransfer",
        lambda params: translated(params, {ours: theirs for theirs, ours in TRANSFER.items()}),
        refused=frozenset({"Rejected", "UnknownMessageId", "UnknownVendorId"}),
        said=_said_transfer,
    ),
}
