"""Celery's worker and beat inside the server process, for the run without a broker."""

import logging
import os
import threading
from time import monotonic
from typing import Any

from celery import Celery
from celery.beat import Scheduler
from celery.worker import WorkController, state

from csms.core.events import tasks as events

log = logging.getLogger(__name__)

THREADS = 4  # one brings events out, all the time; callbacks and webhooks have threads of their own
LONGEST_SLEEP = 5  # of the clock, in seconds; its end wakes it


class EmbeddedCelery:
    """Worker and clock in threads of their own; `stop()` lets running tasks finish."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._name = f"embedded-{os.getpid()}@csms"
        self._ending = threading.Event()
        self._worker = threading.Thread(target=self._work, name="celery-worker", daemon=True)
        self._clock = threading.Thread(target=self._strike, name="celery-clock", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        events.allow_relay()
        self._worker.start()
        self._clock.start()

    def _strike(self) -> None:
        # Celery's own service sleeps up to a second before it notices that it should end; this one is woken. The
        # schedule is short and fixed, so the clock keeps it in memory: with a file, a full disk or a moment without
        # free file handles would end the clock for good.
        scheduler = Scheduler(app=self._app, max_interval=LONGEST_SLEEP)
        while not self._ending.is_set():
            wait: float = LONGEST_SLEEP
            try:
                wait = scheduler.tick()
            except Exception:
                log.exception("celery.clock_failed")
            self._ending.wait(wait)

    def _work(self) -> None:
        # Built here, in its own thread: in the event loop's, Django refuses the database calls of the set-up.
        worker: Any = WorkController(
            app=self._app,
            pool_cls="threads",
            concurrency=THREADS,
            hostname=self._name,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            loglevel=logging.WARNING,
        )
        try:
            worker.start()
        except Exception:
            log.exception("celery.embedded_failed")

    def stop(self, timeout: float) -> None:
        """Stop clock and worker, within `timeout` seconds; blocks, so call it in a thread beside the drain."""
        self._ending.set()
        events.stop_relay()
        state.should_stop = 0  # type: ignore[assignment]
        deadline = monotonic() + timeout
        in_memory = self._app.connection_for_write().transport_cls == "memory"
        while self._worker.is_alive() and monotonic() < deadline:
            if in_memory:
                # The worker looks at its orders only between messages, or every two seconds: a word to it is a message.
                self._app.control.broadcast("ping", destination=[self._name])
            self._worker.join(0.1)
        if self._worker.is_alive():
            log.warning("celery.embedded_still_running")
        else:
            log.info("celery.embedded_ended")
