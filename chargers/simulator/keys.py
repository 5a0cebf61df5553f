"""The configuration keys of a charge point: a small table, each key read-only or with an effect."""

from collections.abc import Iterable
from dataclasses import dataclass

from chargers.simulator.meter import MEASURANDS

SECRET = "AuthorizationKey"
PROFILES = "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"
ENERGY = "Energy.Active.Import.Register"
MOST_LISTED = 60  # GetConfigurationMaxKeys


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
            case "password":
                return 16 <= len(value) <= 40
        return len(value) <= 500


class Keys:
    """The keys of one charge point, found whatever the case of their letters (CiString)."""

    def __init__(self, connectors: int, *, is_dc: bool = False, security_profile: int = 0) -> None:
        units = "Power" if is_dc else "Current,Power"
        settable = (
            Key("AllowOfflineTxForUnknownId", "true", "boolean"),
            Key(SECRET, "", "password"),
            Key("AuthorizeRemoteTxRequests", "false", "boolean"),
            Key("ClockAlignedDataInterval", "0"),
            Key("ConnectionTimeOut", "120"),
            Key("CpoName", "", "text"),
            Key("HeartbeatInterval", "300"),
            Key("LocalAuthListEnabled", "true", "boolean"),
            Key("LocalAuthorizeOffline", "true", "boolean"),
            Key("LocalPreAuthorize", "false", "boolean"),
            Key("MeterValueSampleInterval", "60"),
            Key("MeterValuesAlignedData", ENERGY, "measurands"),
            Key("MeterValuesSampledData", ",".join(MEASURANDS), "measurands"),
            Key("StopTransactionOnInvalidId", "true", "boolean"),
            Key("StopTxnSampledData", ",".join(MEASURANDS), "measurands"),
            Key("TransactionMessageAttempts", "3"),
            Key("TransactionMessageRetryInterval", "60"),
            Key("WebSocketPingInterval", "30", needs_reboot=True),
        )
        fixed = {
            "AdditionalRootCertificateCheck": "false",
            "CertificateSignedMaxChainSize": "10000",
            "CertificateStoreMaxLength": "8",
            "ChargeProfileMaxStackLevel": "9",
            "ChargingScheduleAllowedChargingRateUnit": units,
            "ChargingScheduleMaxPeriods": "24",
            "ConnectorPhaseRotation": ",".join(
                f"{n}.{'NotApplicable' if is_dc else 'RST'}" for n in range(connectors + 1)
            ),
            "GetConfigurationMaxKeys": str(MOST_LISTED),
            "LocalAuthListMaxLength": "500",
            "MaxChargingProfilesInstalled": "20",
            "NumberOfConnectors": str(connectors),
            "ReserveConnectorZeroSupported": "true",
            "ResetRetries": "1",
            "SecurityProfile": str(security_profile),
            "SendLocalListMaxLength": "200",
            "StopTransactionOnEVSideDisconnect": "true",
            "SupportedFeatureProfiles": PROFILES,
            "SupportedFileTransferProtocols": "HTTP,HTTPS",
            "UnlockConnectorOnEVSideDisconnect": "true",
        }
        table = [*settable, *(Key(name, value, "text", readonly=True) for name, value in fixed.items())]
        self._keys = {key.name.casefold(): key for key in sorted(table, key=lambda key: key.name)}

    def text(self, name: str) -> str:
        return self._keys[name.casefold()].value

    def number(self, name: str) -> int:
        return int(self._keys[name.casefold()].value)

    def flag(self, name: str) -> bool:
        return self._keys[name.casefold()].value.lower() == "true"

    def names(self, name: str) -> list[str]:
        return [part.strip() for part in self._keys[name.casefold()].value.split(",")]

    @property
    def message_attempts(self) -> int:
        return self.number("TransactionMessageAttempts")

    @property
    def retry_interval(self) -> int:
        return self.number("TransactionMessageRetryInterval")

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
        answer: dict[str, list[object]] = {"configurationKey": [_listed(key) for key in known]}
        if unknown:
            answer["unknownKey"] = list(unknown)
        return answer


def _listed(key: Key) -> dict[str, object]:
    if key.name == SECRET:  # set, never told
        return {"key": key.name, "readonly": False}
    return {"key": key.name, "readonly": key.readonly, "value": key.value}


def basic_password(value: str) -> bytes:
    """The bytes that an AuthorizationKey stands for: hexadecimal digits of 16 to 20 bytes, or else its text."""
    if len(value) >= 32 and len(value) % 2 == 0 and set(value) <= set("0123456789abcdefABCDEF"):
        return bytes.fromhex(value)
    return value.encode()
