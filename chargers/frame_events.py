"""Whose OCPP messages are events, too: `cp.ocpp_frames`, as `CSMS_EVENTS_FRAMES` says.

Each process remembers it and asks again every few seconds, so a frame of which nobody wants to hear costs one look.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from csms.core.config import get_config
from csms.core.events.services import record
from csms.core.webhooks.selectors import frames_asked

REFRESH_SECONDS = 10.0

Covers = Callable[[str], bool]


class Wanted:
    """What this process knows; `covers` tells of a charge point, and is None while nobody asks for any."""

    __slots__ = ("covers",)

    def __init__(self) -> None:
        self.covers: Covers | None = None


WANTED = Wanted()


def look_who_asks() -> None:
    """Find out anew whose messages are wanted; at most one query."""
    WANTED.covers = _who_asks()


def _who_asks() -> Covers | None:
    config = get_config()
    if config.events_frames == "off":
        return None
    if config.events_frames == "on" or config.amqp_url:
        return _all
    asked = frames_asked()
    return asked.covers if asked.asked else None


def _all(cp_id: str) -> bool:
    return True


def record_frame(
    cp_id: str,
    *,
    direction: str,
    message_type: int | None,
    message_id: str,
    action: str,
    ocpp_version: str,
    connection_id: str,
    verdict: str,
    message: str,
    at: datetime,
) -> None:
    """Tell a message as the log of messages has it."""
    facts: dict[str, Any] = {
        "direction": direction,
        "action": action,
        "message_type": message_type,
        "message_id": message_id,
        "ocpp_version": ocpp_version,
        "connection_id": connection_id,
        "verdict": verdict,
        "message": message,
    }
    record("cp.ocpp_frames", cp_id, facts, occurred_at=at)
