"""How far a charger's clock is off, told from the times in its live messages.

Replays after an offline time are old without the clock being wrong. They come faster than they were written, so
their claims run away from their arrivals; those of a live clock keep their distance. Only a distance that most of
the last messages share is believed.
"""

from collections import deque
from datetime import datetime
from statistics import median
from typing import Any

from .times import parse_time

KEPT = 7
NEEDED = 3
TOLD_AGAIN = 3600.0  # seconds after which the same skew is news again
SPACING = 1.0  # seconds between two messages that are looked at; a replay cannot fill the window at once
STEADY = 5.0  # seconds by which half of the messages may differ from the median


class SkewMeter:
    """The clock of one charger during one connection."""

    __slots__ = ("_heard", "_samples", "_told", "seconds")

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=KEPT)
        self._heard = float("-inf")
        self._told: tuple[int, float] | None = None
        self.seconds: float | None = None
        """Seconds by which the clock is ahead; negative when it is behind; None while that is not known."""

    def hear(self, payload: dict[str, Any], now: float, received_at: datetime) -> None:
        """Look at the time in a message; `now` is the clock that only goes forward, `received_at` is aware UTC."""
        if now - self._heard < SPACING:
            return
        claimed = parse_time(_claim(payload))
        if claimed is None:
            return
        self._heard = now
        self._samples.append((claimed - received_at).total_seconds())
        if len(self._samples) < NEEDED:
            return
        middle = median(self._samples)
        if median(abs(sample - middle) for sample in self._samples) <= STEADY:
            self.seconds = middle

    def is_news(self, now: float) -> bool:
        """Whether the skew is another one than when this was last true, or that was long ago."""
        if self.seconds is None:
            return False
        seconds = round(self.seconds)
        if self._told is not None and self._told[0] == seconds and now - self._told[1] < TOLD_AGAIN:
            return False
        self._told = (seconds, now)
        return True


def _claim(payload: dict[str, Any]) -> object:
    """The newest time that a message names for itself."""
    if "timestamp" in payload:
        return payload["timestamp"]
    meter_values = payload.get("meterValue")
    if isinstance(meter_values, list) and meter_values and isinstance(meter_values[-1], dict):
        return meter_values[-1].get("timestamp")
    return None
