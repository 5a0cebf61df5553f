"""OCPP 1.6 of passwords: ChangeConfiguration of AuthorizationKey. Wire words become neutral here."""

from typing import Any

from chargers.commands.ordering import BadParam, Order
from chargers.commands.saying import as_is
from chargers.configuration.ocpp16 import PASSWORD_KEY, REFUSED, TAKEN, changed, is_password
from chargers.handling import Handler

CALLS: dict[str, Handler] = {}


def _changed(answer: dict[str, Any]) -> dict[str, Any]:
    return {**changed(answer), "name": PASSWORD_KEY}


def _said_password(payload: dict[str, Any]) -> dict[str, Any]:
    if not is_password(payload):
        raise BadParam("key", "it is no password")
    as_is(payload["key"], "key")
    return {"key": as_is(payload["value"], "value")}


ORDERS: dict[str, Order] = {
    "set-authorization-key": Order(
        "ChangeConfiguration",
        lambda params: {"key": PASSWORD_KEY, "value": params["key"]},
        accepted=TAKEN,
        refused=REFUSED,
        read=_changed,
        said=_said_password,
        places={"key": "value"},
    ),
}
