"""What a charge point answers to the commands of its server: one function each, one table of them all."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from chargers.simulator.link import Answer, CallRefused

if TYPE_CHECKING:
    from chargers.simulator.charger import Charger
    from chargers.simulator.connector import Connector

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
    tag, wanted = str(payload["idTag"]), payload.get("connectorId")
    for connector in charger.connectors:
        if wanted in (None, connector.number) and connector.may_start:
            return _status("Accepted", _now(partial(connector.remote_start, tag)))
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
    return _status(status, _now(charger.configuration_changed.set))


def _data_transfer(_charger: "Charger", payload: Payload) -> Answer:
    return _status("UnknownVendorId" if payload["vendorId"] else "Rejected")


def _trigger(charger: "Charger", payload: Payload) -> Answer:
    wanted, number = payload["requestedMessage"], payload.get("connectorId")
    if wanted not in TRIGGERS:
        return _status("NotImplemented")
    connectors = [c for c in charger.connectors if number in (None, 0, c.number)]
    if not connectors:
        return _status("Rejected")
    return _status("Accepted", TRIGGERS[wanted](charger, number, connectors))


def _call(action: str, **payload: Any) -> Callable[..., Callable[[], Awaitable[None]]]:
    def trigger(charger: "Charger", *_: Any) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            await charger.link.call(action, dict(payload))

        return act

    return trigger


def _trigger_boot(charger: "Charger", *_: Any) -> Callable[[], Awaitable[None]]:
    return _now(charger.boot_wanted.set)


def _trigger_statuses(
    charger: "Charger", number: int | None, connectors: list["Connector"]
) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        # Straight down the line, past the outbox: a charge point that is Pending answers a trigger too.
        statuses = [] if number else [charger.own_status()]
        statuses += [connector.status_payload() for connector in connectors if number != 0]
        for status in statuses:
            await charger.link.call("StatusNotification", status)

    return act


def _trigger_meters(
    charger: "Charger", _number: int | None, connectors: list["Connector"]
) -> Callable[[], Awaitable[None]]:
    def report() -> None:
        for connector in connectors:
            charger.outbox.put(connector.meter_parcel("Trigger"))

    return _now(report)


TRIGGERS: dict[str, Callable[..., Callable[[], Awaitable[None]]]] = {
    "BootNotification": _trigger_boot,
    "DiagnosticsStatusNotification": _call("DiagnosticsStatusNotification", status="Idle"),
    "FirmwareStatusNotification": _call("FirmwareStatusNotification", status="Idle"),
    "Heartbeat": _call("Heartbeat"),
    "MeterValues": _trigger_meters,
    "StatusNotification": _trigger_statuses,
}

ANSWERS: dict[str, Callable[["Charger", Payload], Answer]] = {
    "ChangeAvailability": _change_availability,
    "ChangeConfiguration": _change_configuration,
    "ClearCache": _clear_cache,
    "DataTransfer": _data_transfer,
    "GetConfiguration": _get_configuration,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "Reset": _reset,
    "TriggerMessage": _trigger,
    "UnlockConnector": _unlock,
}
