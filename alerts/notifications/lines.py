"""A line for each channel in this process: a thread that sends what is due, so that none waits for another's receiver.

Whoever calls `begin()` waits for nobody. Lines of several processes to one channel do no harm: each message is claimed.
"""

import logging
import threading
from uuid import UUID

from django.db import connection
from django.utils import timezone

from alerts.notifications import sending

log = logging.getLogger(__name__)

LINES_MAX = 16

_lock = threading.Lock()
_busy: set[UUID] = set()


def begin() -> int:
    """Begin a line for each channel to which something is due, as far as there is room; return how many."""
    begun = 0
    for channel in sending.due_channels(now=timezone.now()):
        with _lock:
            if channel in _busy or len(_busy) >= LINES_MAX:
                continue
            _busy.add(channel)
        try:
            threading.Thread(target=_run, args=(channel,), name="notification-line", daemon=True).start()
        except BaseException:  # there may be no room for another thread: the schedule tries again
            _leave(channel)
            raise
        begun += 1
    return begun


def busy() -> int:
    """Return how many lines there are."""
    return len(_busy)


def _run(channel: UUID) -> None:
    try:
        while sending.send_next(channel, now=timezone.now()) is not None:
            pass
    except Exception:  # the lease of what it held runs out, and the schedule begins another line
        log.exception("notifications.line_broke", extra={"channel": str(channel)})
    finally:
        try:
            connection.close()
        finally:
            _leave(channel)


def _leave(channel: UUID) -> None:
    with _lock:
        _busy.discard(channel)
