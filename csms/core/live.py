"""Tell open pages and other processes that something changed; names travel here, never data.

The in-memory channel layer is not thread-safe and drops silently above its capacity, so everything goes through the
event loop of the process and carries only topic names and bells. Whoever hears one reads the database again.

Each process numbers what it announces, and repeats the last number once it is quiet, so that whoever missed something
knows that it did; see `hearing`.
"""

import asyncio
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from secrets import token_hex
from time import monotonic, sleep
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from csms.core import reach
from csms.core.writer import after_commit, current_batch

LIVE_GROUP = "live"
SEND_SECONDS = 5.0  # then a message is given up; a Redis that hangs must not pile them up
COALESCE_SECONDS = 0.2  # a busy fleet rings each topic at most five times a second
REPEAT_SECONDS = 2.0  # after the last announcement its number is told again
_TOKEN = token_hex(4)

_home: asyncio.AbstractEventLoop | None = None
_pending: set[str] = set()
_flush_planned = False
_number = 0
_repeat: asyncio.TimerHandle | None = None
_repeater: threading.Thread | None = None  # where there is no loop
_quiet_at = 0.0
_lock = threading.Lock()
_tasks: set[asyncio.Task[None]] = set()


def announce(*topics: str) -> None:
    """Announce topics once the surrounding transaction has committed."""
    batch = current_batch()
    if batch is not None:
        batch.topics.update(topics)
    else:
        after_commit(lambda: publish(topics))


def ring(address: str, bell: str, **details: Any) -> None:
    """Ring a bell at a process (`process_group()`) once the surrounding transaction has committed."""
    message = {"type": "bell", "bell": bell, **details}
    after_commit(lambda: _send(address, message))


def process_group(process_id: str) -> str:
    """Return the group on which the process listens for its bells."""
    return f"process.{process_id}"


def at_home() -> None:
    """Make the running event loop the one through which this process sends; called by every socket that opens."""
    global _home, _flush_planned
    loop = asyncio.get_running_loop()
    if loop is not _home:
        with _lock:
            _home, _flush_planned = loop, False  # what an earlier loop had planned ended with it


def publish(topics: Iterable[str]) -> None:
    """Send topics to the open pages, at most every COALESCE_SECONDS; callable from any thread."""
    global _flush_planned
    with _lock:
        _pending.update(topics)
        home = _home
        if home is not None and home.is_running():
            if _flush_planned:
                return
            with suppress(RuntimeError):
                home.call_soon_threadsafe(lambda: home.call_later(COALESCE_SECONDS, _flush))
                _flush_planned = True
                return
    _flush()


def _flush() -> None:
    global _flush_planned, _number
    with _lock:
        topics = sorted(_pending)
        _pending.clear()
        _flush_planned = False
        if not topics:
            return
        _number += 1
        number = _number
    _tell(topics, number)
    _plan_repeat()


def announced() -> tuple[str, int]:
    """Return the name under which this process announces, and how often it has."""
    # A process that is forked counts on, under a name of its own.
    return f"{os.getpid()}-{_TOKEN}", _number


def _tell(topics: list[str], number: int) -> None:
    source, _ = announced()
    _send(LIVE_GROUP, {"type": "live.changed", "topics": topics, "source": source, "number": number})


def _plan_repeat() -> None:
    global _repeat
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _plan_repeat_without_loop()
        return
    if _repeat is not None:
        _repeat.cancel()
    _repeat = loop.call_later(REPEAT_SECONDS, lambda: _tell([], _number))


def _plan_repeat_without_loop() -> None:
    """Let a thread repeat it, as in the processes of background tasks."""
    global _repeater, _quiet_at
    if _stays_here(get_channel_layer()):
        return
    with _lock:
        _quiet_at = monotonic() + REPEAT_SECONDS
        if _repeater is None or not _repeater.is_alive():  # a fork leaves the parent's threads behind
            _repeater = threading.Thread(target=_repeat_when_quiet, name="live-repeat", daemon=True)
            _repeater.start()


def _repeat_when_quiet() -> None:
    global _repeater
    left = REPEAT_SECONDS
    while left > 0:
        sleep(left)
        with _lock:
            left = _quiet_at - monotonic()
            if left <= 0:
                _repeater = None
    _tell([], _number)


def _stays_here(layer: Any) -> bool:
    """Whether what is sent while no loop runs in this process reaches nobody: nobody here listens."""
    return layer is None or isinstance(layer, InMemoryChannelLayer)


def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    home = _home
    if home is not None and home.is_running():
        with suppress(RuntimeError):
            home.call_soon_threadsafe(_send_on_loop, layer, group, message)
        return
    if _stays_here(layer):
        return
    try:
        async_to_sync(_send_in_time)(layer, group, message)
    except Exception as error:
        reach.lost(error)


def _send_on_loop(layer: Any, group: str, message: dict[str, Any]) -> None:
    async def send() -> None:
        try:
            await _send_in_time(layer, group, message)
        except Exception as error:
            # A bell lost is made good by the sweep of the process, a page lost by its own re-read.
            reach.lost(error)

    task = asyncio.get_running_loop().create_task(send())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _send_in_time(layer: Any, group: str, message: dict[str, Any]) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await layer.group_send(group, message)
