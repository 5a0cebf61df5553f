"""Ids that sort by time: UUIDv7 (RFC 9562, 5.7), so that time series can be partitioned by their primary key."""

import os
import threading
from datetime import UTC, datetime
from time import time_ns
from uuid import UUID

_lock = threading.Lock()
_last_ms = 0
_counter = 0
_random = os.urandom(4096)
_random_at = 0


def uuid7_text() -> str:
    """Return a new UUIDv7 in its canonical text form; ids of one process are strictly rising.

    Text, not `UUID`: building the object costs more than all the rest of a bulk row.
    """
    global _last_ms, _counter, _random, _random_at
    with _lock:
        ms = time_ns() // 1_000_000
        if ms > _last_ms:
            _last_ms, _counter = ms, 0
        else:
            # RFC 9562, 6.2 method 1: a counter in rand_a; when it is spent, borrow the next millisecond.
            _counter += 1
            if _counter > 0xFFF:
                _last_ms, _counter = _last_ms + 1, 0
        if _random_at + 8 > len(_random):
            _random, _random_at = os.urandom(4096), 0
        tail = int.from_bytes(_random[_random_at : _random_at + 8], "big")
        _random_at += 8
        head = f"{_last_ms:012x}7{_counter:03x}"
    low = f"{0x8000000000000000 | (tail & 0x3FFFFFFFFFFFFFFF):016x}"
    return f"{head[:8]}-{head[8:12]}-{head[12:]}-{low[:4]}-{low[4:]}"


def uuid7() -> UUID:
    """Return a new UUIDv7."""
    return UUID(uuid7_text())


def uuid7_floor(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 of `moment` (aware): the bound for time windows, retention and partitions."""
    ms = int(moment.astimezone(UTC).timestamp() * 1000)
    return UUID(int=(ms << 80) | (0x7 << 76) | (0x8 << 60))
