"""Looks every few seconds whether a setting was overridden, in a thread of its own, in every process that serves.

A bell makes it look at once, where there is one; without Redis, and in workers, which hear none, the clock will do.
"""

import logging
import os
import threading

from django.db import connections

from csms.core.overrides.services import refresh

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0  # seconds


class Watch:
    """The look-out of one process. `start()` may be called again: after a fork the thread is made anew."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self._ending = threading.Event()
        self._of = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Bring what is stored into force, and look out for changes from now on."""
        if self._of == os.getpid():
            return
        self._of = os.getpid()
        self._rung, self._ending = threading.Event(), threading.Event()
        self._look()
        self._thread = threading.Thread(target=self._watch, name="settings", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._rung.set()

    def stop(self) -> None:
        """End with the process."""
        self._ending.set()
        self._rung.set()
        if self._thread is not None and self._of == os.getpid():
            self._thread.join(LOOK_EVERY)
        self._of, self._thread = 0, None

    def _watch(self) -> None:
        while not self._ending.is_set():
            self._rung.wait(LOOK_EVERY)
            self._rung.clear()
            if not self._ending.is_set():
                self._look()

    def _look(self) -> None:
        try:
            refresh()
        except Exception:
            log.exception("settings.watch_failed")
        finally:
            connections.close_all()  # those of this thread; the engine keeps them for the next


WATCH = Watch()
