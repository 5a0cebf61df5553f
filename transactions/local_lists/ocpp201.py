"""OCPP 2.0.1 of local authorization lists. Wire words become neutral here."""

from datetime import datetime
from typing import Any

from chargers.commands.ordering import ANY_ANSWER, Order
from chargers.commands.saying import translated, turned
from chargers.handling import Handler
from chargers.protocol.times import format_time
from transactions.authorizing.verdicts import group_id_token
from transactions.local_lists.entries import likely_type

CALLS: dict[str, Handler] = {}


def _send_local_list(params: dict[str, Any]) -> dict[str, Any]:
    """2.0.1, D01: a Full update without any list clears it (the field is absent, TC_D_04)."""
    payload = {
        "versionNumber": params["list_version"],
        "updateType": "Differential" if params["update_type"] == "Differential" else "Full",
    }
    listed = [_authorization_data(entry) for entry in params["entries"]]
    return payload | ({"localAuthorizationList": listed} if listed else {})


def _authorization_data(entry: dict[str, Any]) -> dict[str, Any]:
    """2.0.1, 2.5: an entry without idTokenInfo removes its token."""
    text = entry["id_token"]
    data: dict[str, Any] = {"idToken": {"idToken": text, "type": entry.get("type") or likely_type(text)}}
    if "status" not in entry:
        return data
    info: dict[str, Any] = {"status": entry["status"]}
    if "expires_at" in entry:
        info["cacheExpiryDateTime"] = format_time(datetime.fromisoformat(entry["expires_at"]))
    if group := group_id_token(entry.get("parent", "")):
        info["groupIdToken"] = group
    if entry.get("evses"):
        info["evseId"] = entry["evses"]
    return data | {"idTokenInfo": info}


INFO = {"status": "status", "cacheExpiryDateTime": "expires_at", "evseId": "evses"}


def _said_list(payload: dict[str, Any]) -> dict[str, Any]:
    entries = [_said_entry(data) for data in payload.get("localAuthorizationList", ())]
    whole = payload["updateType"] == "Full"
    return {
        "update_type": "Empty" if whole and not entries else payload["updateType"],
        "list_version": payload["versionNumber"],
        "entries": entries,
    }


def _said_entry(data: dict[str, Any]) -> dict[str, Any]:
    """Return an entry in our words. What they have not, such as a language, is sent, and nobody here compares it."""
    id_token, info = data["idToken"], data.get("idTokenInfo", {})
    said = {"id_token": id_token["idToken"], "type": id_token["type"], **translated(info, INFO)}
    return said | ({"parent": info["groupIdToken"]["idToken"]} if "groupIdToken" in info else {})


ORDERS: dict[str, Order] = {
    "get-local-list-version": Order(
        "GetLocalListVersion",
        lambda params: {},
        accepted=ANY_ANSWER,
        refused=frozenset(),
        read=lambda answer: {"version": answer["versionNumber"]},
        said=lambda payload: {},
    ),
    "send-local-list": Order(
        "SendLocalList",
        _send_local_list,
        refused=frozenset({"Failed", "VersionMismatch"}),
        said=_said_list,
        places={
            "list_version": "versionNumber",
            "entries": "localAuthorizationList",
            "entries.*.id_token": "localAuthorizationList.*.idToken.idToken",
            "entries.*.type": "localAuthorizationList.*.idToken.type",
            "entries.*.parent": "localAuthorizationList.*.idTokenInfo.groupIdToken.idToken",
            **turned(INFO, "localAuthorizationList.*.idTokenInfo.", "entries.*."),
        },
    ),
}
