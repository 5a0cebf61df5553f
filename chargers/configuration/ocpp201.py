"""OCPP 2.0.1 of reading and setting variables. Wire words become neutral here."""

from collections.abc import Mapping, Sequence
from typing import Any

from chargers.commands.ordering import ANY_ANSWER, BadParam, Order, bad_param
from chargers.commands.sending import orders
from chargers.configuration.selectors import fold
from chargers.configuration.variables import Told
from chargers.device_model.ocpp201 import address_in, addressed, attribute_of, plain
from chargers.handling import Handler
from chargers.passwords.names import is_password
from chargers.protocol.versions import Version

CALLS: dict[str, Handler] = {}

CHANGED = {
    "Accepted": "taken",
    "RebootRequired": "taken_after_reboot",
    "Rejected": "refused",
    "UnknownComponent": "unknown",
    "UnknownVariable": "unknown",
    "NotSupportedAttributeType": "unknown",
}
UNKNOWN = frozenset(word for word, result in CHANGED.items() if result == "unknown")
TAKEN = frozenset({"Accepted", "RebootRequired"})
REFUSED = frozenset(CHANGED) - TAKEN
SET_MAX = 1000  # characters of a value that is set; one that is reported may have 2,500
PASSWORD_COMMAND = "set-authorization-key"


def _asked(params: dict[str, Any]) -> dict[str, Any]:
    return {"getVariableData": [attribute_of(addressed(name, "keys")) for name in params["keys"]]}


def _read(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what was told of which address; the results say it, and not their order (S2-54)."""
    told, unknown, unread = [], [], []
    for result in answer["getVariableResult"]:
        address = address_in(result)
        if address is None:
            continue
        name, word = str(address), result["attributeStatus"]
        if word == "Accepted":
            told.append(Told(name, result.get("attributeValue", "")))
        elif word in UNKNOWN:
            unknown.append(name)
        else:
            unread.append(name)
    return {"told": told, "unknown": unknown, "unread": unread}


def _set(values: Sequence[Mapping[str, str]], field: str) -> dict[str, Any]:
    items = [{"attributeValue": one["value"], **attribute_of(addressed(one["key"], field))} for one in values]
    if long := [one["key"] for one in values if len(one["value"]) > SET_MAX]:
        raise BadParam(field, f"{long[0]}: a value has at most {SET_MAX} characters here")
    return {"setVariableData": items}


def _word(answer: dict[str, Any]) -> str:
    words = {result["attributeStatus"] for result in answer["setVariableResult"]}
    if words and words <= TAKEN:
        return "RebootRequired" if "RebootRequired" in words else "Accepted"
    return words.pop() if len(words) == 1 else ""


def _results(answer: dict[str, Any]) -> dict[str, Any]:
    """Return by folded address what became of each change, in our word and in its own, and why."""
    results = {}
    for item in answer["setVariableResult"]:
        address, word = address_in(item), item["attributeStatus"]
        if address is not None:
            said = item.get("attributeStatusInfo") or {}
            why = " ".join(filter(None, (said.get("reasonCode"), said.get("additionalInfo"))))
            results[fold(str(address))] = (CHANGED.get(word, ""), word, why)
    return {"results": results}


# --- exact payloads ---------------------------------------------------------------------------------------------------


def _name(item: dict[str, Any], place: str) -> str:
    """Return the address of an item of an exact payload. Raises CommandRefused for what an address cannot say."""
    address = address_in(item)
    ours = {} if address is None else attribute_of(address)
    theirs = {part: plain(item[part]) for part in ("component", "variable")}
    if address is None or {part: ours[part] for part in theirs} != theirs:
        raise bad_param(place, "a name in it is empty, or has blanks around it, or a number in it is absurd")
    return str(address)


def _said_keys(payload: dict[str, Any]) -> dict[str, Any]:
    items = payload["getVariableData"]
    return {"keys": [_name(item, f"getVariableData.{n}") for n, item in enumerate(items)]}


def _said_change(payload: dict[str, Any]) -> dict[str, Any]:
    if len(payload["setVariableData"]) != 1:
        raise BadParam("key", "it sets several variables")
    [item] = payload["setVariableData"]
    name = _name(item, "setVariableData.0")
    if is_password(name) and PASSWORD_COMMAND in orders()[Version.V201]:
        raise BadParam("key", "a password is changed by a command of its own")
    return {"key": name, "value": _value(item, "setVariableData.0.attributeValue")}


def _said_set(payload: dict[str, Any]) -> dict[str, Any]:
    items = payload["setVariableData"]
    if len(items) == 1:
        raise BadParam("values", "it sets one variable")
    values = []
    seen: set[str] = set()
    for n, item in enumerate(items):
        name = _name(item, f"setVariableData.{n}")
        if fold(name) in seen:
            raise bad_param(
                f"setVariableData.{n}", f"{name} is there twice; the case of letters does not count"
            )
        seen.add(fold(name))
        values.append({"key": name, "value": _value(item, f"setVariableData.{n}")})
    return {"values": values}


def _value(item: dict[str, Any], place: str) -> str:
    # Our doors strip blanks; the charge point would get another text than the one that was checked.
    value: str = item["attributeValue"]
    if value != value.strip():
        raise bad_param(place, "it has blanks around it")
    return value


ORDERS: dict[str, Order] = {
    "get-configuration": Order(
        "GetVariables",
        _asked,
        accepted=ANY_ANSWER,
        read=_read,
        said=_said_keys,
        places={"keys": "getVariableData", "keys.*": "getVariableData.*"},
    ),
    "change-configuration": Order(
        "SetVariables",
        lambda params: _set([params], "value" if len(params["value"]) > SET_MAX else "key"),
        accepted=TAKEN,
        refused=REFUSED,
        word=_word,
        read=_results,
        fields=frozenset({"key", "value"}),
        said=_said_change,
        places={"key": "setVariableData.0", "value": "setVariableData.0.attributeValue"},
    ),
    "set-variables": Order(
        "SetVariables",
        lambda params: _set(params["values"], "values"),
        accepted=TAKEN | ANY_ANSWER,
        refused=REFUSED,
        word=_word,
        read=_results,
        said=_said_set,
        places={"values": "setVariableData", "values.*": "setVariableData.*"},
    ),
}
