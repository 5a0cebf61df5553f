"""What open pages follow by named queries: read once for all who follow it here, told to each as far as it has come.

A feed reads one question again and again while anybody follows it: when a topic of it rings, and now and then in any
case; one read at a time, with a pause after each, so that neither many changes nor many pages make many reads. What it
read last is kept, so a read that began before a change is followed by one that began after it, and never by an older.

Whoever follows is told, whenever its socket takes something, the difference between what it was told and what is
there now. Nothing queues up for a socket that is slow.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import orjson
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connections
from prometheus_client import Counter, Gauge

from csms.core.hearing import HEARING

log = logging.getLogger(__name__)

ROWS_MAX = 200  # of a snapshot
FEEDS_MAX = 500  # of one process
SHARE = 3  # so much longer than a read took is the pause after it
AGAIN = 2.0  # seconds after which a database that failed is asked again
THOROUGH = (
    30.0  # seconds after which rows are told anew for what changes without end, such as when one was seen
)

READS = Counter("csms_live_reads_total", "Reads of the database for what open pages follow.")
FEEDS = Gauge("csms_live_feeds", "Different questions that open pages follow.")

_THREADS = ThreadPoolExecutor(2, thread_name_prefix="live-reads")


class Refused(Exception):
    """A question that has no answer: `code` for programs, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Row(NamedTuple):
    """A row as it is told. `mark` is what makes it another one."""

    key: str
    mark: bytes
    text: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """What a read found: of a query of rows all of them in order, of one that only grows the new ones."""

    rows: Sequence[Row]
    skipped: bool = False
    """Rows that came before these were left out, because they were too many."""
    more: bool = False
    """There are more already."""


class Source(Protocol):
    """A question with its parameters; reads in a thread, one read at a time."""

    key: str  # the field by which rows are known
    grows: ClassVar[bool]  # rows only come
    topics: frozenset[str]  # that ring when there is something to read
    pause: float  # seconds between two reads, at least
    look: float  # seconds after which it is read though nothing rang

    def read(self) -> Found:
        """Read."""

    def failed(self) -> None:
        """Hear that a read failed."""


class Feed:
    """One question, and what was read for it last. Used on one event loop."""

    def __init__(self, ask: Callable[[], Source]) -> None:
        self.source: Source | None = None
        self.refused: Refused | None = None
        self.failing = False
        self.begun = self.done = 0  # reads, by number
        self.state: dict[str, Row] = {}
        self.ring: deque[Row] = deque(maxlen=ROWS_MAX)
        self.count = 0  # rows that came into the ring so far
        self.holes = 0  # how often some were left out
        self.followers: set[Follower] = set()
        self.task: asyncio.Task[None] | None = None
        self._ask = ask
        self._rung = asyncio.Event()
        self._thorough_at = 0.0
        self._more = False

    def ring_up(self, topics: frozenset[str] | None) -> None:
        """Read again if any of the topics is one of this feed; None: any may be."""
        if topics is None or (self.source is not None and not self.source.topics.isdisjoint(topics)):
            self._rung.set()

    def join(self, follower: "Follower") -> None:
        """Let somebody follow, from a read on that begins after this; of a refused question there is none."""
        follower.due = self.begun + 1
        self.followers.add(follower)
        self._rung.set()
        if self.refused is not None:
            follower.wake()

    async def work(self) -> None:
        """Read as long as anybody follows."""
        loop = asyncio.get_running_loop()
        may_read_at = 0.0
        while self.refused is None:
            if not self._more:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.source.look if self.source else None):
                        await self._rung.wait()
            await asyncio.sleep(max(0.0, may_read_at - loop.time()))
            self._rung.clear()  # whatever changes from here on may not be in what is read now
            self.begun += 1
            number, began = self.begun, loop.time()
            try:
                found = await _in_thread(self._read)
            except Refused as refused:
                self.refused = refused
            except (
                Exception
            ) as error:  # whatever it is: nobody must wait for ever for a reader that has ended
                self._fail(error)
                may_read_at = loop.time() + AGAIN
            else:
                self.failing = False
                self._apply(found, number, began)
                self.done = number
                now, pause = loop.time(), self.source.pause if self.source else 0.0
                may_read_at = max(began + pause, now + SHARE * (now - began))
            for follower in list(self.followers):
                follower.wake()

    def _read(self) -> Found:
        READS.inc()
        if self.source is None:
            self.source = self._ask()
        return self.source.read()

    def _fail(self, error: Exception) -> None:
        if not self.failing:
            known = isinstance(error, DatabaseError)
            log.warning("live.read_failed", exc_info=not known, extra={"error": repr(error)[:300]})
        self.failing = True
        if self.source is not None:
            self.source.failed()
        self._rung.set()

    def _apply(self, found: Found, number: int, now: float) -> None:
        self._more = found.more
        assert self.source is not None
        if self.source.grows:
            self.holes += found.skipped
            self.ring.extend(found.rows)
            self.count += len(found.rows)
            return
        # Whoever is new is told everything as it is; so is everybody now and then.
        fresh = any(self.done < follower.due <= number for follower in self.followers)
        thorough = fresh or now >= self._thorough_at
        if thorough:
            self._thorough_at = now + THOROUGH
        self.state = {row.key: self._kept(row, thorough) for row in found.rows}

    def _kept(self, row: Row, thorough: bool) -> Row:
        """Return the row as it was where nothing tells them apart, so that it is the same object."""
        old = self.state.get(row.key)
        same = old is not None and (old.text == row.text if thorough else old.mark == row.mark)
        return old if old is not None and same else row


class Follower:
    """One who follows a feed over a socket: how far it was told. `wake` is called when there may be more."""

    def __init__(self, id: int, feed: Feed, wake: Callable[[], None]) -> None:
        self.id = id
        self.feed = feed
        self.due = feed.begun + 1
        self.wake = wake
        self._seq: int | None = None
        self._stale = False
        self._sent: dict[str, Row] = {}
        self._at = self._holes = 0

    def words(self) -> dict[str, Any] | None:
        """Return what is to be told now; None when it has been told everything."""
        feed = self.feed
        if feed.refused is not None:
            return {"id": self.id, "error": {"code": feed.refused.code, "message": str(feed.refused)}}
        if feed.failing:
            told, self._stale = self._stale, True
            return None if told else {"id": self.id, "stale": True}
        if feed.done < self.due or feed.source is None:
            return None
        back, self._stale = self._stale, False
        said = self._grown(feed) if feed.source.grows else self._changed(feed)
        if "snapshot" in said:
            self._seq = 0
        elif said["changes"] or back or "order" in said or "skipped" in said:
            assert self._seq is not None
            self._seq += 1
        else:
            return None
        return {"id": self.id, "seq": self._seq, "key": feed.source.key, **said}

    def _grown(self, feed: Feed) -> dict[str, Any]:
        behind = feed.count - self._at
        skipped = {"skipped": True} if feed.holes != self._holes else {}
        self._at, self._holes = feed.count, feed.holes
        if self._seq is None or behind > len(feed.ring):  # new, or so slow that its place has gone
            again = {} if self._seq is None else {"skipped": True}
            return {"snapshot": [orjson.Fragment(row.text) for row in feed.ring], **again}
        news = list(feed.ring)[len(feed.ring) - behind :]
        return {"changes": [{"append": orjson.Fragment(row.text)} for row in news], **skipped}

    def _changed(self, feed: Feed) -> dict[str, Any]:
        sent, self._sent = self._sent, feed.state
        if self._seq is None:
            return {"snapshot": [orjson.Fragment(row.text) for row in feed.state.values()]}
        if sent is feed.state:
            return {"changes": []}
        changes: list[dict[str, Any]] = [{"remove": key} for key in sent if key not in feed.state]
        changes += [
            {"upsert": orjson.Fragment(row.text)}
            for key, row in feed.state.items()
            if sent.get(key) is not row
        ]
        # Where the reader's own order, with what is new at the end, is not that of the rows.
        stayed = [key for key in sent if key in feed.state]
        order = [*stayed, *(key for key in feed.state if key not in sent)]
        return {"changes": changes} | ({"order": list(feed.state)} if order != list(feed.state) else {})


class Feeds:
    """All feeds of this process, by their question."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._feeds: dict[bytes, Feed] = {}

    async def follow(
        self, question: bytes, ask: Callable[[], Source], id: int, wake: Callable[[], None]
    ) -> Follower:
        """Let somebody follow a question. Raises Refused when there are too many."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what belonged to an earlier loop ended with it
            self._loop, self._feeds = loop, {}
        feed = self._feeds.get(question)
        if feed is None:
            if len(self._feeds) >= FEEDS_MAX:
                raise Refused("busy", "too many pages follow too many different things; try again later")
            feed = self._feeds[question] = Feed(ask)
            feed.task = loop.create_task(feed.work())
            FEEDS.set(len(self._feeds))
        follower = Follower(id, feed, wake)
        feed.followers.add(follower)
        try:
            await HEARING.listen(self._heard)
        except BaseException:
            self.part(follower)
            raise
        feed.join(follower)
        return follower

    def part(self, follower: Follower) -> None:
        """Let somebody follow no more."""
        feed = follower.feed
        feed.followers.discard(follower)
        if feed.followers:
            return
        if feed.task is not None:
            feed.task.cancel()
        self._feeds = {question: kept for question, kept in self._feeds.items() if kept is not feed}
        FEEDS.set(len(self._feeds))
        if not self._feeds:
            HEARING.leave(self._heard)

    def _heard(self, topics: frozenset[str] | None) -> None:
        for feed in self._feeds.values():
            feed.ring_up(topics)


FOLLOWED = Feeds()


async def _in_thread(work: Callable[[], Found]) -> Found:
    """Ask the database in a thread that keeps no connection afterwards, whatever anybody's settings say."""

    def and_part() -> Found:
        try:
            return work()
        finally:
            connections.close_all()

    return await sync_to_async(and_part, thread_sensitive=False, executor=_THREADS)()
