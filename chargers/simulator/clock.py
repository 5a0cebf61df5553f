"""Simulated time runs `speed` times as fast as the wall clock, and never runs into the future."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime

SHORTEST_SLEEP = 0.01  # seconds of real time: below this the event loop would do nothing but wake up


@dataclass(frozen=True, slots=True)
class Clock:
    """Turns simulated seconds into real ones; intervals shrink, timestamps stay real UTC."""

    speed: float = 1.0

    def now(self) -> float:
        """Simulated seconds since an arbitrary moment; only differences mean anything."""
        return time.monotonic() * self.speed

    def real(self, simulated: float) -> float:
        """Real seconds that so many simulated seconds take."""
        return max(simulated / self.speed, SHORTEST_SLEEP)

    async def sleep(self, simulated: float) -> None:
        await asyncio.sleep(self.real(simulated))


async def happens(event: asyncio.Event, within_real: float | None) -> bool:
    """Wait for an event, at most so many real seconds; say whether it came.

    Not `asyncio.wait_for`: before Python 3.12 that loses a cancellation which meets the event.
    """
    try:
        async with asyncio.timeout(within_real):
            return await event.wait()
    except TimeoutError:
        return False


def timestamp() -> str:
    """Now, as chargers write it: UTC, milliseconds, `Z` (OCPP-J 1.6, 3.7 asks for ISO 8601)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """A timestamp of the server; without a zone it is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def sleep_until(at: datetime) -> None:
    """Wait for a moment of real time, which timestamps are."""
    await asyncio.sleep(max((at - datetime.now(UTC)).total_seconds(), 0.0))
