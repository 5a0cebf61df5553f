"""How many sessions are stuck, as it was some seconds ago at most: counted once for all who look at the same time."""

from datetime import datetime, timedelta
from threading import Lock

from transactions.stuck.cases import counted
from transactions.stuck.models import Kind

KEPT_FOR = timedelta(seconds=10)

_lock = Lock()
_kept: tuple[datetime, dict[Kind, int]] | None = None


def counts(*, now: datetime) -> dict[Kind, int]:
    """Return how many there are of each kind, COUNTED + 1 standing for more; KEPT_FOR old at most, in each process."""
    global _kept
    with _lock:
        if _kept is None or not _kept[0] <= now < _kept[0] + KEPT_FOR:
            _kept = now, counted(now=now)
        return dict(_kept[1])


def forget_counts() -> None:
    """Count anew when somebody asks again."""
    global _kept
    with _lock:
        _kept = None
