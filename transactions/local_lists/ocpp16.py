"""OCPP 1.6 of this block. Wire words become neutral ones here."""

from datetime import datetime
from typing import Any

from chargers.commands.ordering import ANY_ANSWER, Order
from chargers.commands.saying import translated, turned
from chargers.handling import Handler
from chargers.protocol.times import format_time
from transactions.ocpp16 import LESSER_WORDS

CALLS: dict[str, Handler] = {}


def _send_local_list(params: dict[str, Any]) -> dict[str, Any]:
    """1.6, 5.15. An empty list takes the place of the whole list: a Full update without entries."""
    return {
        "listVersion": params["list_version"],
        "updateType": "Differential" if params["update_type"] == "Differential" else "Full",
        "localAuthorizationList": [_authorization_data(entry) for entry in params["entries"]],
    }


def _authorization_data(entry: dict[str, Any]) -> dict[str, Any]:
    """1.6, 7.2: an entry without idTagInfo removes its token."""
    if "status" not in entry:
        return {"idTag": entry["id_token"]}
    info = {"status": LESSER_WORDS.get(entry["status"], entry["status"])}
    if "expires_at" in entry:
        info["expiryDate"] = format_time(datetime.fromisoformat(entry["expires_at"]))
    if "parent" in entry:
        info["parentIdTag"] = entry["parent"][:20]  # as the answers to Authorize have it
    return {"idTag": entry["id_token"], "idTagInfo": info}


INFO = {"status": "status", "expiryDate": "expires_at", "parentIdTag": "parent"}


def _said_list(payload: dict[str, Any]) -> dict[str, Any]:
    entries = [_said_entry(data) for data in payload.get("localAuthorizationList", ())]
    whole = payload["updateType"] == "Full"
    return {
        "update_type": "Empty" if whole and not entries else payload["updateType"],
        "list_version": payload["listVersion"],
        "entries": entries,
    }


def _said_entry(data: dict[str, Any]) -> dict[str, Any]:
    return {"id_token": data["idTag"], **translated(data.get("idTagInfo", {}), INFO)}


ORDERS: dict[str, Order] = {
    "get-local-list-version": Order(
        "GetLocalListVersion",
        lambda params: {},
        accepted=ANY_ANSWER,
        refused=frozenset(),
        read=lambda answer: {"version": answer["listVersion"]},
        said=lambda payload: {},
    ),
    "send-local-list": Order(
        "SendLocalList",
        _send_local_list,
        refused=frozenset({"Failed", "NotSupported", "VersionMismatch"}),
        said=_said_list,
        places={
            "entries": "localAuthorizationList",
            "entries.*.id_token": "localAuthorizationList.*.idTag",
            **turned(INFO, "localAuthorizationList.*.idTagInfo.", "entries.*."),
        },
    ),
}
