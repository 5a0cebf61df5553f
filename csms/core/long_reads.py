"""A read of the API that takes too long is ended: whoever asked has given up by then, and the database is everybody's.

The statement that runs is cancelled from a thread beside it, so an ordinary read costs no round trip more, and the
session, which has heirs, keeps no setting of it.
"""

import logging
import threading
import time
from contextlib import suppress

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.http import HttpRequest
from prometheus_client import Counter

from csms.core.api_errors import ApiError
from csms.core.config import get_config

log = logging.getLogger(__name__)

LOOK_EVERY = 0.5  # seconds
AGAIN_AFTER = 2.0  # seconds; a read may have been between two statements
CANCEL_SECONDS = 5.0  # PostgreSQL's answer to a cancellation

CODE = "read_too_long"
ENDED = Counter("csms_api_reads_ended_total", "Reads of the API that took too long and were answered 504.")

_running: set["Read"] = set()
_lock = threading.Lock()
_watch: threading.Thread | None = None


class Read:
    """A read that is worked on in this thread."""

    def __init__(self, path: str, limit: float) -> None:
        self._path = path
        self._limit = limit
        self._wrapper = connections[DEFAULT_DB_ALIAS]
        self._over = False
        self._cancelling = threading.Lock()
        self.due = time.monotonic() + limit
        self.cancelled = False

    def cancel(self) -> None:
        """End the statement that runs, from another thread; nothing when the read is over."""
        with self._cancelling:
            if self._over:
                return
            self.cancelled = True
            self.due = time.monotonic() + AGAIN_AFTER
            connection = self._wrapper.connection
            if connection is None:
                return
            with suppress(Exception):  # the connection was lost or closed meanwhile: there is nothing to end
                if self._wrapper.vendor == "postgresql":
                    connection.cancel_safe(timeout=CANCEL_SECONDS)
                else:
                    connection.interrupt()

    def end(self) -> None:
        """The read is over: no cancellation comes any more."""
        with _lock:
            _running.discard(self)
        with self._cancelling:
            self._over = True
        if self.cancelled and not self._wrapper.in_atomic_block:
            # A cancellation that is late must meet nobody who has the connection next.
            if self._wrapper.connection is not None:
                self._wrapper.connection.close()
            self._wrapper.close()

    def explained(self, error: Exception) -> Exception:
        """Return what the caller is told: of a failure that is our doing, that it took too long."""
        if not self.cancelled or not isinstance(error, DatabaseError):
            return error
        ENDED.inc()
        log.warning("api.read_too_long", extra={"path": self._path, "limit_seconds": self._limit})
        detail = (
            f"reading this takes more than {self._limit:g} s; ask for less of it, such as a shorter window"
        )
        return ApiError(504, CODE, detail)


def begin(request: HttpRequest) -> Read | None:
    """Watch over a read from now on, in this thread, until its `end()`; None where time has no limit."""
    global _watch
    limit = get_config().api_read_seconds
    if not limit:
        return None
    read = Read(request.path, limit)
    with _lock:
        _running.add(read)
        if _watch is None or not _watch.is_alive():
            _watch = threading.Thread(target=_look, name="long-reads", daemon=True)
            _watch.start()
    return read


def running() -> int:
    """How many reads are watched over."""
    return len(_running)


def _look() -> None:
    while True:
        time.sleep(LOOK_EVERY)
        now = time.monotonic()
        with _lock:
            due = [read for read in _running if read.due <= now]
        for read in due:
            read.cancel()
