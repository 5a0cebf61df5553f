"""Hear what any process announces: once for this process, and told on to all who listen in it.

The channel layers drop what they cannot carry, and say nothing of it. The numbers of the announcements show that
something is missing; then everything may have changed, and listeners are told just that. Of a process that is heard
for the first time everything before may be missing.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from channels.layers import get_channel_layer

from csms.core import live, reach
from csms.core.live import LIVE_GROUP

Listener = Callable[[frozenset[str] | None], None]
"""Is called on the event loop with the topics that changed; None: any may have."""

RETRY_SECONDS = 1.0
SOURCES_MAX = 1000


class Hearing:
    """The one ear of an event loop; deaf while nobody listens."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[Listener] = set()
        self._ready: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._last: dict[str, int] = {}

    async def listen(self, listener: Listener) -> None:
        """Call a listener from now on; returns once nothing is missed. Raises what the channel layer raises."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what belonged to an earlier loop ended with it
            self._loop, self._task, self._ready = loop, None, None
            self._listeners, self._last = set(), {}
        self._listeners.add(listener)
        if self._task is None or self._task.done() or self._ready is None:
            self._ready = loop.create_future()
            self._task = loop.create_task(self._hear(self._ready))
        try:
            await asyncio.shield(self._ready)
        except BaseException:
            self.leave(listener)
            raise

    def leave(self, listener: Listener) -> None:
        """Call a listener no more."""
        self._listeners.discard(listener)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task, self._ready = None, None

    async def _hear(self, ready: asyncio.Future[None]) -> None:
        layer: Any = get_channel_layer()
        channel = None
        while True:
            try:
                channel = await layer.new_channel()
                await layer.group_add(LIVE_GROUP, channel)
                if ready.done():
                    self._tell(None)  # it was deaf for a while
                else:
                    source, number = live.announced()  # by this process itself, before anybody listened
                    self._last[source] = max(number, self._last.get(source, 0))
                    ready.set_result(None)
                while True:
                    self.heard(await layer.receive(channel))
            except asyncio.CancelledError:
                with suppress(Exception):
                    await layer.group_discard(LIVE_GROUP, channel)
                raise
            except Exception as error:
                if not ready.done():
                    ready.set_exception(error)
                    ready.exception()  # whoever waits gets it; if nobody does, it is no news for the log
                    return
                reach.lost(error)
                await asyncio.sleep(RETRY_SECONDS)

    def heard(self, message: dict[str, Any]) -> None:
        """Take one announcement."""
        source, number = message.get("source", ""), message.get("number", 0)
        if source not in self._last and len(self._last) >= SOURCES_MAX:
            self._last.clear()
        last = self._last.get(source, 0)
        self._last[source] = max(number, last)
        # One that repeats the number of the last says that there was no other.
        due = number if not message["topics"] else number - 1
        if due > last:
            self._tell(None)
        elif message["topics"]:
            self._tell(frozenset(message["topics"]))

    def _tell(self, topics: frozenset[str] | None) -> None:
        for listener in list(self._listeners):
            listener(topics)


HEARING = Hearing()
