"""Celery's worker and beat inside the server process, for the run without a broker."""

import logging
import threading
from typing import Any

from celery import Celery
from celery.beat import EmbeddedService
from celery.worker import WorkController, state

log = logging.getLogger(__name__)


class EmbeddedCelery:
    """Worker and clock in threads of their own; `stop()` lets running tasks finish."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._worker: Any = None
        self._beat: Any = None
        self._thread = threading.Thread(target=self._work, name="celery-worker", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()
        # The schedule is short and fixed, so the clock keeps it in memory: with a file, a full disk or a moment without
        # free file handles would end the clock for good.
        self._beat = EmbeddedService(self._app, thread=True, scheduler_cls="celery.beat:Scheduler")
        self._beat.start()

    def _work(self) -> None:
        # Built here, in its own thread: in the event loop's, Django refuses the database calls of the set-up.
        self._worker = WorkController(
            app=self._app,
            pool_cls="threads",
            concurrency=2,
            hostname="embedded@csms",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            loglevel=logging.WARNING,
        )
        try:
            self._worker.start()
        except Exception:
            log.exception("celery.embedded_failed")

    def stop(self, timeout: float) -> None:
        """Stop the clock, then the worker, within `timeout` seconds."""
        if self._beat is not None:
            self._beat.stop()
        state.should_stop = 0  # type: ignore[assignment]
        self._thread.join(timeout)
        if self._thread.is_alive():
            log.warning("celery.embedded_still_running")
