"""OCPP 2.0.1 of passwords: SetVariables of SecurityCtrlr.BasicAuthPassword (A01). Wire words become neutral here."""

from typing import Any

from chargers.commands.ordering import BadParam, Order, bad_param
from chargers.commands.saying import as_is
from chargers.device_model.ocpp201 import address_in
from chargers.handling import Handler
from chargers.passwords.names import PASSWORD

CALLS: dict[str, Handler] = {}

VARIABLE = {"component": {"name": PASSWORD.component}, "variable": {"name": PASSWORD.variable}}
NAME = str(PASSWORD).casefold()
RESULTS = {"Accepted": "taken", "RebootRequired": "taken_after_reboot"}


def _set_password(params: dict[str, Any]) -> dict[str, Any]:
    return {"setVariableData": [{"attributeValue": params["key"], **VARIABLE}]}


def _results(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is said of the password; what is said of another variable tells nothing of it."""
    return [
        result
        for result in answer.get("setVariableResult") or ()
        if str(address_in(result)).casefold() == NAME
    ]


def _word(answer: dict[str, Any]) -> str:
    words = {str(result.get("attributeStatus", "")) for result in _results(answer)}
    return words.pop() if len(words) == 1 else ""


def _changed(answer: dict[str, Any]) -> dict[str, Any]:
    why = _results(answer)[0].get("attributeStatusInfo") or {}
    return {
        "result": RESULTS.get(_word(answer), "refused"),
        "name": str(PASSWORD),
        "why": (str(why.get("reasonCode", "")), str(why.get("additionalInfo", ""))),
    }


def _said_password(payload: dict[str, Any]) -> dict[str, Any]:
    """A password goes alone, by its plain name: of one among others nobody could tell what its answer means."""
    entries = payload["setVariableData"]
    found = [
        n for n, entry in enumerate(entries) if _named(entry["variable"]) == PASSWORD.variable.casefold()
    ]
    if not found:
        raise BadParam("key", "it is no password")
    entry, where = entries[found[0]], f"setVariableData.{found[0]}"
    if len(entries) > 1:
        raise bad_param(where, "a password is changed by a message of its own")
    plain = entry["component"].keys() <= {"name", "customData"} and entry["variable"].keys() <= {
        "name",
        "customData",
    }
    actual = entry.get("attributeType", "Actual") == "Actual"
    if not plain or not actual or _named(entry["component"]) != PASSWORD.component.casefold():
        raise bad_param(where, f"a password is the actual value of {PASSWORD}")
    return {"key": as_is(entry["attributeValue"], f"{where}.attributeValue")}


def _named(thing: dict[str, Any]) -> str:
    name: str = thing["name"]
    return name.strip().casefold()


ORDERS: dict[str, Order] = {
    "set-authorization-key": Order(
        "SetVariables",
        _set_password,
        accepted=frozenset(RESULTS),
        refused=frozenset({"Rejected", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType"}),
        word=_word,
        read=_changed,
        said=_said_password,
        places={"key": "setVariableData.0.attributeValue"},
    ),
}
