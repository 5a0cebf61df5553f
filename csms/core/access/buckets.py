"""Counts requests against a rate: in Redis where several processes share it, else in the memory of this one.

The generic cell rate algorithm: a bucket is one moment, at which it will be full again. A request moves that moment on
by 60/rate seconds, and is refused when it would lie more than a whole bucket ahead.
Without Redis for a while, each process counts for itself: requests are answered, and still not without bound.
"""

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from time import monotonic

import redis
from prometheus_client import Counter
from redis.backoff import NoBackoff
from redis.retry import Retry

from csms.core.config import get_config

log = logging.getLogger(__name__)

FAILURES = Counter(
    "csms_api_rate_store_failures_total", "Times that Redis could not be asked how many requests there were."
)
PATIENCE = 0.5  # seconds that a request waits for Redis
AWAY = 5.0  # seconds for which nobody asks a Redis that has failed
KEPT_MAX = 10_000  # buckets in memory; beyond it the full ones go, and if need be all


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a request: how many more may come at once, and seconds until one may (0: now) and all may."""

    remaining: int
    wait: float
    full_in: float

    @property
    def refused(self) -> bool:
        """Whether the request came too early."""
        return self.wait > 0


def take(name: str, *, rate: int, burst: int) -> Taken:
    """Take one from the bucket of this name, which holds `burst` and gains `rate` a minute."""
    step = 60 / rate
    if (shared := _shared()) is not None and (taken := shared.take(name, step, burst)) is not None:
        return taken
    return _LOCAL.take(name, step, burst)


class Local:
    """The buckets of this process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._full_at: dict[str, float] = {}

    def take(self, name: str, step: float, burst: int) -> Taken:
        """Take one."""
        with self._lock:
            now = self._clock()
            full_at = max(self._full_at.get(name, now), now) + step
            early = full_at - now - burst * step
            if early > 1e-9:
                return Taken(0, early, full_at - step - now)
            if len(self._full_at) >= KEPT_MAX:
                self._full_at = {kept: at for kept, at in self._full_at.items() if at > now}
                if len(self._full_at) >= KEPT_MAX:
                    self._full_at.clear()
            self._full_at[name] = full_at
            return _granted(full_at - now, step, burst)

    def clear(self) -> None:
        """Fill all."""
        with self._lock:
            self._full_at.clear()


# By Redis' own clock, which all processes share. Answers are texts, since numbers come back as whole ones.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local step, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + step
local early = full_at - now - burst * step
if early > 0.00001 then
    return {tostring(early), tostring(full_at - step - now)}
end
redis.call('SET', KEYS[1], string.format('%.6f', full_at), 'PX', math.ceil((full_at - now) * 1000) + 1000)
return {'0', tostring(full_at - now)}
"""


class Shared:
    """The buckets of all processes that have one Redis."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            max_connections=1000,
            # One more try, for a connection that was closed while idle; redis-py's own habit is to try for seconds.
            retry=Retry(NoBackoff(), 1),
        )
        self._script = self._client.register_script(SCRIPT)
        self._away_until = 0.0

    def take(self, name: str, step: float, burst: int) -> Taken | None:
        """Take one; None when Redis cannot be asked."""
        if monotonic() < self._away_until:
            return None
        try:
            early, full_in = map(float, self._script(keys=[f"csms:rate:{name}"], args=[step, burst]))
        except redis.RedisError as error:
            FAILURES.inc()
            self._note(away=True, error=error)
            return None
        if self._away_until:
            self._note(away=False)
        return Taken(0, early, full_in) if early > 0 else _granted(full_in, step, burst)

    def _note(self, *, away: bool, error: object = "") -> None:
        if away and not self._away_until:
            log.warning("api.rates_not_shared", extra={"error": str(error)[:300]})
        elif not away:
            log.warning("api.rates_shared")
        self._away_until = monotonic() + AWAY if away else 0.0


def _granted(full_in: float, step: float, burst: int) -> Taken:
    return Taken(max(0, math.floor(burst - full_in / step + 1e-6)), 0.0, full_in)


_LOCAL = Local()


@cache
def _store(url: str) -> Shared:
    return Shared(url)


def _shared() -> Shared | None:
    url = get_config().redis_url
    return _store(url) if url else None


def refill() -> None:
    """Fill all buckets of this process."""
    _LOCAL.clear()
