"""OCPP 2.0.1 of starts and stops from afar. Wire words become neutral here."""

from typing import Any

from chargers.commands.ordering import Order
from chargers.commands.saying import as_is
from chargers.commands.tokens201 import TOKEN_TYPES, said_token, wire_token
from chargers.handling import Handler
from transactions.charging_profiles.ocpp201 import profile_places, said_profile, wire_profile
from transactions.wire_ids import kept_id, named_id

CALLS: dict[str, Handler] = {}


def _request_start(params: dict[str, Any]) -> dict[str, Any]:
    """2.0.1, F01 and F02: by a number that the events of the transaction will name (S2-35)."""
    payload: dict[str, Any] = {
        "idToken": wire_token(params["id_token"], params["token_type"], "id_token"),
        "remoteStartId": params["remote_start_id"],
    }
    if "evse" in params:
        payload["evseId"] = params["evse"]
    if "parent" in params:
        payload["groupIdToken"] = wire_token(params["parent"], "Central", "id_token")
    if "charging_profile" in params:
        # Without a transactionId: the transaction has none yet (F01.FR.10).
        payload["chargingProfile"] = wire_profile(params["charging_profile"], params["profile_id"])
    return payload


def _said_start(payload: dict[str, Any]) -> dict[str, Any]:
    said = {**said_token(payload["idToken"]), "remote_start_id": payload["remoteStartId"]}
    group = payload.get("groupIdToken")
    if "evseId" in payload:
        said |= {"evse_id": payload["evseId"], "evse": payload["evseId"], "evse_connector": 0}
    if group is not None:
        said["parent"] = group["idToken"]
    return said | (said_profile(payload["chargingProfile"]) if "chargingProfile" in payload else {})


def _request_stop(params: dict[str, Any]) -> dict[str, Any]:
    """2.0.1, F03: the id is the station's (S2-36)."""
    return {"transactionId": named_id(params["transaction_id"])}


ORDERS: dict[str, Order] = {
    "remote-start": Order(
        "RequestStartTransaction",
        _request_start,
        read=lambda answer: {"transaction_id": kept_id(answer.get("transactionId", ""))},
        said=_said_start,
        places={
            "id_token": "idToken.idToken",
            "token_type": "idToken.type",
            "evse_id": "evseId",
            **profile_places("chargingProfile"),
        },
        choices={"token_type": TOKEN_TYPES},
    ),
    "remote-stop": Order(
        "RequestStopTransaction",
        _request_stop,
        said=lambda payload: {"transaction_id": as_is(payload["transactionId"], "transactionId")},
    ),
}
