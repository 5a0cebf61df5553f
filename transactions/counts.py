"""The metrics of transactions, authorization and meter values: facts, counted after their commit."""

from typing import get_args

from csms.core.backend.answers import Source, TokenStatus
from csms.core.counting import FactCounter
from transactions.models import Transaction
from transactions.samples import ENERGY

OWN = "own"

AUTHORIZATIONS = FactCounter(
    "csms_authorizations_total",
    "Id tokens that charge points asked about, by the verdict and by who gave it.",
    decision=get_args(TokenStatus),
    source=(OWN, *get_args(Source)),
)
STARTS = FactCounter(
    "csms_start_transactions_total",
    "Transactions that charge points started, each once, by the verdict on the token.",
    decision=get_args(TokenStatus),
)
STARTS_AGAIN = FactCounter(
    "csms_start_transactions_repeated_total", "Starts that told again of a transaction that was known."
)
REASONS = (
    # 1.6, 7.36
    "EmergencyStop",
    "EVDisconnected",
    "HardReset",
    "Local",
    "Other",
    "PowerLoss",
    "Reboot",
    "Remote",
    "SoftReset",
    "UnlockCommand",
    "DeAuthorized",
    # and what 2.x adds to them
    "EnergyLimitReached",
    "GroundFault",
    "ImmediateReset",
    "LocalOutOfCredit",
    "MasterPass",
    "OvercurrentFault",
    "PowerQuality",
    "SOCLimitReached",
    "StoppedByEV",
    "TimeLimitReached",
    "Timeout",
    "",  # nobody said
)
STOPS = FactCounter(
    "csms_stop_transactions_total",
    "Transactions that ended, each once: as charge points reported it, or inferred from evidence.",
    reason=REASONS,
    source=Transaction.EndSource.values,
)
STOPS_AGAIN = FactCounter(
    "csms_stop_transactions_repeated_total", "Ends that told again of an end that was known."
)
STOPS_REPLACED = FactCounter(
    "csms_stop_transactions_replaced_total", "Inferred ends that a reported one has replaced."
)
ORPHANS = FactCounter(
    "csms_transaction_orphans_total", "Ends that belong to no transaction that was known to have started."
)

MEASURANDS = (
    "Current.Export",
    "Current.Import",
    "Current.Offered",
    ENERGY,
    "Energy.Active.Export.Register",
    "Energy.Reactive.Export.Register",
    "Energy.Reactive.Import.Register",
    "Energy.Active.Export.Interval",
    "Energy.Active.Import.Interval",
    "Energy.Reactive.Export.Interval",
    "Energy.Reactive.Import.Interval",
    "Frequency",
    "Power.Active.Export",
    "Power.Active.Import",
    "Power.Factor",
    "Power.Offered",
    "Power.Reactive.Export",
    "Power.Reactive.Import",
    "RPM",
    "SoC",
    "Temperature",
    "Voltage",
)  # 1.6, 7.31; those that only 2.x has are "other"
READINGS = FactCounter("csms_meter_values_total", "Readings that were stored.")
SAMPLES = FactCounter(
    "csms_meter_value_samples_total", "Sampled values of the readings that were stored.", measurand=MEASURANDS
)
UNUSED = FactCounter(
    "csms_meter_value_samples_unused_total",
    "Sampled values that are no number or beyond belief: kept as they came, and used for nothing.",
    measurand=MEASURANDS,
)
