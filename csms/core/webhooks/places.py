"""How many requests are on their way at once: one to each endpoint always, and others while the process has any left.

So threads are bounded however many endpoints there are, and no endpoint waits for another that takes its time.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

from csms.core.outbound.sending import Attempt
from csms.core.webhooks.services import ENDPOINTS_MAX

SHARED = 64
"""Requests of a process beside one to each endpoint. `CSMS_WEBHOOK_PARALLEL` says so."""

_shared = threading.BoundedSemaphore(SHARED)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SHARED + ENDPOINTS_MAX, "webhook")


def begin(post: Callable[[], Attempt]) -> "Future[Attempt]":
    """Have a request made by a thread of its own."""
    return _threads().submit(post)


class Places:
    """What one endpoint has of them; used by one thread. `most` are its requests at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0  # of the shared ones

    def is_free(self, running: int, *, alone: bool) -> bool:
        """Return whether one more request may begin beside those that run; `alone` leaves it the one that is its own.

        It must begin then, or `fit()` be called.
        """
        if running <= self._taken:
            return True
        if alone or running >= self._most or not _shared.acquire(blocking=False):
            return False
        self._taken += 1
        return True

    def fit(self, running: int) -> None:
        """Give back what is not needed for so many requests."""
        while self._taken > max(0, running - 1):
            self._taken -= 1
            _shared.release()
