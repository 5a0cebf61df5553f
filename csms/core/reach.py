"""Whether this process reaches the others: each change is one line in the log, each failure is counted."""

import logging
from datetime import UTC, datetime
from time import monotonic

from prometheus_client import Counter, Gauge

log = logging.getLogger(__name__)


class Reach:
    """Whether one way to the others is open."""

    def __init__(self, name: str, reachable: str, failures: str) -> None:
        self._name = name
        self._reachable = Gauge(f"csms_{name}_reachable", reachable)
        self._failures = Counter(f"csms_{name}_failures_total", failures)
        self._reachable.set(1)
        self._lost_at: float | None = None
        self._failed = 0  # attempts, since then
        self.proved_at: datetime | None = None
        """When something that was sent was last seen to arrive; None = not yet."""

    def is_lost(self) -> bool:
        """Whether the last attempt to reach the others failed."""
        return self._lost_at is not None

    def lost(self, error: object) -> None:
        """Note that an attempt failed."""
        self._failures.inc()
        self._failed += 1
        if self._lost_at is None:
            self._lost_at = monotonic()
            self._reachable.set(0)
            text = str(error) or "no answer in time"
            log.warning(f"{self._name}.unreachable", extra={"error": text[:300]})

    def found(self) -> None:
        """Note that what was sent has arrived."""
        self.proved_at = datetime.now(UTC)
        if self._lost_at is not None:
            after = {"after_seconds": round(monotonic() - self._lost_at, 1), "failures": self._failed}
            log.warning(f"{self._name}.reachable", extra=after)
            self._lost_at, self._failed = None, 0
            self._reachable.set(1)


# Without it commands and approvals are found by the sweep of each process, and pages cannot be told what changed.
BELL = Reach(
    "bell",
    "1 while bells and announcements of this process arrive, 0 while they do not.",
    "Bells and announcements that could not be sent or heard.",
)
# Without it no background task is begun; what they do is done when it is back.
BROKER = Reach(
    "broker",
    "1 while this process reaches the broker of the background tasks, 0 while it does not.",
    "Attempts to send a background task, or to hear of one, that failed.",
)

is_lost, lost, found = BELL.is_lost, BELL.lost, BELL.found
