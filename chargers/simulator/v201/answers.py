"""What a station answers to the commands of its server: one function each, one table of them all."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from chargers.simulator import files
from chargers.simulator.clock import moment
from chargers.simulator.firmware import JOB, signer_is_valid
from chargers.simulator.link import Answer, CallRefused
from chargers.simulator.v201 import (
    certificates,
    network,
    profiles,
    reports,
    reservations,
    transactions,
    triggers,
)

if TYPE_CHECKING:
    from chargers.simulator.v201.station import Station

Payload = dict[str, Any]


def answer(station: "Station", action: str, payload: Payload) -> Answer:
    """The answer to this CALL. Raises CallRefused(NotImplemented) for every action not in ANSWERS."""
    if action not in ANSWERS:
        raise CallRefused("NotImplemented", f"{action} is not known here")
    return ANSWERS[action](station, payload)


def _status(status: str, then: Callable[[], Awaitable[None]] | None = None, reason: str = "") -> Answer:
    return Answer({"status": status, **({"statusInfo": {"reasonCode": reason}} if reason else {})}, then)


def _reset(station: "Station", payload: Payload) -> Answer:
    is_immediate = {"Immediate": True, "OnIdle": False}[payload["type"]]
    if (number := payload.get("evseId")) is not None:
        return _reset_evse(station, int(number), is_immediate)
    if is_immediate or station.is_idle:
        return _status("Accepted", partial(station.reset, "RemoteReset"))
    return _status("Scheduled", station.reset_when_idle)


def _reset_evse(station: "Station", number: int, is_immediate: bool) -> Answer:
    evse = station.outlet(number)
    if evse is None or not station.model.flag("EVSE", "AllowReset", evse=number):
        return _status("Rejected", reason="UnknownEvse" if evse is None else "NotEnabled")
    if is_immediate:
        return _status("Accepted", partial(evse.reset, "ImmediateReset"))
    return _status("Accepted" if evse.transaction is None else "Scheduled", evse.reset_when_idle)


def _change_availability(station: "Station", payload: Payload) -> Answer:
    is_operative = {"Operative": True, "Inoperative": False}[payload["operationalStatus"]]
    place = payload.get("evse") or {}
    return _status(station.change_availability(is_operative, place.get("id"), place.get("connectorId")))


def _unlock(station: "Station", payload: Payload) -> Answer:
    evse, number = station.outlet(int(payload["evseId"])), int(payload["connectorId"])
    if evse is None or not 1 <= number <= len(evse.connectors):
        return _status("UnknownConnector")
    if evse.transaction is not None and evse.is_authorized:
        return _status("OngoingAuthorizedTransaction")
    if evse.fault is not None and evse.fault.code == "ConnectorLockFailure":
        return _status("UnlockFailed")
    return _status("Unlocked")


def _clear_cache(station: "Station", _payload: Payload) -> Answer:
    return _status(station.authorizer.clear())


def _data_transfer(station: "Station", payload: Payload) -> Answer:
    if payload["vendorId"] != station.hardware.vendor:
        return _status("UnknownVendorId")
    if payload.get("messageId") != "Echo":
        return _status("UnknownMessageId")
    return Answer({"status": "Accepted", **({"data": payload["data"]} if "data" in payload else {})})


def _local_list_version(station: "Station", _payload: Payload) -> Answer:
    return Answer({"versionNumber": station.local_list.version})


def _send_local_list(station: "Station", payload: Payload) -> Answer:
    return _status(station.local_list.update(payload))


def _get_log(station: "Station", payload: Payload) -> Answer:
    name = station.files.name("security" if payload["logType"] == "SecurityLog" else "diagnostics")
    status = "AcceptedCanceled" if station.jobs.is_running(files.LOG) else "Accepted"

    async def act() -> None:
        station.files.upload_log(payload, name)

    return Answer({"status": status, "filename": name}, act)


def _update_firmware(station: "Station", payload: Payload) -> Answer:
    firmware = payload["firmware"]
    moment(firmware["retrieveDateTime"])
    certificate = firmware.get("signingCertificate")
    if certificate is not None and not signer_is_valid(certificate):
        station.security_event("InvalidFirmwareSigningCertificate")
        return _status("InvalidCertificate")

    async def act() -> None:
        station.firmware.begin(payload, signed=True)

    return _status("AcceptedCanceled" if station.jobs.is_running(JOB) else "Accepted", act)


ANSWERS: dict[str, Callable[["Station", Payload], Answer]] = {
    "ChangeAvailability": _change_availability,
    "ClearCache": _clear_cache,
    "DataTransfer": _data_transfer,
    "GetLocalListVersion": _local_list_version,
    "GetLog": _get_log,
    "Reset": _reset,
    "SendLocalList": _send_local_list,
    "UnlockConnector": _unlock,
    "UpdateFirmware": _update_firmware,
    **certificates.ANSWERS,
    **network.ANSWERS,
    **profiles.ANSWERS,
    **reports.ANSWERS,
    **reservations.ANSWERS,
    **transactions.ANSWERS,
    **triggers.ANSWERS,
}
