"""OCPP 2.0.1 of network profiles: SetNetworkProfile (B09). Wire words become neutral here."""

from typing import Any

from chargers.commands.ordering import Order, bad_param
from chargers.commands.saying import as_is, translated
from chargers.handling import Handler

CALLS: dict[str, Handler] = {}

DATA = {
    "ocppVersion": "ocpp_version",
    "ocppCsmsUrl": "url",
    "messageTimeout": "message_timeout",
    "securityProfile": "security_profile",
    "ocppInterface": "interface",
}
APN = {
    "apn": "apn",
    "apnUserName": "apn_user",
    "apnPassword": "apn_password",
    "simPin": "sim_pin",
    "preferredNetwork": "preferred_network",
    "useOnlyPreferredNetwork": "only_preferred_network",
    "apnAuthentication": "apn_authentication",
}
VPN = {
    "server": "vpn_server",
    "user": "vpn_user",
    "group": "vpn_group",
    "password": "vpn_password",
    "key": "vpn_key",
    "type": "vpn_type",
}


def _set_network_profile(params: dict[str, Any]) -> dict[str, Any]:
    data = {"ocppTransport": "JSON", **_said(DATA, params)}
    if "apn" in params:
        data["apn"] = _said(APN, params)
    if "vpn_server" in params:
        data["vpn"] = _said(VPN, params)
    return {"configurationSlot": params["slot"], "connectionData": data}


def _said(words: dict[str, str], params: dict[str, Any]) -> dict[str, Any]:
    return {theirs: params[ours] for theirs, ours in words.items() if ours in params}


def _said_profile(payload: dict[str, Any]) -> dict[str, Any]:
    data = payload["connectionData"]
    if data["ocppTransport"] != "JSON":
        raise bad_param("connectionData.ocppTransport", "only JSON is spoken")
    as_is(data["ocppCsmsUrl"], "connectionData.ocppCsmsUrl")
    params = {"slot": payload["configurationSlot"], **translated(data, DATA)}
    for name, words in (("apn", APN), ("vpn", VPN)):
        if name in data:
            for theirs, value in data[name].items():
                if isinstance(value, str):
                    as_is(value, f"connectionData.{name}.{theirs}")
            params |= translated(data[name], words)
    return params


ORDERS: dict[str, Order] = {
    "set-network-profile": Order(
        "SetNetworkProfile",
        _set_network_profile,
        refused=frozenset({"Rejected", "Failed"}),
        said=_said_profile,
        places={
            "slot": "configurationSlot",
            **{ours: f"connectionData.{theirs}" for theirs, ours in DATA.items()},
            **{ours: f"connectionData.apn.{theirs}" for theirs, ours in APN.items()},
            **{ours: f"connectionData.vpn.{theirs}" for theirs, ours in VPN.items()},
        },
    ),
}
