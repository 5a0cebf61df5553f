"""Messages that the server asks for: TriggerMessage and ExtendedTriggerMessage, a table each."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from chargers.simulator.link import Answer

if TYPE_CHECKING:
    from chargers.simulator.charger import Charger
    from chargers.simulator.connector import Connector

Payload = dict[str, Any]
Trigger = Callable[["Charger", int | None, list["Connector"]], Awaitable[None]]


async def _boot(charger: "Charger", *_: Any) -> None:
    charger.boot_wanted.set()


async def _heartbeat(charger: "Charger", *_: Any) -> None:
    await charger.link.call("Heartbeat", {})


async def _statuses(charger: "Charger", number: int | None, connectors: list["Connector"]) -> None:
    # Straight down the line, past the outbox: a charge point that is Pending answers a trigger too.
    statuses = [] if number else [charger.own_status()]
    statuses += [connector.status_payload() for connector in connectors if number != 0]
    for status in statuses:
        await charger.link.call("StatusNotification", status)


async def _meters(charger: "Charger", _number: int | None, connectors: list["Connector"]) -> None:
    for connector in connectors:
        charger.outbox.put(connector.meter_parcel("Trigger"))


async def _diagnostics(charger: "Charger", *_: Any) -> None:
    await charger.link.call("DiagnosticsStatusNotification", {"status": charger.files.diagnostics_status})


async def _log(charger: "Charger", *_: Any) -> None:
    await charger.link.call("LogStatusNotification", dict(charger.files.log_status))


async def _firmware(charger: "Charger", *_: Any) -> None:
    known = {"Downloading", "Downloaded", "Installing", "Installed", "DownloadFailed", "InstallationFailed"}
    status = charger.firmware.last["status"]
    await charger.link.call("FirmwareStatusNotification", {"status": status if status in known else "Idle"})


async def _signed_firmware(charger: "Charger", *_: Any) -> None:
    await charger.link.call("SignedFirmwareStatusNotification", dict(charger.firmware.last))


async def _sign(charger: "Charger", *_: Any) -> None:
    await charger.link.call("SignCertificate", {"csr": charger.security.request()})


CORE: dict[str, Trigger] = {
    "BootNotification": _boot,
    "DiagnosticsStatusNotification": _diagnostics,
    "FirmwareStatusNotification": _firmware,
    "Heartbeat": _heartbeat,
    "MeterValues": _meters,
    "StatusNotification": _statuses,
}

EXTENDED: dict[str, Trigger] = {
    "BootNotification": _boot,
    "FirmwareStatusNotification": _signed_firmware,
    "Heartbeat": _heartbeat,
    "LogStatusNotification": _log,
    "MeterValues": _meters,
    "SignChargePointCertificate": _sign,
    "StatusNotification": _statuses,
}


def _answer(triggers: dict[str, Trigger]) -> Callable[["Charger", Payload], Answer]:
    def answer(charger: "Charger", payload: Payload) -> Answer:
        wanted, number = payload["requestedMessage"], payload.get("connectorId")
        if wanted not in triggers:
            return Answer({"status": "NotImplemented"})
        connectors = [c for c in charger.connectors if number in (None, 0, c.number)]
        if not connectors:
            return Answer({"status": "Rejected"})
        return Answer({"status": "Accepted"}, lambda: triggers[wanted](charger, number, connectors))

    return answer


ANSWERS = {"ExtendedTriggerMessage": _answer(EXTENDED), "TriggerMessage": _answer(CORE)}
