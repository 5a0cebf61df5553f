"""Whether this process lives and whether it should get traffic; asked at a door in front of Django's threads."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from inspect import isawaitable
from io import BytesIO
from typing import Any, cast

from csp.middleware import CSPMiddleware
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.signals import got_request_exception
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import resolve
from django_prometheus.middleware import PrometheusAfterMiddleware, PrometheusBeforeMiddleware

from chargers.gateway import current_gateway
from csms.core import reach
from csms.core.request_ids import RequestIds
from csms.request_log import RequestLog

PROBES = {"/healthz", "/readyz"}
PATIENCE = 5.0  # seconds that /readyz waits for the database
# A question that nobody answers must end, since there is never a second one beside it.
IMPATIENT = {"postgresql": {"connect_timeout": 5, "tcp_user_timeout": 5000}}


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the process answers at all."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 503 while the process drains or cannot reach its database; name what works only in part."""
    gateway = current_gateway()
    if gateway is not None and gateway.draining:
        return _not_ready("draining")
    if not await _database_answers():
        return _not_ready("database")
    if gateway is not None and gateway.writer.database_failing_since is not None:
        return _not_ready("writer")
    if reach.is_lost():
        # Chargers and requests are answered all the same, so traffic is welcome; and every server has the same Redis,
        # so to refuse it would turn a loss of speed into the loss of everything.
        return JsonResponse({"status": "ready", "degraded": ["bell"]})
    return JsonResponse({"status": "ready"})


def _not_ready(reason: str) -> JsonResponse:
    body: dict[str, Any] = {"status": "not ready", "reason": reason}
    return JsonResponse(body, status=503, headers={"Retry-After": "5"})


# --- the database ---

_asked: Future[bool] | None = None


async def _database_answers() -> bool:
    """Whether the database answers in time. Who asks while another waits for the answer shares it."""
    global _asked
    if _asked is None or _asked.done():
        _asked = Future()
        _asked.set_running_or_notify_cancel()  # who goes away takes it from nobody
        # A daemon: a database that hangs must not keep the process from ending.
        threading.Thread(target=_answer, args=(_asked,), name="readyz", daemon=True).start()
    try:
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(_asked)), PATIENCE)
    except TimeoutError:
        return False


def _answer(asked: Future[bool]) -> None:
    try:
        ask_database()
    except Exception:
        asked.set_result(False)
    else:
        asked.set_result(True)


def ask_database() -> None:
    """Ask the database for nothing but an answer, by a connection of its own. Raises what is wrong."""
    own = connection.copy("readyz")  # another name: free connections are kept for those of the default one
    options = own.settings_dict["OPTIONS"]
    options.pop("pool", None)
    options |= IMPATIENT.get(own.vendor, {})
    try:
        with own.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        own.close()


# --- the door ---


def _nobody(request: HttpRequest) -> HttpResponse:
    raise NotImplementedError  # middleware is asked step by step here


class Probes:
    """Answers probes on the event loop: however many requests are worked on in threads, they need not wait for one.

    They pass the middleware that neither asks a database nor waits, so that their headers, their counters and their log
    are those of every request. Whatever else comes, a probe by another method or host among it, is Django's.
    """

    def __init__(self, django: ASGIHandler) -> None:
        self._django = django
        self._log = RequestLog(_nobody)
        # Django's own one hears of exceptions; two of them would log each twice.
        got_request_exception.disconnect(self._log.process_got_request_exception)
        self._after = PrometheusAfterMiddleware(_nobody)
        self._outer: tuple[Any, ...] = (
            PrometheusBeforeMiddleware(_nobody),
            SecurityMiddleware(_nobody),
            CSPMiddleware(_nobody),
            XFrameOptionsMiddleware(_nobody),
        )
        self._numbered = RequestIds(self._passed)

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[Any]],
    ) -> None:
        """Answer, or let Django answer."""
        request = ASGIRequest(scope, BytesIO())
        try:
            request.get_host()
        except DisallowedHost:
            welcome = False
        else:
            welcome = request.method in ("GET", "HEAD")
        if welcome:
            response = await cast(Awaitable[HttpResponseBase], self._numbered(request))
            await self._django.send_response(response, send)
        else:
            await self._django(scope, receive, send)

    async def _passed(self, request: HttpRequest) -> HttpResponseBase:
        outer = [*self._outer, self._after]
        for middleware in outer:
            if hasattr(middleware, "process_request"):
                middleware.process_request(request)
        response = await self._answered(request)
        response = self._after.process_response(request, response)
        self._log.handle_response(request, response)
        for middleware in reversed(self._outer):
            response = middleware.process_response(request, response)
        return cast(HttpResponseBase, response)

    async def _answered(self, request: HttpRequest) -> Any:
        request.resolver_match = found = resolve(request.path)
        self._after.process_view(request, found.func)
        response: Any = found.func(request)
        if isawaitable(response):
            response = await response
        response["Content-Length"] = str(len(response.content))
        return response
