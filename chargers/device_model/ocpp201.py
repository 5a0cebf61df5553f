"""OCPP 2.0.1 of the device model: under which variable a charge point says what 1.6 says by a key."""

from chargers.commands.ordering import Order
from chargers.handling import Handler

CALLS: dict[str, Handler] = {}

ORDERS: dict[str, Order] = {}

# Appendix 2 of part 2: referenced components and variables. What it says by a limit of a variable is not here.
MEANINGS: dict[str, str] = {
    "additional_root_check": "SecurityCtrlr/AdditionalRootCertificateCheck",
    "certificate_chain_max": "SecurityCtrlr/MaxCertificateChainSize",
    "charging_rate_units": "SmartChargingCtrlr/RateUnit",
    "connection_timeout": "TxCtrlr/EVConnectionTimeOut",
    "cost_enabled": "TariffCostCtrlr/Enabled[Cost]",
    "currency": "TariffCostCtrlr/Currency",
    "display_available": "DisplayMessageCtrlr/Available",
    "file_transfer_protocols": "OCPPCommCtrlr/FileTransferProtocols",
    "local_list_at_once": "LocalAuthListCtrlr/ItemsPerMessage",
    "local_list_bytes": "LocalAuthListCtrlr/BytesPerMessage",
    "local_list_entries": "LocalAuthListCtrlr/Entries",
    "master_pass_group": "AuthCtrlr/MasterPassGroupId",
    "reserve_any": "ReservationCtrlr/NonEvseSpecific",
    "schedule_periods_max": "SmartChargingCtrlr/PeriodsPerSchedule",
    "stack_level_max": "SmartChargingCtrlr/ProfileStackLevel",
    "tariff_enabled": "TariffCostCtrlr/Enabled[Tariff]",
}
