"""Every message's official JSON schema, compiled when first needed, and which side may send which action.

The schema files are those of the `ocpp` package, with the overlays below. All are compiled as draft 4: from
draft 6 on, 12.0 would pass as an integer and reach a handler as a float.
"""

import importlib.resources
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources.abc import Traversable
from typing import Any

import jsonschema_rs
import orjson

from .versions import Version

Json = dict[str, Any]

MAX_INTEGER = 2**63 - 1  # beyond, no database column takes it
YEAR = "^(20[2-9][0-9]|2100)-"  # as in times; a clock that says 1970 goes the explaining way, see leniency

_FOLDER = {Version.V16: "v16", Version.V201: "v201", Version.V21: "v21"}

_FROM_CHARGER_16 = """
    Authorize BootNotification DataTransfer DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat
    LogStatusNotification MeterValues SecurityEventNotification SignCertificate
    SignedFirmwareStatusNotification StartTransaction StatusNotification StopTransaction
"""
_FROM_CHARGER_201 = """
    Authorize BootNotification ClearedChargingLimit DataTransfer FirmwareStatusNotification
    Get15118EVCertificate GetCertificateStatus Heartbeat LogStatusNotification MeterValues NotifyChargingLimit
    NotifyCustomerInformation NotifyDisplayMessages NotifyEVChargingNeeds NotifyEVChargingSchedule NotifyEvent
    NotifyMonitoringReport NotifyReport PublishFirmwareStatusNotification ReportChargingProfiles
    ReservationStatusUpdate SecurityEventNotification SignCertificate StatusNotification TransactionEvent
"""
_FROM_CHARGER_21 = (
    _FROM_CHARGER_201
    + """
    BatterySwap ClosePeriodicEventStream GetCertificateChainStatus NotifyDERAlarm NotifyDERStartStop
    NotifyPeriodicEventStream NotifyPriorityCharging NotifySettlement OpenPeriodicEventStream
    PullDynamicScheduleUpdate ReportDERControl VatNumberValidation
"""
)
FROM_CHARGER = {
    Version.V16: frozenset(_FROM_CHARGER_16.split()),
    Version.V201: frozenset(_FROM_CHARGER_201.split()),
    Version.V21: frozenset(_FROM_CHARGER_21.split()),
}
FROM_BOTH_SIDES = frozenset({"DataTransfer"})
# OCPP 2.1: these come as SEND, which has no answer and therefore no response schema.
SENT_ONLY = frozenset({"NotifyPeriodicEventStream"})


def _target_delta(schema: Json) -> None:
    # Errata of 2.1, N02.FR.23: a criterion that the shipped schema lacks.
    names: list[str] = schema["definitions"]["MonitoringCriterionEnumType"]["enum"]
    if "TargetDeltaMonitoring" not in names:
        names.append("TargetDeltaMonitoring")


OVERLAYS: dict[tuple[Version, str], Callable[[Json], None]] = {
    (Version.V21, "GetMonitoringReportRequest"): _target_delta,
}


class Schema:
    """One message's schema: the document, and the compiled `is_valid` (payload -> bool)."""

    __slots__ = ("_validator", "document", "is_valid")

    def __init__(self, document: Json) -> None:
        self.document = document
        self._validator = jsonschema_rs.Draft4Validator(document)
        self.is_valid: Callable[[Any], bool] = self._validator.is_valid

    def complaint(self, payload: Any) -> str:
        """The first thing that the validator itself says against a payload, "" when it has nothing to say."""
        return next((str(error.message) for error in self._validator.iter_errors(payload)), "")

    def complaints(self, payload: Any) -> Iterator[tuple[str, str]]:
        """Each place of a payload that breaks the schema, as a path with dots ("" is the whole), and why."""
        for error in self._validator.iter_errors(payload):
            path = [str(step) for step in error.instance_path]
            kind: Any = error.kind  # its attributes depend on its name
            match kind.name:
                case "required":
                    yield ".".join([*path, str(kind.property)]), "It is missing."
                case "additionalProperties":
                    for name in kind.unexpected:
                        yield ".".join([*path, str(name)]), "The message has no such field."
                case _:
                    yield ".".join(path), str(error.message)


class Requests(dict[str, Schema | None]):
    """Action -> schema of its request in one version, compiled on first use; None for an unknown action."""

    def __init__(self, version: Version) -> None:
        super().__init__()
        self._version = version

    def __missing__(self, action: str) -> Schema | None:
        if action not in actions(self._version):
            return None  # not kept: a charger could fill the memory with invented names
        found = self[action] = request_schema(self._version, action)
        return found


@cache
def requests(version: Version) -> Requests:
    """The one table of a version, shared by all its sessions."""
    return Requests(version)


@cache
def actions(version: Version) -> frozenset[str]:
    """Every action that this version knows, whoever may send it. Names are case-sensitive."""
    stems = (name.removesuffix(".json") for name in _file_names(version))
    return frozenset(stem.removesuffix("Request") for stem in stems if not stem.endswith("Response"))


def for_charger(version: Version) -> frozenset[str]:
    """The actions that the central system may send to a charger."""
    return (actions(version) - FROM_CHARGER[version]) | FROM_BOTH_SIDES


@cache
def request_schema(version: Version, action: str) -> Schema:
    """The schema of an action's CALL or SEND. KeyError for an unknown action."""
    suffix = "" if version is Version.V16 or action in SENT_ONLY else "Request"
    return _load(version, action + suffix)


@cache
def response_schema(version: Version, action: str) -> Schema:
    """The schema of an action's CALLRESULT. KeyError for an unknown action, or one that has no answer."""
    return _load(version, action + "Response")


def _folder(version: Version) -> Traversable:
    return importlib.resources.files("ocpp") / _FOLDER[version] / "schemas"


@cache
def _file_names(version: Version) -> frozenset[str]:
    return frozenset(entry.name for entry in _folder(version).iterdir() if entry.name.endswith(".json"))


def _load(version: Version, stem: str) -> Schema:
    name = f"{stem}.json"
    if name not in _file_names(version):  # also keeps every name from the wire away from the file system
        raise KeyError(stem)
    document: Json = orjson.loads((_folder(version) / name).read_bytes().removeprefix(b"\xef\xbb\xbf"))
    document.pop("$schema", None)
    document.pop("$id", None)
    if overlay := OVERLAYS.get((version, stem)):
        overlay(document)
    action = stem if version is Version.V16 else stem.removesuffix("Request")
    _bound(document, ours=action in for_charger(version))
    return Schema(document)


def _bound(schema: Json, *, ours: bool) -> None:
    """Narrow a schema to what can be stored and believed: 64-bit integers, the years of `times`.

    In `ours`, what we send, any year may be meant: a card that is valid for ever has an end, too.
    """
    if schema.get("type") == "integer":
        schema.setdefault("minimum", -MAX_INTEGER)
        schema.setdefault("maximum", MAX_INTEGER)
    if schema.get("format") == "date-time" and not ours:
        schema["pattern"] = YEAR
    for group in ("properties", "definitions"):
        for inner in schema.get(group, {}).values():
            _bound(inner, ours=ours)
    items = schema.get("items")
    if isinstance(items, dict):
        _bound(items, ours=ours)
