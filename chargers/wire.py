"""The sending side of one socket: frames leave without a task where the server takes them at once."""

import asyncio
import logging
import types
from collections.abc import Awaitable, Callable, Generator
from typing import Any

log = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Wire:
    """What leaves by one socket. `name` is for the log; all methods run on the event loop."""

    __slots__ = ("_send", "_tasks", "closed", "name")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._tasks: set[asyncio.Task[None]] = set()
        self.name = ""
        self.closed: tuple[int, str] | None = None
        """Code and reason with which the socket was closed, by whomever; None while it is open."""

    def send(self, text: str) -> None:
        """Send a frame, unless the socket was closed."""
        if self.closed is not None:
            return
        coroutine: Any = self._send({"type": "websocket.send", "text": text})
        try:
            waiting_for = coroutine.send(None)
        except StopIteration:
            return
        except Exception as error:
            self._failed(error)
            return
        self._spawn(_resume(coroutine, waiting_for))

    def close(self, code: int, reason: str) -> None:
        """Close the socket; the first reason counts."""
        if self.closed is None:
            self.closed = (code, reason)
            self._spawn(self._send({"type": "websocket.close", "code": code, "reason": reason}))

    def over(self, code: int, reason: str) -> tuple[int, str]:
        """Note that the socket is closed, and return with which code and reason; those that we gave count first."""
        self.closed = self.closed or (code, reason)
        return self.closed

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._quietly(coroutine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, coroutine: Awaitable[None]) -> None:
        try:
            await coroutine
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        # The peer went away in the middle: its connection's end tells of it, so no more than a word here.
        log.debug("ocpp.send_failed", extra={"cp_id": self.name, "error": repr(error)[:200]})


@types.coroutine
def _resume(coroutine: Any, waiting_for: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was started outside a task and had to wait."""
    while True:
        try:
            value = yield waiting_for
        except BaseException as error:
            step, given = coroutine.throw, error
        else:
            step, given = coroutine.send, value
        try:
            waiting_for = step(given)
        except StopIteration:
            return


def farewell(message: dict[str, Any]) -> tuple[int, str]:
    """Return code and reason of the message in which Channels tells that a socket has closed."""
    code, reason = message.get("code") or 1005, message.get("reason")
    if code == 1005 and reason is None:
        # uvicorn's word for a connection that was lost; a close frame without a code has an empty reason.
        return 1006, "the connection broke"
    return code, reason or "closed by the charge point"
