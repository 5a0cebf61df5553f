"""The metrics of sockets: frames, answers, closes."""

from collections.abc import Collection
from functools import lru_cache

from prometheus_client import Counter, Histogram

from chargers.protocol.events import CallReceived, Event, Refused, Repeated

MESSAGES = Counter("csms_ocpp_messages_total", "Frames from charge points.", ["action", "verdict"])
# A counter is found by its labels at every frame; there are few of them (see `_known`), so each is looked up once.
_messages = lru_cache(1024)(MESSAGES.labels)
HANDLING = Histogram(
    "csms_ocpp_answer_seconds", "From a CALL's arrival to its answer on the wire, commit included."
)
CLOSES = Counter("csms_ocpp_closes_total", "Connections of charge points that ended.", ["code"])

CLOSE_CODES = {1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 4000, 4001, 4002, 4003}
"""Codes that get a series of their own; a peer may name thousands more."""


def count_message(event: Event, handled: Collection[str]) -> None:
    """Count a frame of a charge point; `handled` names the actions that have a handler."""
    _messages(_known(event, handled), event.verdict).inc()


def count_close(code: int) -> None:
    """Count a connection that ended."""
    CLOSES.labels(str(code) if code in CLOSE_CODES else "other").inc()


def _known(event: Event, handled: Collection[str]) -> str:
    """The action as a metric label: bounded, whatever a charge point sends."""
    action = event.action or ""
    return (
        action if action in handled or not isinstance(event, CallReceived | Refused | Repeated) else "other"
    )
