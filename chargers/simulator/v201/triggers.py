"""Messages that the server asks for by TriggerMessage: a table of them."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from chargers.simulator.link import Answer
from chargers.simulator.v201.certificates import STATION, V2G

if TYPE_CHECKING:
    from chargers.simulator.v201.evse import Evse
    from chargers.simulator.v201.station import Station

Payload = dict[str, Any]
Trigger = Callable[["Station", list["Evse"], int | None], Awaitable[None]]


async def _boot(station: "Station", *_: Any) -> None:
    station.boot_wanted.set()


async def _heartbeat(station: "Station", *_: Any) -> None:
    await station.link.call("Heartbeat", {})


async def _status(station: "Station", evses: list["Evse"], connector: int | None) -> None:
    # Straight down the line, past the outbox: a station that is Pending answers a trigger, too.
    for evse in evses:
        for one in evse.connectors:
            if connector in (None, one.number):
                await station.link.call("StatusNotification", station.status_payload(evse, one))


async def _meters(station: "Station", evses: list["Evse"], _connector: int | None) -> None:
    for evse in evses:
        if (reading := evse.reading("Trigger", "AlignedDataCtrlr", "Measurands")) is not None:
            station.outbox.put(evse.meter_parcel(reading))


async def _events(_station: "Station", evses: list["Evse"], _connector: int | None) -> None:
    for evse in evses:
        if evse.transaction is not None:
            evse.tell_state()


async def _log(station: "Station", *_: Any) -> None:
    await station.link.call("LogStatusNotification", dict(station.files.log_status))


async def _firmware(station: "Station", *_: Any) -> None:
    await station.link.call("FirmwareStatusNotification", dict(station.firmware.last))


async def _sign(station: "Station", *_: Any) -> None:
    await station.certificates.request(STATION)


async def _sign_v2g(station: "Station", *_: Any) -> None:
    await station.certificates.request(V2G)


TRIGGERS: dict[str, Trigger] = {
    "BootNotification": _boot,
    "FirmwareStatusNotification": _firmware,
    "Heartbeat": _heartbeat,
    "LogStatusNotification": _log,
    "MeterValues": _meters,
    "SignChargingStationCertificate": _sign,
    "SignV2GCertificate": _sign_v2g,
    "StatusNotification": _status,
    "TransactionEvent": _events,
}


def _answer(station: "Station", payload: Payload) -> Answer:
    wanted, place = payload["requestedMessage"], payload.get("evse") or {}
    number, connector = place.get("id"), place.get("connectorId")
    contracts = station.model.flag("ISO15118Ctrlr", "V2GCertificateInstallationEnabled")
    if wanted not in TRIGGERS or (wanted == "SignV2GCertificate" and not contracts):
        return Answer({"status": "NotImplemented"})
    evses = [evse for evse in station.evses if number in (None, 0, evse.number)]
    if wanted == "TransactionEvent":
        evses = [evse for evse in evses if evse.transaction is not None]
    connectors = [one for evse in evses for one in evse.connectors if connector in (None, one.number)]
    # F06: a connector has to be named for its status; who is registered does not register again.
    is_vague = wanted == "StatusNotification" and (number is None or connector is None)
    is_registered = wanted == "BootNotification" and station.is_reporting
    if not connectors or is_vague or is_registered:
        return Answer({"status": "Rejected"})
    return Answer({"status": "Accepted"}, lambda: TRIGGERS[wanted](station, evses, connector))


ANSWERS = {"TriggerMessage": _answer}
