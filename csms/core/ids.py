"""Ids that sort by time: UUIDv7 (RFC 9562, 5.7), so that time series can be partitioned by their primary key."""

import os
import threading
from datetime import UTC, datetime
from time import time_ns
from uuid import UUID

_lock = threading.Lock()
_millisecond = 0
_counter = 0
_head = ""
_random = ""
_random_at = 0


def uuid7_text() -> str:
    """Return a new UUIDv7 in its canonical text form; ids of one process are strictly rising.

    Text, not `UUID`: building the object costs more than all the rest of a bulk row.
    """
    global _millisecond, _counter, _head, _random, _random_at
    with _lock:
        now = time_ns() // 1_000_000
        # RFC 9562, 6.2 method 1: a counter in rand_a; when it is spent, borrow the next millisecond.
        _counter += 1
        if now > _millisecond or _counter > 0xFFF:
            _millisecond, _counter = max(now, _millisecond + 1), 0
            _head = f"{_millisecond >> 16:08x}-{_millisecond & 0xFFFF:04x}-7"
        if _random_at == len(_random):
            _random, _random_at = os.urandom(4096).hex(), 0
        tail = _random[_random_at : _random_at + 16]
        _random_at += 16
        # The variant's two bits and two zeros are the 8; 60 random bits follow.
        return f"{_head}{_counter:03x}-8{tail[:3]}-{tail[3:15]}"


def uuid7() -> UUID:
    """Return a new UUIDv7."""
    return UUID(uuid7_text())


def uuid7_floor(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 of `moment` (aware): the bound for time windows, retention and partitions."""
    ms = max(0, int(moment.astimezone(UTC).timestamp() * 1000))
    return UUID(int=(ms << 80) | (0x7 << 76) | (0x8 << 60))
