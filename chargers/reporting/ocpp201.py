"""OCPP 2.0.1 of reports of several parts. Wire words become neutral here."""

from contextlib import suppress
from typing import Any

from chargers.commands.exact import WHOLE
from chargers.commands.ordering import BadParam, CommandRefused, Order, bad_param
from chargers.device_model.ocpp201 import address_in, plain, targeted
from chargers.handling import Call, Handler, Translated, int32
from chargers.protocol.redaction import is_secret
from chargers.protocol.times import parse_time
from chargers.reporting.services import take_part

VARIABLES = "variables"
CHARACTERISTICS = {
    "dataType": "data_type",
    "unit": "unit",
    "minLimit": "min_limit",
    "maxLimit": "max_limit",
    "valuesList": "values_list",
    "supportsMonitoring": "supports_monitoring",
}
NARROWER = ("ReadOnly", "WriteOnly")
"""What is none of these can be read and set, as what is left out can; leniency has noted an odd word."""


def _entry(item: dict[str, Any]) -> dict[str, Any]:
    """Return what an item tells of a variable, for the store: values of secrets are not in it (T-028)."""
    told = item.get("variableCharacteristics")
    return {
        "attributes": [
            {
                "name": str(address),
                "value": _kept(str(address), said),
                "mutability": next(
                    (word for word in NARROWER if word == said.get("mutability")), "ReadWrite"
                ),
                "persistent": said.get("persistent", False),
                "constant": said.get("constant", False),
            }
            for said in item["variableAttribute"]
            if (address := address_in(item, said.get("type", "Actual"))) is not None
        ],
        "told": None
        if told is None
        else {ours: told[theirs] for theirs, ours in CHARACTERISTICS.items() if theirs in told},
    }


def _kept(name: str, said: dict[str, Any]) -> str | None:
    secret = said.get("mutability") == "WriteOnly" or is_secret(name)
    return None if secret else said.get("value")


def _translate(payload: dict[str, Any]) -> None:
    payload["entries"] = [_entry(item) for item in payload.pop("reportData", ())]


def notify_report(call: Call) -> dict[str, Any]:
    """B07.FR.04: each part is kept as it comes; the whole is used by the clock."""
    payload = call.payload
    take_part(
        call.holder.charge_point_id,
        VARIABLES,
        int32(payload["requestId"]),
        seq_no=payload["seqNo"],
        more=payload.get("tbc", False),
        payload={"entries": payload["entries"]},
        generated_at=parse_time(payload.get("generatedAt")),
        now=call.received_at,
    )
    return {}


CALLS: dict[str, Handler] = {"NotifyReport": Translated(_translate, notify_report)}


# B07.FR.01, B08.FR.02: of an empty set nothing is sent, and that is an answer, too.
COMES = frozenset({"Accepted", "EmptyResultSet"})
COMES_NOT = frozenset({"Rejected", "NotSupported"})
PARTS = frozenset({"NotifyReport"})


def _criteria(params: dict[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = {"requestId": params["request_id"]}
    if params.get("criteria"):
        payload["componentCriteria"] = params["criteria"]
    if params.get("variables"):
        payload["componentVariable"] = [targeted(name, "variables") for name in params["variables"]]
    return payload


def _said_variable(item: dict[str, Any], place: str) -> str:
    """Return how our words name it. Raises CommandRefused: past us, nobody would take what the report tells."""
    address = address_in(item if "variable" in item else {**item, "variable": {"name": "-"}})
    if address is not None:
        name = str(address) if "variable" in item else address.of_component
        with suppress(BadParam):
            if targeted(name, "variables") == plain(item):
                return name
    raise bad_param(place, "a name in it is empty, or has blanks around it, or a number in it is absurd")


def _said_report(payload: dict[str, Any]) -> dict[str, Any]:
    if not payload.get("componentCriteria") and not payload.get("componentVariable"):
        raise CommandRefused("invalid", NOTHING, {WHOLE: [NOTHING]})
    return {
        "criteria": payload.get("componentCriteria", []),
        "variables": [
            _said_variable(item, f"componentVariable.{n}")
            for n, item in enumerate(payload.get("componentVariable", ()))
        ],
        "request_id": payload["requestId"],
    }


NOTHING = "it names neither criteria nor variables; the whole device model is GetBaseReport"

ORDERS: dict[str, Order] = {
    "get-base-report": Order(
        "GetBaseReport",
        lambda params: {"requestId": params["request_id"], "reportBase": params["report_base"]},
        accepted=COMES,
        refused=COMES_NOT,
        opens=PARTS,
        said=lambda payload: {"report_base": payload["reportBase"], "request_id": payload["requestId"]},
        places={"request_id": "requestId", "report_base": "reportBase"},
    ),
    "get-report": Order(
        "GetReport",
        _criteria,
        accepted=COMES,
        refused=COMES_NOT,
        opens=PARTS,
        said=_said_report,
        places={
            "request_id": "requestId",
            "criteria": "componentCriteria",
            "variables": "componentVariable",
        },
    ),
}
