"""The messages of one connection that wait, in their order, behind one about which somebody outside is asked.

Most connections never have one: without a question a message goes to the writer at once, and nothing here is touched.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

HandOver = Callable[[Any], Awaitable[None]]
"""Gives a message to the writer, with the verdict that it waited for, None without a question."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    hand_over: HandOver
    verdict: Any  # or the task that brings it
    dropped: Callable[[], None] | None


class Line:
    """Of one connection. Questions are asked side by side; messages are handed over one behind the other."""

    def __init__(self, lines: "set[Line]") -> None:
        self._lines = lines
        self._waiting: deque[_Waiting] = deque()
        self._work: asyncio.Task[None] | None = None
        self._cut = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(
        self,
        hand_over: HandOver,
        verdict: Any = None,
        *,
        dropped: Callable[[], None] | None = None,
    ) -> None:
        """Let a message wait, for its verdict if that is a coroutine, and for those before it.

        One that has `dropped` is a call, which a line that is cut lets go unanswered.
        """
        if isinstance(verdict, Coroutine):
            verdict = asyncio.create_task(verdict)
            if self._cut:
                verdict.cancel()
        self._waiting.append(_Waiting(hand_over, verdict, dropped))
        if self._work is None:
            self._lines.add(self)
            self._work = asyncio.create_task(self._work_off())

    def end(self, last: Callable[[], None]) -> None:
        """Do this when all that waits has been handed over."""
        if not self._waiting:
            last()
            return

        async def hand_over(_: Any) -> None:
            last()

        self.put(hand_over)

    async def cut(self) -> None:
        """Ask no longer: the process is about to end. Calls go unanswered, so the charge point will repeat them."""
        self._cut = True
        for waiting in self._waiting:
            if isinstance(waiting.verdict, asyncio.Task):
                waiting.verdict.cancel()
        if self._work is not None:
            await self._work

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                waiting = self._waiting[0]
                verdict = await self._verdict(waiting.verdict)
                if self._cut and waiting.dropped is not None:
                    waiting.dropped()
                else:
                    await waiting.hand_over(verdict)
                self._waiting.popleft()  # only now: whatever comes meanwhile must line up behind it
        finally:
            self._work = None
            self._lines.discard(self)

    @staticmethod
    async def _verdict(verdict: Any) -> Any:
        if not isinstance(verdict, asyncio.Task):
            return verdict
        await asyncio.wait((verdict,))
        if verdict.cancelled():
            return None
        if error := verdict.exception():
            log.error("ocpp.question_broke", exc_info=error)
            return None
        return verdict.result()
