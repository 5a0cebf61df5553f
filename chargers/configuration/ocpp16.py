"""OCPP 1.6 of this block: GetConfiguration and ChangeConfiguration. Wire words become neutral ones here."""

from collections.abc import Callable
from typing import Any

from chargers.commands.ordering import ANY_ANSWER, BadParam, Order
from chargers.commands.saying import as_is
from chargers.commands.sending import orders
from chargers.configuration.selectors import clean, fold, read_number
from chargers.handling import Handler
from chargers.protocol.versions import Version

CALLS: dict[str, Handler] = {}

# 1.6, 3.3: the feature profiles beside Core, and what may be told to a charge point that has them.
PROFILES: dict[str, frozenset[str]] = {
    "FirmwareManagement": frozenset({"GetDiagnostics", "UpdateFirmware"}),
    "LocalAuthListManagement": frozenset({"GetLocalListVersion", "SendLocalList"}),
    "Reservation": frozenset({"CancelReservation", "ReserveNow"}),
    "SmartCharging": frozenset({"ClearChargingProfile", "GetCompositeSchedule", "SetChargingProfile"}),
    "RemoteTrigger": frozenset({"TriggerMessage"}),
}
CHANGED = {
    "Accepted": "taken",
    "RebootRequired": "taken_after_reboot",
    "Rejected": "refused",
    "NotSupported": "unknown",
}


def _number(text: str) -> int | None:
    return read_number(text) or None  # none at all says nothing


def _names(text: str) -> list[str] | None:
    return [name.strip() for name in text.split(",") if name.strip()] or None


def _lacking(listed: list[str]) -> dict[str, str]:
    """Return the commands of profiles that are not among the listed ones, with the profile of each."""
    known = {name.casefold() for name in listed}
    lacked = {
        action: profile
        for profile, actions in PROFILES.items()
        if profile.casefold() not in known
        for action in actions
    }
    table = orders()[Version.V16]
    return {slug: lacked[order.action] for slug, order in table.items() if order.action in lacked}


def _report(answer: dict[str, Any]) -> dict[str, Any]:
    reported = [
        {"name": item["key"], "value": item.get("value"), "readonly": bool(item["readonly"])}
        for item in answer.get("configurationKey") or ()
    ]
    values = {fold(item["name"]): clean(item["value"]) for item in reported if item["value"]}

    def read(key: str, reader: Callable[[str], Any]) -> Any:
        return reader(values[key]) if key in values else None

    profiles = read("supportedfeatureprofiles", _names)
    return {
        "reported": reported,
        "unknown": list(answer.get("unknownKey") or ()),
        "connectors": read("numberofconnectors", _number),
        "keys_at_once": read("getconfigurationmaxkeys", _number),
        "feature_profiles": profiles,
        "lacking": None if profiles is None else _lacking(profiles),
    }


def changed(answer: dict[str, Any]) -> dict[str, Any]:
    return {"result": CHANGED[answer["status"]]}


PASSWORD_KEY = "AuthorizationKey"


def is_password(payload: dict[str, Any]) -> bool:
    return fold(payload["key"]) == fold(PASSWORD_KEY)


def _said_change(payload: dict[str, Any]) -> dict[str, Any]:
    if is_password(payload):
        raise BadParam("key", "a password is changed by a command of its own")
    return {"key": as_is(payload["key"], "key"), "value": payload["value"]}


def _said_keys(payload: dict[str, Any]) -> dict[str, Any]:
    # What it says of a name with blanks must not be taken for what it says of the name without.
    return {"keys": [as_is(name, f"key.{number}") for number, name in enumerate(payload.get("key", ()))]}


TAKEN = frozenset({"Accepted", "RebootRequired"})
REFUSED = frozenset({"Rejected", "NotSupported"})

ORDERS: dict[str, Order] = {
    "get-configuration": Order(
        "GetConfiguration",
        lambda params: {"key": params["keys"]} if params.get("keys") else {},
        accepted=ANY_ANSWER,
        read=_report,
        said=_said_keys,
        places={"keys": "key", "keys.*": "key.*"},
    ),
    "change-configuration": Order(
        "ChangeConfiguration",
        lambda params: {"key": params["key"], "value": params["value"]},
        accepted=TAKEN,
        refused=REFUSED,
        read=changed,
        said=_said_change,
    ),
}

MEANINGS: dict[str, str] = {
    "additional_root_check": "AdditionalRootCertificateCheck",
    "certificate_chain_max": "CertificateSignedMaxChainSize",
    "certificate_store_max": "CertificateStoreMaxLength",
    "charging_profiles_max": "MaxChargingProfilesInstalled",
    "charging_rate_units": "ChargingScheduleAllowedChargingRateUnit",
    "connection_timeout": "ConnectionTimeOut",
    "file_transfer_protocols": "SupportedFileTransferProtocols",
    "local_list_at_once": "SendLocalListMaxLength",
    "local_list_max": "LocalAuthListMaxLength",
    "reserve_any": "ReserveConnectorZeroSupported",
    "schedule_periods_max": "ChargingScheduleMaxPeriods",
    "stack_level_max": "ChargeProfileMaxStackLevel",
}
