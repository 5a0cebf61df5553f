"""How fast a charge point may talk: whoever sends more is read later, and nothing of it is lost.

A token bucket for each charge point, kept over its reconnections. While it waits, TCP holds back what it sends.
"""

from prometheus_client import Counter

SLOWED = Counter(
    "csms_ocpp_frames_slowed_total", "Frames that were read later, since their sender sends too many."
)

BURST_SECONDS = 60
"""An empty bucket is full again after so long: what was kept back while offline comes at once, within reason."""

PORTION = 8192
"""Characters that count as a frame more: huge frames cost disk as many do, and few charge points send them often."""


class Bucket:
    """What one charge point may still send at once. `rate` is frames a second, 0 = no limit."""

    __slots__ = ("_at", "_left", "rate")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._left = rate * BURST_SECONDS
        self._at = now

    def take(self, now: float, size: int = 0) -> float:
        """Take a frame of `size` characters, and return how many seconds its reader has to wait first."""
        if not self.rate:
            return 0.0
        self._left = min(self.rate * BURST_SECONDS, self._left + (now - self._at) * self.rate)
        self._left -= 1 + size // PORTION
        self._at = now
        if self._left >= 0:
            return 0.0
        SLOWED.inc()
        return -self._left / self.rate

    def is_full(self, now: float) -> bool:
        """Return whether nothing would be forgiven by forgetting it."""
        return self._left + (now - self._at) * self.rate >= self.rate * BURST_SECONDS


class Budgets:
    """The buckets of a process, by charge point."""

    SIZE = 50_000

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._buckets: dict[int, Bucket] = {}

    def adjust(self, rate: float) -> None:
        """Let everybody send so many frames a second from now on."""
        if rate != self._rate:
            self._rate = rate
            for bucket in self._buckets.values():
                bucket.rate = rate

    def of(self, charge_point_id: int, now: float) -> Bucket:
        """Return the bucket of a charge point."""
        bucket = self._buckets.get(charge_point_id)
        if bucket is None:
            if len(self._buckets) >= self.SIZE:
                del self._buckets[next(iter(self._buckets))]
            bucket = self._buckets[charge_point_id] = Bucket(self._rate, now)
        return bucket

    def forget(self, charge_point_id: int, now: float) -> None:
        """Its connection ended: forget the bucket, unless a new connection would come off better for it."""
        bucket = self._buckets.get(charge_point_id)
        if bucket is not None and bucket.is_full(now):
            del self._buckets[charge_point_id]
