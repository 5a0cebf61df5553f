"""Whether this process reaches the others: each change is one line in the log, each failure is counted."""

import logging
from time import monotonic

from prometheus_client import Counter, Gauge

log = logging.getLogger(__name__)

REACHABLE = Gauge(
    "csms_bell_reachable", "1 while bells and announcements of this process arrive, 0 while they do not."
)
FAILURES = Counter("csms_bell_failures_total", "Bells and announcements that could not be sent or heard.")
REACHABLE.set(1)

_lost_at: float | None = None


def is_lost() -> bool:
    """Whether the last attempt to reach the others failed."""
    return _lost_at is not None


def lost(error: BaseException) -> None:
    """Note that an attempt failed."""
    global _lost_at
    FAILURES.inc()
    if _lost_at is None:
        _lost_at = monotonic()
        REACHABLE.set(0)
        # Commands and approvals are then found by the sweep of each process, and pages cannot be told what changed.
        log.warning("bell.unreachable", extra={"error": (str(error) or "no answer in time")[:300]})


def found() -> None:
    """Note that what was sent has arrived."""
    global _lost_at
    if _lost_at is not None:
        log.warning("bell.reachable", extra={"after_seconds": round(monotonic() - _lost_at, 1)})
        _lost_at = None
        REACHABLE.set(1)
