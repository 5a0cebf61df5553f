"""Django's handler of requests: all middleware in the thread of the request, garbage collected while it is young."""

import gc

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# Objects that came since the last time and are not gone. Each request leaves hundreds that only the collector finds;
# left to itself (server.py) it would come at fifty thousand, and halt everybody for a tenth of a second.
YOUNG = 5_000


class OneThread(ASGIHandler):
    """Changes to the thread of a request once.

    Most middleware does its work in that thread anyway, the views do, and none waits for the network. On the loop each
    piece would go to the thread and come back, twice for a request: some twenty changes, each of which waits until a
    processor and Python's lock are free, and together cost more than many an answer.

    One that prefers to wait (RFC 7240) goes by the loop all the same: in a thread, each would hold one all the while.
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
