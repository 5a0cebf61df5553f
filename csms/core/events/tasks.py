"""The relay as a task: workers bring the events out, in shifts, one a worker whatever its pool is made of.

A worker that is asked to end tells its relay at once: in its own threads by the signal, and in the processes that it
has started by a file without a name that they inherit, whose lock also keeps a second of them from beginning.
"""

import fcntl
import os
import tempfile
import threading
from contextlib import suppress
from typing import Any, BinaryIO

from celery import shared_task
from celery.signals import worker_init, worker_shutting_down
from django.db import connection

from csms.core.events.relay import Relay

SHIFT = 20.0
"""Seconds. The next one is sent at the end of each, and the clock sends one, too, in case that was lost."""
WAITS = 20.0  # seconds that the next one may wait for its worker; the clock has sent others by then
LOOK = 0.5  # seconds between two looks for the word of the worker above this process

_one = threading.Lock()
_running: Relay | None = None
_stopped = threading.Event()
_shared: BinaryIO | None = None  # with the processes that this worker starts; not empty when they should end


@shared_task
def relay() -> None:
    """Number events and bring them to the sinks for a while; does nothing if this worker does it already.

    Idempotent: numbering is done by one at a time, each sink's work too, and goes on where it stands in the tables.
    """
    global _running
    if _told() or not _one.acquire(blocking=False):
        return
    try:
        if not _alone():
            return
        _running = Relay()
        threading.Thread(target=_listen, args=(_running,), name="relay-ending", daemon=True).start()
        _running.run(SHIFT)
    finally:
        _running = None
        _let_go()
        _one.release()
        connection.close()
    if not _told():
        relay.apply_async(expires=WAITS)


def allow_relay() -> None:
    """Let this process relay again, after `stop_relay()`."""
    _stopped.clear()


@worker_init.connect
def share_with_processes(**_: Any) -> None:
    """Open what the processes of this worker will inherit."""
    global _shared
    _shared = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the worker


@worker_shutting_down.connect
def stop_relay(**_: Any) -> None:
    """Let the relay of this worker end soon, and none begin."""
    _stopped.set()
    if _shared is not None:
        os.pwrite(_shared.fileno(), b"end", 0)
    if (running := _running) is not None:
        running.stop()


def _told() -> bool:
    return _stopped.is_set() or (_shared is not None and os.fstat(_shared.fileno()).st_size > 0)


def _listen(running: Relay) -> None:
    while not running.hub.stopping.wait(LOOK):
        if _told():
            running.stop()


def _alone() -> bool:
    """Take what only one process of the worker has; the system takes it back from one that is killed."""
    if _shared is not None:
        try:
            fcntl.lockf(_shared, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _let_go() -> None:
    if _shared is not None:
        with suppress(OSError):
            fcntl.lockf(_shared, fcntl.LOCK_UN)
