"""When a charge point was online: pure arithmetic from the connections that it had to the outages between them.

Connections that overlap count once, as when a newer one takes over. Time before the first connection is unknown, not
offline: nobody knows whether the charge point stood there at all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from uuid import UUID

NOTHING = timedelta(0)
SHARE_STEP = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Span:
    """A connection, as far as it matters here; `closed` is None while it is open."""

    opened: datetime
    closed: datetime | None
    connection_id: UUID | None = None

    @property
    def end(self) -> datetime | None:
        """When it ended. Clocks of two processes differ, so an end may be noted before its beginning."""
        return None if self.closed is None else max(self.opened, self.closed)


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without connection, after one that had ended; `came_online_at` is None while it goes on."""

    went_offline_at: datetime
    came_online_at: datetime | None
    prior: Span
    """The connection whose end began it."""

    def within(self, since: datetime, until: datetime) -> timedelta:
        """Return how much of it lies in a window."""
        end = until if self.came_online_at is None else min(self.came_online_at, until)
        return max(end - max(self.went_offline_at, since), NOTHING)


@dataclass(frozen=True, slots=True)
class Uptime:
    """What a window of time was spent with; `unknown` is what is left of it."""

    online: timedelta
    offline: timedelta
    unknown: timedelta
    outages: int
    longest: timedelta
    """The longest outage, as far as it lies in the window."""

    @property
    def share(self) -> Decimal | None:
        """The online share of what is known, rounded down, so that 1 means not a moment offline; None = unknown."""
        known = self.online + self.offline
        if not known:
            return None
        # timedelta counts whole microseconds, so this is exact until it is rounded.
        one = timedelta(microseconds=1)
        return (Decimal(self.online // one) / Decimal(known // one)).quantize(SHARE_STEP, ROUND_DOWN)


def outages(spans: Iterable[Span]) -> Iterator[Outage]:
    """Yield the times between connections, oldest first; the last one has no end if no connection is open."""
    last: Span | None = None  # of those so far, the one that ends last
    for span in sorted(spans, key=lambda span: span.opened):
        if last is not None:
            if last.end is None:
                return
            if span.opened > last.end:
                yield Outage(last.end, span.opened, last)
        if last is None or last.end is None or span.end is None or span.end >= last.end:
            last = span
    if last is not None and last.end is not None:
        yield Outage(last.end, None, last)


def outages_within(spans: Iterable[Span], *, since: datetime, until: datetime) -> list[Outage]:
    """Return the outages of which some part lies in a window, oldest first, each whole."""
    return [outage for outage in outages(spans) if outage.within(since, until)]


def measure(spans: Iterable[Span], *, since: datetime, until: datetime, horizon: datetime) -> Uptime:
    """Return what the window was spent with, as far as it lies before the horizon: now, or when it was retired.

    `spans` must hold every connection of which a part lies in the window, and the one before these.
    """
    spans = list(spans)
    end = max(since, min(until, horizon))
    first = min((span.opened for span in spans), default=end)
    known = max(end - max(first, since), NOTHING)
    parts = [part for outage in outages(spans) if (part := outage.within(since, end))]
    offline = sum(parts, NOTHING)
    return Uptime(
        online=known - offline,
        offline=offline,
        unknown=(until - since) - known,
        outages=len(parts),
        longest=max(parts, default=NOTHING),
    )
