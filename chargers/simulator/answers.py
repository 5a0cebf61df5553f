"""What a charge point answers to the commands of its server: one function each, one table of them all."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from chargers.simulator import files, firmware, security, smart, triggers
from chargers.simulator.clock import moment
from chargers.simulator.keys import SECRET
from chargers.simulator.link import Answer, CallRefused
from chargers.simulator.smart import TX
from chargers.simulator.stores import Reservation

if TYPE_CHECKING:
    from chargers.simulator.charger import Charger

Payload = dict[str, Any]


def answer(charger: "Charger", action: str, payload: Payload) -> Answer:
    """The answer to this CALL. Raises CallRefused(NotImplemented) for every action not in ANSWERS."""
    if action not in ANSWERS:
        raise CallRefused("NotImplemented", f"{action} is not known here")
    return ANSWERS[action](charger, payload)


def _status(status: str, then: Callable[[], Awaitable[None]] | None = None) -> Answer:
    return Answer({"status": status}, then)


def _now(*deeds: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        for deed in deeds:
            deed()

    return act


def _remote_start(charger: "Charger", payload: Payload) -> Answer:
    tag, wanted, profile = str(payload["idTag"]), payload.get("connectorId"), payload.get("chargingProfile")
    if profile is not None and profile["chargingProfilePurpose"] != TX:
        return _status("Rejected")
    for connector in charger.connectors:
        if wanted in (None, connector.number) and connector.may_start(tag):
            return _status("Accepted", _now(partial(connector.remote_start, tag, profile)))
    return _status("Rejected")


def _remote_stop(charger: "Charger", payload: Payload) -> Answer:
    wanted = payload["transactionId"]
    for connector in charger.connectors:
        if connector.transaction is not None and connector.transaction.id == wanted:
            return _status("Accepted", _now(partial(connector.stop, "Remote")))
    return _status("Rejected")


def _reset(charger: "Charger", payload: Payload) -> Answer:
    reason = {"Soft": "SoftReset", "Hard": "HardReset"}[payload["type"]]
    return _status("Accepted", _now(partial(charger.reboot, reason)))


def _change_availability(charger: "Charger", payload: Payload) -> Answer:
    number, operative = payload["connectorId"], {"Operative": True, "Inoperative": False}[payload["type"]]
    if number == 0:
        return _status(charger.change_availability(operative))
    connector = charger.connector(number)
    return _status("Rejected" if connector is None else connector.change_availability(operative))


def _unlock(charger: "Charger", payload: Payload) -> Answer:
    connector = charger.connector(payload["connectorId"])
    if connector is None:
        return _status("NotSupported")
    if connector.fault is not None and connector.fault.code == "ConnectorLockFailure":
        return _status("UnlockFailed")
    # OCPP 1.6, 5.18: a running transaction is ended before the cable is set free.
    return _status("Unlocked", _now(partial(connector.stop, "UnlockCommand")))


def _clear_cache(charger: "Charger", _payload: Payload) -> Answer:
    charger.known_tags.clear()
    return _status("Accepted")


def _get_configuration(charger: "Charger", payload: Payload) -> Answer:
    return Answer(charger.keys.listed(payload.get("key") or ()))


def _change_configuration(charger: "Charger", payload: Payload) -> Answer:
    status = charger.keys.change(payload["key"], str(payload["value"]))
    if status == "Accepted" and payload["key"].casefold() == SECRET.casefold():
        # The white paper, A01: the new password counts from the next connection on, which comes at once.
        return _status(status, charger.prove_password)
    return _status(status, _now(charger.configuration_changed))


def _data_transfer(charger: "Charger", payload: Payload) -> Answer:
    if payload["vendorId"] != charger.hardware.vendor:
        return _status("UnknownVendorId")
    if payload.get("messageId") != "Echo":
        return _status("UnknownMessageId")
    return Answer({"status": "Accepted", "data": str(payload.get("data", ""))})


def _local_list_version(charger: "Charger", _payload: Payload) -> Answer:
    return Answer({"listVersion": charger.local_list.version})


def _send_local_list(charger: "Charger", payload: Payload) -> Answer:
    return _status(charger.local_list.update(payload))


def _reserve(charger: "Charger", payload: Payload) -> Answer:
    number, expires_at = int(payload["connectorId"]), moment(payload["expiryDate"])
    wanted = [c for c in charger.connectors if number in (0, c.number)]
    if not wanted or expires_at <= datetime.now(UTC):
        return _status("Rejected")
    refusals = [connector.why_not_reserve(int(payload["reservationId"])) for connector in wanted]
    if None not in refusals:
        return _status(str(refusals[0]))
    reservation = Reservation(
        int(payload["reservationId"]), number, payload["idTag"], payload.get("parentIdTag"), expires_at
    )
    return _status("Accepted", _now(partial(charger.reservations.add, reservation)))


def _cancel_reservation(charger: "Charger", payload: Payload) -> Answer:
    return _status("Accepted" if charger.reservations.remove(int(payload["reservationId"])) else "Rejected")


ANSWERS: dict[str, Callable[["Charger", Payload], Answer]] = {
    "CancelReservation": _cancel_reservation,
    "ChangeAvailability": _change_availability,
    "ChangeConfiguration": _change_configuration,
    "ClearCache": _clear_cache,
    "DataTransfer": _data_transfer,
    "GetConfiguration": _get_configuration,
    "GetLocalListVersion": _local_list_version,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "ReserveNow": _reserve,
    "Reset": _reset,
    "SendLocalList": _send_local_list,
    "UnlockConnector": _unlock,
    **files.ANSWERS,
    **firmware.ANSWERS,
    **security.ANSWERS,
    **smart.ANSWERS,
    **triggers.ANSWERS,
}
