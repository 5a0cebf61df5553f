"""What is asked of the backend: one contract, four endpoints, each with its attempts and its own circuit breaker.

A question ends in an answer of the contract, a refusal of it, or a `BackendAway`, within the time that it has; what
then decides is the caller's matter. A client belongs to one event loop at a time.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import orjson
from prometheus_client import Counter, Histogram

from csms.core.backend.answers import READERS, Garbage, Refused, check_about, read_envelope
from csms.core.backend.breaker import Breaker
from csms.core.backend.wire import Reply, Wire, WireError
from csms.core.config import Config
from csms.core.tracing import current_trace

log = logging.getLogger(__name__)

REQUESTS = Counter("csms_backend_requests_total", "Requests to the backend.", ["endpoint", "outcome"])
SECONDS = Histogram(
    "csms_backend_request_seconds",
    "From a request to the backend to its answer, each attempt by itself.",
    ["endpoint"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60),
)

PATHS = {
    "authorize": "/authorize",
    "register": "/charge-points/register",
    "open": "/sessions/open",
    "close": "/sessions/close",
}
BACKOFF = (
    0.25,
    0.5,
    1.0,
)  # seconds before the second attempt and those after it; jitter takes up to half off
REFUSALS = frozenset({"UNKNOWN_ID_TAG", "UNKNOWN_CP_ID", "BAD_REQUEST", "IDEMPOTENCY_CONFLICT"})
"""Codes that say something about what was asked. All others are failures, of a proxy's own envelope for one."""
PATIENCE = 0.5  # of the time that a question has; silence for less than that tells nothing of the endpoint
AT_ONCE = 64  # requests under way to one endpoint
RATE_LIMIT_REST = 1.0  # seconds of rest when a rate limit names none
REST_MAX = 300.0


class BackendAway(Exception):
    """There is no answer of the backend; `outcome` is the word by which that was counted."""

    def __init__(self, outcome: str, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one question may take, in seconds, and how often it is asked."""

    seconds: float
    attempts: int


def idempotency_key(*parts: str) -> str:
    """Return a key of these parts that a header can carry, whatever they are."""
    return "-".join(quote(part, safe="") for part in parts)


def breakers_of(config: Config, endpoints: Iterable[str]) -> dict[str, Breaker]:
    """Return new breakers, for clients that come and go with less than those know."""
    return {
        name: Breaker(name, failures=config.backend_breaker_failures, seconds=config.backend_breaker_seconds)
        for name in endpoints
    }


class Client:
    """Some endpoints of the backend, as the settings name it."""

    def __init__(
        self, config: Config, endpoints: Iterable[str], breakers: Mapping[str, Breaker] | None = None
    ) -> None:
        self.base_url = config.backend_base_url
        self._token = config.backend_token.get_secret_value()
        self.limits = {
            "authorize": Limits(config.backend_authorize_ms / 1000, 2),
            "register": Limits(config.backend_register_ms / 1000, 2),
            # The queue of sessions makes its attempts itself, over days.
            "open": Limits(config.backend_session_seconds, 1),
            "close": Limits(config.backend_session_seconds, 1),
        }
        self.breakers = breakers_of(config, endpoints) if breakers is None else breakers
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wire = Wire(self.base_url)
        self._room: dict[str, asyncio.Semaphore] = {}

    async def ask(self, endpoint: str, question: Mapping[str, Any], *, key: str, trace: str = "") -> Any:
        """Return the answer, read strictly. Raises Refused for a refusal of the contract, BackendAway for none."""
        loop = self._at_home()
        limits, breaker = self.limits[endpoint], self.breakers[endpoint]
        headers = self._headers(key, trace)
        body = orjson.dumps(question, option=orjson.OPT_UTC_Z)
        deadline = loop.time() + limits.seconds
        if not breaker.admits():  # whoever waits for room must not wait for that
            raise self._not_asked(endpoint)
        try:
            async with asyncio.timeout_at(deadline):
                await self._room[endpoint].acquire()
        except TimeoutError:
            REQUESTS.labels(endpoint, "no_room").inc()
            raise BackendAway("no_room", f"{AT_ONCE} questions wait for it already") from None
        try:
            for attempt in range(1, limits.attempts + 1):
                try:
                    return await self._attempt(endpoint, question, body, headers, deadline)
                except BackendAway as away:
                    wait = max(BACKOFF[min(attempt, len(BACKOFF)) - 1] * _jitter(), away.retry_after or 0)
                    over = attempt == limits.attempts or loop.time() + wait >= deadline
                    if over or away.outcome not in ("failed", "rate_limited"):
                        raise
                    await asyncio.sleep(wait)
            raise AssertionError("unreachable: the last attempt has returned or raised")
        finally:
            self._room[endpoint].release()

    async def _attempt(
        self,
        endpoint: str,
        question: Mapping[str, Any],
        body: bytes,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Any:
        breaker = self.breakers[endpoint]
        if (turn := breaker.admit()) is None:
            raise self._not_asked(endpoint)
        begun = monotonic()
        seconds = self.limits[endpoint].seconds
        # Waiting for room and attempts before this one have used up the rest, which is not the endpoint's doing.
        given = deadline - asyncio.get_running_loop().time()
        outcome, retry_after, blamed = "gave_up", None, True
        try:
            async with asyncio.timeout_at(deadline):
                reply = await self._wire.post(PATHS[endpoint], body, headers)
            answer = self._read(endpoint, question, reply)
            outcome = "answered"
            return answer
        except Refused:
            outcome = "refused"
            raise
        except BackendAway as away:
            outcome, retry_after = away.outcome, away.retry_after
            raise
        except TimeoutError:
            outcome, blamed = "timeout", given >= seconds * PATIENCE
            raise BackendAway(outcome, f"it did not answer within {seconds:g} s") from None
        except (WireError, Garbage) as error:
            outcome = "failed"
            raise BackendAway(outcome, str(error)) from None
        except Exception as error:
            # A fallback decides rather than an error of ours.
            log.exception("backend.broke", extra={"endpoint": endpoint})
            outcome = "failed"
            raise BackendAway(outcome, f"it could not be asked: {error!r}"[:300]) from error
        finally:
            # Without any of these it was cancelled: nobody waits for the answer any more.
            self._tell(breaker, turn, outcome if blamed else "gave_up", retry_after)
            REQUESTS.labels(endpoint, outcome).inc()
            SECONDS.labels(endpoint).observe(monotonic() - begun)

    @staticmethod
    def _not_asked(endpoint: str) -> BackendAway:
        REQUESTS.labels(endpoint, "not_asked").inc()
        return BackendAway("not_asked", "it is left alone for a while, after failures or on its own wish")

    @staticmethod
    def _tell(breaker: Breaker, turn: int, outcome: str, retry_after: float | None) -> None:
        if outcome in ("answered", "refused"):
            breaker.succeeded(turn)
        elif outcome == "rate_limited":
            breaker.rest(turn, RATE_LIMIT_REST if retry_after is None else retry_after)
        elif outcome == "gave_up":
            breaker.gave_up(turn)
        else:
            breaker.failed(turn)

    @staticmethod
    def _read(endpoint: str, question: Mapping[str, Any], reply: Reply) -> Any:
        """Return the answer. Raises Refused, Garbage, and BackendAway for what is no answer to the question."""
        status = reply.status
        code, said = "", f"it answered {status}"
        try:
            if not reply.is_json:
                raise Garbage("its `Content-Type` is no JSON")
            data = read_envelope(reply.body)
        except Refused as refused:
            code, said = refused.code, f"{said}: {refused}"
            heard = status < 500 and status not in (401, 403, 429) and not 300 <= status < 400
            if heard and code in REFUSALS:
                raise
        except Garbage as garbage:
            said = f"{said}, and {garbage}"
        else:
            if 200 <= status < 300:
                if endpoint == "authorize":
                    check_about(data, question)
                return READERS[endpoint](data)
        if status == 429 or code == "RATE_LIMITED":
            wish = None if reply.retry_after is None else min(reply.retry_after, REST_MAX)
            raise BackendAway("rate_limited", said, retry_after=wish)
        if status in (401, 403) or code == "UNAUTHORIZED":
            log.error("backend.unauthorized", extra={"endpoint": endpoint, "status": status})
            raise BackendAway("unauthorized", f"{said}; it does not take our token: see BACKEND_TOKEN")
        raise BackendAway("failed", said)

    def _headers(self, key: str, trace: str) -> dict[str, str]:
        trace = trace or current_trace() or uuid4().hex
        headers = {
            "X-Request-ID": str(uuid4()),
            "Idempotency-Key": key,
            "traceparent": f"00-{trace}-{uuid4().hex[:16]}-01",
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    def _at_home(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the connections of another loop are of no use here
            self._loop = loop
            self._wire = Wire(self.base_url)
            self._room = {name: asyncio.Semaphore(AT_ONCE) for name in self.breakers}
        return loop

    def close(self) -> None:
        """Let go of the kept connections."""
        self._wire.close()


def _jitter(random: Callable[[], float] = random.random) -> float:
    return 1 - 0.5 * random()
