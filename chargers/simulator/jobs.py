"""What a charge point does beside its conversation: uploads, updates, waits; ended when it is switched off."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from chargers.simulator.tally import Tally


class Jobs:
    """Background work by name; a new piece of the same name ends the one before."""

    def __init__(self, owner: str, tally: Tally) -> None:
        self._owner = owner
        self._tally = tally
        self._running: dict[str, asyncio.Task[None]] = {}

    def is_running(self, name: str) -> bool:
        return name in self._running

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> bool:
        """Begin this work; return whether it replaced some of the same name."""
        replaced = self.end(name)
        self._running[name] = task = asyncio.create_task(self._run(name, work))
        task.add_done_callback(lambda _task: work.close())  # it may be ended before it has begun
        return replaced

    def end(self, name: str) -> bool:
        """Give up the work of this name; return whether there was any."""
        task = self._running.pop(name, None)
        return task is not None and task.cancel()

    def end_all(self) -> None:
        for name in list(self._running):
            self.end(name)

    async def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # a fault of the simulator: say so, keep the rest of the fleet running
            self._tally.crashes.append(f"{self._owner}: {name}: {error!r}")
            self._tally.say(f"{self._owner} broke: {name}: {error!r}")
        finally:
            if self._running.get(name) is asyncio.current_task():
                del self._running[name]
