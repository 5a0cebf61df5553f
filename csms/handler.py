"""Django's handler of requests: all middleware in the thread of the request, garbage collected while it is young."""

import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from asgiref.sync import SyncToAsync, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from csms.core.events.stream import FOLLOWERS, EventStream

# Objects that came since the last time and are not gone. Each request leaves hundreds that only the collector finds;
# left to itself (server.py) it would come at fifty thousand, and halt everybody for a tenth of a second.
YOUNG = 5_000


class OneThread(ASGIHandler):
    """Changes to the thread of a request once.

    Most middleware does its work in that thread anyway, the views do, and none waits for the network. On the loop each
    piece would go to the thread and come back, twice for a request: some twenty changes, each of which waits until a
    processor and Python's lock are free, and together cost more than many an answer.

    One that prefers to wait (RFC 7240) goes by the loop all the same: in a thread, each would hold one all the while.
    One that follows events is let in by its thread, and then told by the loop alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self._on_the_loop = ASGIHandler()

    def load_middleware(self, is_async: bool = False) -> None:
        """Make the chain as WSGI has it."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Return what the chain answers."""
        if "Prefer" in request.headers:
            return await self._on_the_loop.get_response_async(request)
        return await sync_to_async(self._answer)(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if gc.get_count()[0] > YOUNG:
            gc.collect(0)
        return response

    async def send_response(self, response: HttpResponseBase, send: Callable[[Any], Awaitable[None]]) -> None:
        """Send an answer; a stream of events without the thread of its request."""
        if not isinstance(response, EventStream):
            await super().send_response(response, send)
            return
        _end_thread()
        try:
            with suppress(TimeoutError):  # nobody reads it: what is left unsent goes with the connection
                await super().send_response(response, response.patient(send))
        finally:
            FOLLOWERS.part(response.client)


def _end_thread() -> None:
    """End the thread of this request, which waits for more work until the request is over; that makes another."""
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor: Any = context and SyncToAsync.context_to_thread_executor.pop(context, None)
    if executor:
        executor.shutdown(wait=False)
