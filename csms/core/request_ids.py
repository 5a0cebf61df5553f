"""Every request has an id: the caller's if it is sane, else a new one; it is in the log and in the answer."""

import re
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from csms.core.tracing import begin_trace

HEADER = "X-Request-ID"
# W3C Trace Context, 3.2: version, trace id, parent id, flags.
TRACE = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

Handler = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


def request_id(request: HttpRequest) -> str:
    """Return the id of a request that came through `RequestIds`."""
    return str(request.META.get("HTTP_X_REQUEST_ID", ""))


def trace_of(request: HttpRequest) -> str:
    """Return the trace id that the caller gives, else one that is the request's id where that is a UUID."""
    if given := TRACE.fullmatch(request.META.get("HTTP_TRACEPARENT", "")):
        return given[1]
    try:
        return UUID(request_id(request)).hex
    except ValueError:
        return uuid4().hex


class RequestIds:
    """Middleware above the one that logs, which takes the id from the header that this one has made good."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if not SANE.fullmatch(request_id(request)):
            request.META["HTTP_X_REQUEST_ID"] = str(uuid4())
        begin_trace(trace_of(request))
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            response[HEADER] = request_id(request)
            return response
        return self._later(request, response)

    async def _later(self, request: HttpRequest, response: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        answer = await response
        answer[HEADER] = request_id(request)
        return answer
