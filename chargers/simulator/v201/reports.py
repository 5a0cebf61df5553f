"""Reads and writes of the device model, and its reports, which come in parts."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from chargers.simulator.clock import timestamp
from chargers.simulator.link import Answer, CallRefused
from chargers.simulator.v201.variables import READ, Place, Variable

if TYPE_CHECKING:
    from chargers.simulator.v201.station import Station

Payload = dict[str, Any]

SUMMARY = frozenset({"AvailabilityState", "Problem", "Enabled", "Available", "Active"})
BASES: dict[str, Callable[[Variable], bool]] = {
    "ConfigurationInventory": lambda variable: variable.mutability != READ,
    "FullInventory": lambda _variable: True,
    "SummaryInventory": lambda variable: variable.name in SUMMARY,
}


def _within_limits(station: "Station", action: str, items: Sequence[Payload], payload: Payload) -> None:
    """Raises CallRefused for more than the station can take at once (OCPP 2.0.1, B05.FR.11, B06.FR.16)."""
    if len(items) > station.model.number("DeviceDataCtrlr", "ItemsPerMessage", action):
        raise CallRefused("OccurrenceConstraintViolation", f"too many items for {action}")
    if len(orjson.dumps(payload)) > station.model.number("DeviceDataCtrlr", "BytesPerMessage", action):
        raise CallRefused("FormatViolation", f"{action} is too long")


def _get_variables(station: "Station", payload: Payload) -> Answer:
    wanted = payload["getVariableData"]
    _within_limits(station, "GetVariables", wanted, payload)
    return Answer({"getVariableResult": [station.model.get(data) for data in wanted]})


def _set_variables(station: "Station", payload: Payload) -> Answer:
    wanted = payload["setVariableData"]
    _within_limits(station, "SetVariables", wanted, payload)
    results = [station.model.set(data) for data in wanted]
    return Answer({"setVariableResult": results}, station.variables_written)


def _base_report(station: "Station", payload: Payload) -> Answer:
    chosen = BASES.get(payload["reportBase"])
    if chosen is None:
        return Answer({"status": "NotSupported"})
    return _report(station, int(payload["requestId"]), filter(chosen, station.model))


def _custom_report(station: "Station", payload: Payload) -> Answer:
    criteria, asked = payload.get("componentCriteria") or (), payload.get("componentVariable") or ()
    _within_limits(station, "GetReport", asked, payload)
    troubled = {
        variable.place
        for variable in station.model
        if variable.name in criteria and variable.read() == "true"
    }
    found = [
        variable
        for variable in station.model
        if (not asked or any(_names(one, variable) for one in asked))
        and (not criteria or variable.place in troubled)
    ]
    return _report(station, int(payload["requestId"]), found)


def _names(asked: Payload, variable: Variable) -> bool:
    """Whether a ComponentVariable names this one; what it leaves out may be anything."""
    place, own = Place.of(asked["component"]), variable.place
    pairs = [
        (place.name, own.name),
        (place.instance, own.instance),
        (str(place.evse or ""), str(own.evse)),
        (str(place.connector or ""), str(own.connector)),
    ]
    if "variable" in asked:
        pairs.append((asked["variable"]["name"], variable.name))
        pairs.append((asked["variable"].get("instance") or "", variable.instance))
    return all(not wanted or wanted.casefold() == had.casefold() for wanted, had in pairs)


def _report(station: "Station", request_id: int, variables: Iterable[Variable]) -> Answer:
    data = [variable.reported() for variable in variables]
    if not data:
        return Answer({"status": "EmptyResultSet"})
    size = station.model.number("DeviceDataCtrlr", "ItemsPerMessage", "GetReport")
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    made_at = timestamp()

    async def send() -> None:
        # Straight down the line, past the outbox: a station that is Pending reports, too.
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            if is_last and station.manners.endless_reports:
                return
            report: Payload = {
                "requestId": request_id,
                "generatedAt": made_at,
                "seqNo": number,
                "reportData": part,
                "tbc": not is_last,
            }
            for _ in range(2 if station.manners.repeats_parts else 1):
                await station.link.call("NotifyReport", report)

    return Answer({"status": "Accepted"}, send)


ANSWERS = {
    "GetBaseReport": _base_report,
    "GetReport": _custom_report,
    "GetVariables": _get_variables,
    "SetVariables": _set_variables,
}
