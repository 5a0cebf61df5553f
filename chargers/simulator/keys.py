"""The configuration keys of a charge point: a small table, each key read-only or with an effect."""

from collections.abc import Iterable
from dataclasses import dataclass

from chargers.simulator.meter import MEASURANDS


@dataclass(slots=True)
class Key:
    """A configuration key of OCPP 1.6, chapter 9; `kind` says which values ChangeConfiguration takes."""

    name: str
    value: str
    kind: str = "integer"  # integer, boolean, measurands or text
    readonly: bool = False
    needs_reboot: bool = False

    def takes(self, value: str) -> bool:
        match self.kind:
            case "integer":
                return value.isdecimal() and int(value) <= 31_536_000
            case "boolean":
                return value.lower() in ("true", "false")
            case "measurands":
                return bool(value) and all(name.strip() in MEASURANDS for name in value.split(","))
        return len(value) <= 500


class Keys:
    """The keys of one charge point, found whatever the case of their letters (CiString)."""

    def __init__(self, connectors: int) -> None:
        table = (
            Key("AllowOfflineTxForUnknownId", "true", "boolean"),
            Key("AuthorizeRemoteTxRequests", "false", "boolean"),
            Key("ConnectionTimeOut", "120"),
            Key("GetConfigurationMaxKeys", "50", readonly=True),
            Key("HeartbeatInterval", "300"),
            Key("LocalAuthorizeOffline", "true", "boolean"),
            Key("MeterValueSampleInterval", "60"),
            Key("MeterValuesSampledData", ",".join(MEASURANDS), "measurands"),
            Key("NumberOfConnectors", str(connectors), readonly=True),
            Key("StopTransactionOnInvalidId", "true", "boolean"),
            Key("SupportedFeatureProfiles", "Core,RemoteTrigger", readonly=True),
            Key("TransactionMessageAttempts", "3"),
            Key("TransactionMessageRetryInterval", "60"),
            Key("WebSocketPingInterval", "30", needs_reboot=True),
        )
        self._keys = {key.name.casefold(): key for key in table}

    def number(self, name: str) -> int:
        return int(self._keys[name.casefold()].value)

    def flag(self, name: str) -> bool:
        return self._keys[name.casefold()].value.lower() == "true"

    def names(self, name: str) -> list[str]:
        return [part.strip() for part in self._keys[name.casefold()].value.split(",")]

    def set(self, name: str, value: str) -> None:
        """Set a key from inside, also a read-only one (BootNotification.conf sets the heartbeat interval)."""
        self._keys[name.casefold()].value = value

    def change(self, name: str, value: str) -> str:
        """The status of ChangeConfiguration.conf: Accepted, Rejected, RebootRequired or NotSupported."""
        key = self._keys.get(name.casefold())
        if key is None:
            return "NotSupported"
        if key.readonly or not key.takes(value):
            return "Rejected"
        key.value = value
        return "RebootRequired" if key.needs_reboot else "Accepted"

    def listed(self, wanted: Iterable[str]) -> dict[str, list[object]]:
        """GetConfiguration.conf for these names; all keys when none is named."""
        names = list(wanted) or [key.name for key in self._keys.values()]
        known = [key for name in names if (key := self._keys.get(name.casefold())) is not None]
        unknown = [name for name in names if name.casefold() not in self._keys]
        answer: dict[str, list[object]] = {
            "configurationKey": [
                {"key": key.name, "readonly": key.readonly, "value": key.value} for key in known
            ]
        }
        if unknown:
            answer["unknownKey"] = list(unknown)
        return answer
