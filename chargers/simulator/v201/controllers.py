"""The controller components of a station (OCPP 2.0.1, part 2, appendix 3): settings, limits and abilities."""

from typing import TYPE_CHECKING

from chargers.simulator.clock import timestamp
from chargers.simulator.v201.metering import MEASURANDS
from chargers.simulator.v201.rows import NO, YES, Row, built, choice, flag, integer, members, text, when
from chargers.simulator.v201.variables import BOTH, WRITE, Place, Variable

if TYPE_CHECKING:
    from chargers.simulator.v201.station import Station

DAY = 86_400
YEAR = 31_536_000
START_POINTS = (
    "Authorized",
    "DataSigned",
    "EVConnected",
    "EnergyTransfer",
    "ParkingBayOccupancy",
    "PowerPathClosed",
)
STOP_POINTS = tuple(point for point in START_POINTS if point != "DataSigned")
ENERGY = "Energy.Active.Import.Register"
ALL = ",".join(MEASURANDS)
SLOTS = ("0", "1", "2", "3")  # of network profiles
ITEMS = {"GetReport": 40, "GetVariables": 50, "SetVariables": 20}  # per message
BYTES = {"GetReport": 16_000, "GetVariables": 16_000, "SetVariables": 8_000}
MONITORING = ("ClearVariableMonitoring", "SetVariableMonitoring")


def controllers(station: "Station") -> list[Variable]:
    """The variables of all controllers, with the values of a station as it leaves its maker."""
    tables = {**_metering(), **_authorization(station), **_communication(station), **_rest(station)}
    return built({Place(name): rows for name, rows in tables.items()})


def _metering() -> dict[str, list[Row]]:
    return {
        "AlignedDataCtrlr": [
            flag("Available", YES),
            flag("Enabled", YES, BOTH),
            members("Measurands", ENERGY, MEASURANDS),
            integer("Interval", "0", 0, DAY, BOTH, unit="s"),
            flag("SendDuringIdle", NO, BOTH),
            flag("SignReadings", NO, BOTH),
            members("TxEndedMeasurands", ENERGY, MEASURANDS),
            integer("TxEndedInterval", "0", 0, DAY, BOTH, unit="s"),
        ],
        "SampledDataCtrlr": [
            flag("Available", YES),
            flag("Enabled", YES, BOTH),
            flag("SignReadings", NO, BOTH),
            flag("RegisterValuesWithoutPhases", YES),
            members("TxStartedMeasurands", ENERGY, MEASURANDS),
            members("TxUpdatedMeasurands", ALL, MEASURANDS),
            members("TxEndedMeasurands", ALL, MEASURANDS),
            integer("TxUpdatedInterval", "60", 0, DAY, BOTH, unit="s"),
            integer("TxEndedInterval", "0", 0, DAY, BOTH, unit="s"),
        ],
        "TxCtrlr": [
            flag("ChargingBeforeAcceptedEnabled", NO),
            integer("EVConnectionTimeOut", "120", 1, 3600, BOTH, unit="s"),
            integer("MaxEnergyOnInvalidId", "0", 0, 10_000, BOTH, unit="Wh"),
            flag("StopTxOnEVSideDisconnect", YES, BOTH),
            flag("StopTxOnInvalidId", YES, BOTH),
            flag("TxBeforeAcceptedEnabled", NO),
            members("TxStartPoint", "PowerPathClosed", START_POINTS),
            members("TxStopPoint", "EVConnected,Authorized", STOP_POINTS),
        ],
    }


def _authorization(station: "Station") -> dict[str, list[Row]]:
    return {
        "AuthCacheCtrlr": [
            flag("Available", YES),
            flag("Enabled", YES, BOTH),
            integer("LifeTime", str(7 * DAY), 0, YEAR, BOTH, unit="s"),
            choice("Policy", "LRU", ("LRU", "LFU", "FIFO"), BOTH),
            integer("Storage", lambda: str(128 * len(station.authorizer.cache)), 0, 65_536, unit="B"),
            flag("DisablePostAuthorize", NO, BOTH),
        ],
        "AuthCtrlr": [
            flag("Enabled", YES),
            integer("AdditionalInfoItemsPerMessage", "4", 0, 4),
            flag("AuthorizeRemoteStart", NO, BOTH),
            flag("DisableRemoteAuthorization", NO, BOTH),
            flag("LocalAuthorizeOffline", YES, BOTH),
            flag("LocalPreAuthorize", NO, BOTH),
            text("MasterPassGroupId", "", BOTH, high=36),
            flag("OfflineTxForUnknownIdEnabled", YES, BOTH),
        ],
        "LocalAuthListCtrlr": [
            flag("Available", YES),
            flag("Enabled", YES, BOTH),
            integer("Entries", lambda: str(len(station.local_list)), 0, 500),
            integer("Storage", lambda: str(128 * len(station.local_list)), 0, 65_536, unit="B"),
            integer("ItemsPerMessage", "100", 1, 100),
            integer("BytesPerMessage", "64000", 1, 64_000, unit="B"),
            flag("DisablePostAuthorize", NO, BOTH),
            flag("SupportsExpiryDateTime", YES),
        ],
        "ReservationCtrlr": [
            flag("Available", YES),
            flag("Enabled", YES, BOTH),
            flag("NonEvseSpecific", YES),
        ],
        "SecurityCtrlr": [
            flag("AdditionalRootCertificateCheck", NO),
            flag("AllowSecurityProfileDowngrade", NO),
            text("BasicAuthPassword", "", WRITE, low=16, high=40),
            integer("CertSigningRepeatTimes", "3", 0, 10, BOTH),
            integer("CertSigningWaitMinimum", "60", 1, DAY, BOTH, unit="s"),
            integer("CertificateEntries", lambda: str(len(station.certificates.roots)), 0, 8),
            text("Identity", station.cp_id, high=48),
            integer("MaxCertificateChainSize", "10000", 0, 10_000, unit="B"),
            text("OrganizationName", "", BOTH, high=64),
            integer("SecurityProfile", lambda: str(station.network.security_profile), 0, 3),
        ],
    }


def _communication(station: "Station") -> dict[str, list[Row]]:
    items = [integer("ItemsPerMessage", str(most), 1, most, instance=name) for name, most in ITEMS.items()]
    lengths = [
        integer("BytesPerMessage", str(most), 1, most, instance=name, unit="B")
        for name, most in BYTES.items()
    ]
    return {
        "DeviceDataCtrlr": [
            *items,
            *lengths,
            integer("ConfigurationValueSize", "1000", 1, 1000),
            integer("ReportingValueSize", "2500", 1, 2500),
            integer("ValueSize", "1000", 1, 1000),
        ],
        "OCPPCommCtrlr": [
            integer("ActiveNetworkProfile", lambda: station.network.slot, 0, 3),
            choice("FileTransferProtocols", "HTTP,HTTPS", ("FTP", "HTTP", "HTTPS"), kind="MemberList"),
            integer("HeartbeatInterval", "300", 1, DAY, BOTH, unit="s"),
            integer("MessageAttempts", "3", 1, 10, BOTH, instance="TransactionEvent"),
            integer("MessageAttemptInterval", "60", 0, 3600, BOTH, instance="TransactionEvent", unit="s"),
            integer("MessageTimeout", "30", 1, 300, instance="Default", unit="s"),
            choice("NetworkConfigurationPriority", "0", SLOTS, BOTH, "SequenceList"),
            integer("NetworkProfileConnectionAttempts", "3", 1, 100, BOTH),
            integer("OfflineThreshold", "600", 0, DAY, BOTH, unit="s"),
            choice("PublicKeyWithSignedMeterValue", "OncePerTransaction", KEY_TOLD, BOTH),
            flag("QueueAllMessages", NO, BOTH),
            integer("ResetRetries", "1", 0, 10, BOTH),
            integer("RetryBackOffRandomRange", "10", 0, 600, BOTH, unit="s"),
            integer("RetryBackOffRepeatTimes", "6", 0, 20, BOTH),
            integer("RetryBackOffWaitMinimum", "1", 0, 600, BOTH, unit="s"),
            flag("UnlockOnEVSideDisconnect", YES, BOTH),
            integer("WebSocketPingInterval", "30", 0, 3600, BOTH, unit="s", needs_reboot=True),
            text("FieldLength", "5500", instance="SignCertificate.csr"),
            text("FieldLength", "2500", instance="NotifyReport.value"),
        ],
        "ClockCtrlr": [
            when("DateTime", timestamp),
            choice("TimeSource", "Heartbeat", ("Heartbeat", "NTP", "GPS"), BOTH, "SequenceList"),
            text("TimeZone", "UTC", BOTH, high=50),
            text("TimeOffset", "+00:00", BOTH, high=6),
            text("NextTimeOffsetTransitionDateTime", ""),
            integer("TimeAdjustmentReportingThreshold", "20", 1, 3600, BOTH, unit="s"),
            text("NtpServerUri", "", BOTH, high=250, instance="1"),
            choice("NtpSource", "manual", ("DHCP", "manual"), BOTH),
        ],
    }


KEY_TOLD = ("Never", "OncePerTransaction", "EveryMeterValue")


def _rest(station: "Station") -> dict[str, list[Row]]:
    is_dc = station.hardware.is_dc
    contracts = YES if is_dc else NO
    return {
        "CustomizationCtrlr": [
            flag("CustomImplementationEnabled", NO, BOTH, instance=station.hardware.vendor),
        ],
        "DisplayMessageCtrlr": [
            flag("Available", NO),
            flag("Enabled", NO),
            integer("NumberOfDisplayMessages", "0", 0, 0),
            choice("SupportedFormats", "UTF8", ("ASCII", "HTML", "URI", "UTF8"), kind="MemberList"),
            choice("SupportedPriorities", "", ("AlwaysFront", "InFront", "NormalCycle"), kind="MemberList"),
        ],
        "ISO15118Ctrlr": [
            flag("Available", contracts),
            flag("Enabled", contracts, BOTH),
            flag("CentralContractValidationAllowed", NO, BOTH),
            flag("ContractValidationOffline", NO, BOTH),
            flag("PnCEnabled", NO, BOTH),
            flag("V2GCertificateInstallationEnabled", contracts, BOTH),
            flag("ContractCertificateInstallationEnabled", NO, BOTH),
            flag("RequestMeteringReceipt", NO, BOTH),
            integer("MaxScheduleEntries", "24", 1, 1024),
            text("CountryName", "", BOTH, high=2),
            text("OrganizationName", "", BOTH, high=64),
            text("SeccId", station.nameplate.serial, BOTH, high=64),
        ],
        "MonitoringCtrlr": [
            flag("Available", NO),
            flag("Enabled", NO),
            choice("ActiveMonitoringBase", "HardWiredOnly", ("All", "FactoryDefault", "HardWiredOnly")),
            integer("ActiveMonitoringLevel", "4", 0, 9),
            integer("OfflineQueuingSeverity", "4", 0, 9, BOTH),
            *(integer("ItemsPerMessage", "10", 1, 10, instance=name) for name in MONITORING),
            *(integer("BytesPerMessage", "8000", 1, 8000, instance=name, unit="B") for name in MONITORING),
        ],
        "SmartChargingCtrlr": [
            flag("Available", YES),
            flag("Enabled", YES, BOTH),
            flag("ACPhaseSwitchingSupported", NO),
            integer("Entries", lambda: str(station.profiles.count), 0, 20, instance="ChargingProfiles"),
            flag("ExternalControlSignalsEnabled", NO),
            integer("LimitChangeSignificance", "1", 0, 100, BOTH, unit="%"),
            flag("NotifyChargingLimitWithSchedules", NO),
            integer("PeriodsPerSchedule", "24", 1, 24),
            flag("Phases3to1", NO),
            integer("ProfileStackLevel", "9", 0, 9),
            choice("RateUnit", "W" if is_dc else "A,W", ("A", "W"), kind="MemberList"),
        ],
        "TariffCostCtrlr": [
            *(flag("Available", YES, instance=name) for name in ("Cost", "Tariff")),
            *(flag("Enabled", YES, BOTH, instance=name) for name in ("Cost", "Tariff")),
            text("Currency", "EUR", BOTH, high=3),
            text("TariffFallbackMessage", "Ask the operator for the price.", BOTH, high=255),
            text("TotalCostFallbackMessage", "The cost follows on your bill.", BOTH, high=255),
        ],
    }
