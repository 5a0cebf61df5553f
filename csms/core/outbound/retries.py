"""When a request that failed is made again: soon at first, then ever later, for a little more than a day."""

from collections.abc import Callable
from datetime import timedelta

# Seconds after each attempt. A restart of the receiver is waited out in the first minutes, an outage in the hours.
DELAYS = (5, 20, 80, 320, 1280, 5120, *(21_600,) * 4)
ATTEMPTS_MAX = len(DELAYS) + 1
JITTER = 0.25  # of a delay, at most; only added, so that the sum of all is never less than a day
WISH_MAX = timedelta(seconds=max(DELAYS))


def next_delay(attempts: int, *, random: Callable[[], float], wish: float | None = None) -> timedelta | None:
    """Return how long to wait after so many attempts, None when that was the last.

    `random` returns a number from 0 to 1; it spreads the attempts of many that failed together. `wish` is how many
    seconds the receiver has asked to be left alone (Retry-After); it is granted up to WISH_MAX.
    """
    if attempts >= ATTEMPTS_MAX:
        return None
    delay = timedelta(seconds=DELAYS[max(attempts, 1) - 1] * (1 + JITTER * random()))
    return delay if wish is None else max(delay, min(timedelta(seconds=wish), WISH_MAX))
