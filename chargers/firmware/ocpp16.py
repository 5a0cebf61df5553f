"""OCPP 1.6 of this block. Wire words become neutral ones here."""

from datetime import datetime
from typing import Any

from chargers.certificates.pem import read_certificates, text_of
from chargers.commands.ordering import ANY_ANSWER, BadParam, Order
from chargers.commands.saying import as_is, translated, turned
from chargers.firmware.services import note_firmware_status
from chargers.firmware.signatures import CERTIFICATE_MAX
from chargers.handling import Call, Handler, int32
from chargers.protocol.times import format_time


def firmware_status_notification(call: Call) -> dict[str, Any]:
    """1.6, 4.5. It names no update: the last one is meant (S16-60)."""
    note_firmware_status(
        call.holder.charge_point_id, call.payload["status"], numbered=False, now=call.received_at
    )
    return {}


def request_id(call: Call) -> int | None:
    """Return the request that a status names, if it names one."""
    return int32(call.payload["requestId"]) if "requestId" in call.payload else None


def signed_firmware_status_notification(call: Call) -> dict[str, Any]:
    """Security white paper, 5.12: by request id (S16-70)."""
    note_firmware_status(
        call.holder.charge_point_id,
        call.payload["status"],
        numbered=True,
        request_id=request_id(call),
        now=call.received_at,
    )
    return {}


CALLS: dict[str, Handler] = {
    "FirmwareStatusNotification": firmware_status_notification,
    "SignedFirmwareStatusNotification": signed_firmware_status_notification,
}


def _time(text: str) -> str:
    return format_time(datetime.fromisoformat(text))


RETRIES = (("retries", "retries"), ("retry_interval", "retryInterval"))


def retries(params: dict[str, Any]) -> dict[str, Any]:
    """Return how often and after how long to try again, as far as that was said."""
    return {theirs: params[ours] for ours, theirs in RETRIES if params.get(ours) is not None}


def _update_firmware(params: dict[str, Any]) -> dict[str, Any]:
    # S16-61: retrieveDate means not before.
    due = _time(params["retrieve_date"])
    return {"location": params["location"], "retrieveDate": due, **retries(params)}


def _signed_update_firmware(params: dict[str, Any]) -> dict[str, Any]:
    certificate = text_of(*read_certificates(params["signing_certificate"]))
    if len(certificate) > CERTIFICATE_MAX:  # it may have come without line ends
        raise BadParam("signing_certificate", f"in lines it has more than {CERTIFICATE_MAX} characters")
    firmware = {
        "location": params["location"],
        "retrieveDateTime": _time(params["retrieve_date"]),
        "signingCertificate": certificate,
        "signature": "".join(params["signature"].split()),
    }
    if params.get("install_date"):
        firmware["installDateTime"] = _time(params["install_date"])
    return {"requestId": params["request_id"], "firmware": firmware, **retries(params)}


UPDATE = {"retrieveDate": "retrieve_date"}
SIGNED_UPDATE = {
    "retrieveDateTime": "retrieve_date",
    "installDateTime": "install_date",
    "signingCertificate": "signing_certificate",
    "signature": "signature",
}


def said_retries(payload: dict[str, Any]) -> dict[str, Any]:
    """Return how often and after how long to try again, as far as the payload says so."""
    return translated(payload, {theirs: ours for ours, theirs in RETRIES})


def _said_update(payload: dict[str, Any]) -> dict[str, Any]:
    location = as_is(payload["location"], "location")
    return {"location": location, **translated(payload, UPDATE), **said_retries(payload)}


def _said_signed_update(payload: dict[str, Any]) -> dict[str, Any]:
    firmware = payload["firmware"]
    return {
        "location": as_is(firmware["location"], "firmware.location"),
        **translated(firmware, SIGNED_UPDATE),
        **said_retries(payload),
        "request_id": payload["requestId"],
    }


ORDERS: dict[str, Order] = {
    "update-firmware": Order(
        "UpdateFirmware",
        _update_firmware,
        accepted=ANY_ANSWER,  # S16-61: only a receipt
        said=_said_update,
    ),
    "signed-update-firmware": Order(
        "SignedUpdateFirmware",
        _signed_update_firmware,
        accepted=frozenset({"Accepted", "AcceptedCanceled"}),
        refused=frozenset({"Rejected", "InvalidCertificate", "RevokedCertificate"}),
        read=lambda answer: {"replaced": answer.get("status") == "AcceptedCanceled"},
        said=_said_signed_update,
        places=turned(SIGNED_UPDATE, "firmware.") | {"location": "firmware.location"},
    ),
}
