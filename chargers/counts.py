"""The metrics of sockets: connections, frames, answers, closes; and of what charge points report of themselves."""

from collections.abc import Collection
from functools import lru_cache

from prometheus_client import Counter, Histogram

from chargers.models import ConnectorStatus, Registration
from chargers.protocol.errors import Fault
from chargers.protocol.events import CallAnswered, CallFailed, CallReceived, Event, Refused, Repeated
from chargers.protocol.schemas import actions
from chargers.protocol.versions import Version
from csms.core.counting import OTHER, FactCounter

# --- the socket ---

MESSAGES = Counter("csms_ocpp_messages_total", "Frames from charge points.", ["action", "verdict"])
# A counter is found by its labels at every frame; there are few of them (see `_known`), so each is looked up once.
_messages = lru_cache(1024)(MESSAGES.labels)
SENT = Counter(
    "csms_ocpp_messages_sent_total",
    "Frames to charge points, by the action that they ask for or answer.",
    ["action", "kind"],
)
_sent = lru_cache(1024)(SENT.labels)
HANDLING = Histogram(
    "csms_ocpp_answer_seconds",
    "From a CALL's arrival to its answer on the wire, commit included.",
    ["action", "outcome"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_handling = lru_cache(1024)(HANDLING.labels)
ANSWERS = Histogram(
    "csms_ocpp_call_seconds",
    "From a CALL to a charge point to its answer.",
    ["action"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
CLOSES = Counter("csms_ocpp_closes_total", "Connections of charge points that ended.", ["code"])

CLOSE_CODES = {1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 4000, 4001, 4002, 4003}
"""Codes that get a series of their own; a peer may name thousands more."""

ACTIONS = frozenset[str]().union(*map(actions, Version))


def count_message(event: Event, handled: Collection[str]) -> None:
    """Count a frame of a charge point; `handled` names the actions that have a handler."""
    _messages(_known(event, handled), event.verdict).inc()


def count_answer(action: str, result: tuple[str, str | None] | None, seconds: float) -> None:
    """Count the answer to a CALL that had a handler; `result` is None if it could not be stored."""
    outcome = "failed" if result is None else "refused" if result[1] is None else "ok"
    _handling(action, outcome).observe(seconds)
    _sent(action, "result" if outcome == "ok" else "error").inc()


def count_noted(event: Event, answer: str | None, arrived: float) -> None:
    """Count what came of a frame without a handler: our answer to it, or that it answers a CALL of ours."""
    if isinstance(event, CallAnswered | CallFailed):
        ANSWERS.labels(_served(event.action)).observe(arrived - event.call.sent_at)
    elif answer:
        _sent(_served(event.action), "result" if isinstance(event, Repeated) else "error").inc()


def count_call(action: str) -> None:
    """Count a CALL to a charge point."""
    _sent(_served(action), "call").inc()


def count_close(code: int) -> None:
    """Count a connection that ended."""
    CLOSES.labels(str(code) if code in CLOSE_CODES else OTHER).inc()


def _served(action: str | None) -> str:
    return action if action is not None and action in ACTIONS else OTHER


def _known(event: Event, handled: Collection[str]) -> str:
    """The action as a metric label: bounded, whatever a charge point sends."""
    action = event.action or ""
    return action if action in handled or not isinstance(event, CallReceived | Refused | Repeated) else OTHER


# --- facts, counted after their commit ---

CONNECTIONS = FactCounter(
    "csms_ocpp_connections_total",
    "Connections of charge points that were opened.",
    version=tuple(Version),
    security_profile=("0", "1", "2", "3"),
)
ERRORS = FactCounter(
    "csms_ocpp_errors_answered_total",
    "CALLs that were answered with a CALLERROR.",
    action=ACTIONS,
    code=[fault.value for fault in Fault],
)
BOOTS = FactCounter(
    "csms_boot_notifications_total", "Boots, by how they were answered.", decision=Registration.values
)
ERROR_CODES = (
    "NoError",
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
)  # 1.6, 7.6
STATUSES = FactCounter(
    "csms_status_notifications_total",
    "States that charge points reported.",
    status=(*ConnectorStatus.values, "Occupied"),
    error_code=(*ERROR_CODES, ""),
)
APPROVALS = FactCounter(
    "csms_charge_point_approvals_total",
    "Charge points that people approved or rejected.",
    decision=Registration.values,
)
