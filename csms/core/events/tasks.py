"""The relay as a task: workers bring the events out, in shifts."""

import threading
from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down
from django.db import connection

from csms.core.events.relay import Relay

SHIFT = 20.0
"""Seconds. Short enough for a worker that is asked to stop and cannot tell its children; the next one is sent at the
end of each, and the clock sends one, too, in case that was lost."""

_one = threading.Lock()
_running: Relay | None = None
_stopped = threading.Event()


@shared_task
def relay() -> None:
    """Number events and bring them to the sinks for a while; does nothing if this process does it already."""
    global _running
    if _stopped.is_set() or not _one.acquire(blocking=False):
        return
    try:
        _running = Relay()
        _running.run(SHIFT)
    finally:
        _running = None
        _one.release()
        connection.close()
    if not _stopped.is_set():
        relay.apply_async(expires=SHIFT)


def allow_relay() -> None:
    """Let this process relay again, after `stop_relay()`."""
    _stopped.clear()


@worker_shutting_down.connect
def stop_relay(**_: Any) -> None:
    """Let the relay of this process end soon, and none begin."""
    _stopped.set()
    if _running is not None:
        _running.stop()
