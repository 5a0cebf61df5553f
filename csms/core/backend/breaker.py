"""A circuit breaker: after failures one after another an endpoint is left alone, then one request tries it."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Literal

from prometheus_client import Gauge

log = logging.getLogger(__name__)

State = Literal["closed", "half_open", "open"]
NUMBERS: dict[State, int] = {"closed": 0, "half_open": 1, "open": 2}
BREAKER = Gauge(
    "csms_backend_breaker_state",
    "Whether an endpoint of the backend is asked: 0 closed (yes), 1 half open (one request tries it), 2 open (no).",
    ["endpoint"],
)


class Breaker:
    """Of one endpoint. Whoever was admitted says what became of it: `succeeded`, `failed`, `gave_up` or `rest`.

    With it they give back what `admit` has given them. What was admitted before the breaker opened, or as an earlier
    try, has nothing to say of how it stands now.
    """

    def __init__(
        self, endpoint: str, *, failures: int, seconds: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self.endpoint = endpoint
        self._most = failures
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at = 0.0
        self._rests_until = 0.0
        self._turn = 1  # one for as long as it is closed, and a new one for each try
        self._probing = False
        self.state: State = "closed"
        self.answered_at: datetime | None = None
        """When the endpoint last gave a usable answer to this process."""
        BREAKER.labels(endpoint).set(NUMBERS[self.state])

    def admits(self) -> bool:
        """Return whether a request would be admitted now; changes nothing."""
        with self._lock:
            return self._admits(self._clock())

    def admit(self) -> int | None:
        """Admit a request and return its turn, None if none is made now. While half open one is admitted at a time."""
        with self._lock:
            if not self._admits(self._clock()):
                return None
            if self.state != "closed":
                self._turn += 1
                self._probing = True
                self._become("half_open")
            return self._turn

    def _admits(self, now: float) -> bool:
        if now < self._rests_until:
            return False
        if self.state == "open":
            return now - self._opened_at >= self._seconds
        return self.state == "closed" or not self._probing

    def succeeded(self, turn: int) -> None:
        """The endpoint has answered."""
        with self._lock:
            self.answered_at = datetime.now(UTC)
            if turn == self._turn and self.state != "open":
                self._failures = 0
                self._probing = False
                self._become("closed")

    def failed(self, turn: int) -> None:
        """It has not, or nothing that could be used."""
        with self._lock:
            if turn != self._turn or self.state == "open":
                return
            self._failures += 1
            self._probing = False
            if self.state == "half_open" or self._failures >= self._most:
                self._opened_at = self._clock()
                self._become("open")

    def gave_up(self, turn: int) -> None:
        """Nobody waited long enough for the answer: that tells nothing of the endpoint."""
        with self._lock:
            if turn == self._turn:
                self._probing = False

    def rest(self, turn: int, seconds: float) -> None:
        """Admit nothing for so long, as the endpoint has asked (Retry-After)."""
        with self._lock:
            self._rests_until = max(self._rests_until, self._clock() + seconds)
            if turn == self._turn:
                self._probing = False

    def _become(self, state: State) -> None:
        if state == self.state:
            return
        told = {"endpoint": self.endpoint, "was": self.state, "failures": self._failures}
        self.state = state
        BREAKER.labels(self.endpoint).set(NUMBERS[state])
        if state == "open":
            log.error("backend.breaker_opened", extra={**told, "seconds": self._seconds})
        elif state == "closed":
            log.warning("backend.breaker_closed", extra=told)
        else:
            log.info("backend.breaker_half_open", extra=told)
