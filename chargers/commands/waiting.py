"""Wait for the outcome of commands without a thread for each who waits: one look at the ledger serves them all."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

from chargers.models import Command

log = logging.getLogger(__name__)

LOOK_EVERY = 0.1  # seconds
AT_ONCE = 500  # ids in a query


class _Room:
    """Those who wait on one event loop."""

    def __init__(self) -> None:
        self.waiting: dict[UUID, set[asyncio.Future[None]]] = {}
        self.watch: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Look at the ledger while anybody waits."""
        while self.waiting:
            await asyncio.sleep(LOOK_EVERY)
            ids = list(self.waiting)
            for start in range(0, len(ids), AT_ONCE):
                try:
                    settled = await database_sync_to_async(_settled, thread_sensitive=False)(
                        ids[start : start + AT_ONCE]
                    )
                except Exception:
                    # Those who wait get an answer when their time is up; the next look may succeed.
                    log.warning("waiting.look_failed", exc_info=True)
                    continue
                for command_id in settled:
                    for future in self.waiting.get(command_id, ()):
                        if not future.done():
                            future.set_result(None)


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, _Room] = WeakKeyDictionary()


async def wait_until_settled(command_id: UUID, seconds: float) -> None:
    """Return when the command is settled, or when the seconds are over."""
    loop = asyncio.get_running_loop()
    room = _rooms.setdefault(loop, _Room())
    future: asyncio.Future[None] = loop.create_future()
    room.waiting.setdefault(command_id, set()).add(future)
    if room.watch is None or room.watch.done():
        room.watch = loop.create_task(room.look())
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await future
    finally:
        room.waiting[command_id].discard(future)
        if not room.waiting[command_id]:
            del room.waiting[command_id]


def _settled(ids: Iterable[UUID]) -> list[UUID]:
    return list(
        Command.objects.filter(pk__in=ids).exclude(status__in=Command.OPEN).values_list("pk", flat=True)
    )
