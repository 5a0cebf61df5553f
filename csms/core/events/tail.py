"""The end of the outbox, read once for all who follow it in this process, and kept in memory for a while.

Positions have no gaps, so whoever knows one knows exactly what comes next: from here as long as it is here, else from
the database, page by page, until it is here again. Nothing can be left out or come twice at that seam.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import orjson

from csms.core.events.envelope import Envelope
from csms.core.events.numbering import head
from csms.core.events.selectors import events_after

LINES_MAX = 5000
BYTES_MAX = 8 * 1024 * 1024
BATCH = 1000


class Line(NamedTuple):
    """An event as it is sent to those who follow."""

    position: int
    type: str
    cp_id: str
    recorded_at: datetime
    text: bytes


def line_of(event: Envelope) -> Line:
    """Write an event as Server-Sent Events have it."""
    data = b"\ndata: ".join(orjson.dumps(event.as_dict()).splitlines())
    text = b"id: %d\nevent: %s\ndata: %s\n\n" % (event.position, event.type.encode(), data)
    return Line(event.position, event.type, event.cp_id, event.recorded_at, text)


def news(after: int | None) -> tuple[int, list[Line]]:
    """Return the last position, and the first events behind another one; none without that. Asks the database."""
    last = head()
    if after is None or last <= after:
        return last, []
    return last, [line_of(event) for event in events_after(after, upto=last, most=BATCH)]


class Tail:
    """The last events, by position without a gap: those behind `low`, up to `high`. Used on one event loop."""

    def __init__(self, *, lines_max: int = LINES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self.low = self.high = 0
        self.ready = False
        self._lines: list[Line] = []
        self._bytes = 0
        self._lines_max, self._bytes_max = lines_max, bytes_max
        self.moved = asyncio.Event()
        """Set with the next change; there is a new one then."""

    def begin(self, position: int) -> None:
        """Begin anew: what comes is behind this position."""
        self.low = self.high = position
        self._lines, self._bytes, self.ready = [], 0, True
        self.wake()

    def add(self, lines: Sequence[Line]) -> None:
        """Append events, and let go of the oldest where they are too many."""
        for line in lines:
            if line.position != self.high + 1:  # what lay between was removed before we could read it
                self.low, self._lines, self._bytes = line.position - 1, [], 0
            self._lines.append(line)
            self._bytes += len(line.text)
            self.high = line.position
        over = 0
        while len(self._lines) - over > self._lines_max or self._bytes > self._bytes_max:
            self._bytes -= len(self._lines[over].text)
            over += 1
        if over:
            del self._lines[:over]
            self.low += over
        if lines:
            self.wake()

    def after(self, position: int) -> Sequence[Line] | None:
        """Return what is behind a position; None when that is not all here."""
        if not self.ready or position < self.low:
            return None
        return self._lines[position - self.low :]

    def wake(self) -> None:
        """Let everybody look again."""
        moved, self.moved = self.moved, asyncio.Event()
        moved.set()
