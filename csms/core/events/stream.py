"""Who follows the outbox over HTTP (Server-Sent Events): how many, from where, and until when.

A stream holds no thread and no connection to the database: it waits on the event loop for the tail, which is read once
for all. It keeps a position and nothing else, so a program that reads slowly costs no memory; one that does not read at
all is parted from, and goes on later behind the last event that it got.
"""

import asyncio
import logging
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakSet

from channels.db import database_sync_to_async
from django.db import DatabaseError
from django.http import StreamingHttpResponse
from django.utils import timezone
from prometheus_client import Counter, Gauge

from csms.core.access.staying import Guest, unwelcome
from csms.core.events.reading import CursorGone, Wanted, read_on
from csms.core.events.tail import BATCH, Line, Tail, line_of, news

log = logging.getLogger(__name__)
T = TypeVar("T")

MEDIA_TYPE = "text/event-stream"
LOOK = 0.25  # seconds between two looks for new events
GUESTS = 5.0  # seconds between two looks for who may not stay
AGAIN = 1.0  # seconds after which a database that failed is asked again
HEARTBEAT = 15.0  # seconds without any event
STALL = 30.0  # seconds in which somebody takes nothing
RETRY = (1000, 5000)  # ms after which a client comes back; each is told another time, lest all come at once
PAGE = 100  # events that are read at once for one who is far behind
CHUNK = 64 * 1024  # bytes that are sent at once

CLIENTS = Gauge("csms_events_stream_clients", "Programs that follow the stream of events.")
SENT = Counter("csms_events_stream_sent_total", "Events that were sent to those who follow the stream.")
CLOSED = Counter("csms_events_stream_closed_total", "Streams of events that ended, by reason.", ["reason"])
# They left; did not read; may not stay; the server ends; what they need is not kept any more.
REASONS = ("left", "slow", "refused", "drain", "gone")
for _reason in REASONS:
    CLOSED.labels(_reason)  # is 0 from the beginning, not absent

# One reads the tail, for all; two bring those who are far behind forward, a page of each in turn.
_TAIL = ThreadPoolExecutor(1, thread_name_prefix="events-tail")
_PAGES = ThreadPoolExecutor(2, thread_name_prefix="events-page")


class Full(Exception):
    """There are as many clients as there may be, or the server is about to end."""


class Client:
    """One who follows: where it is, what it wants, and why it is to end."""

    def __init__(self, position: int, wanted: Wanted, guest: Guest) -> None:
        self.position = position
        self.wanted = wanted
        self.guest = guest
        self.ended: str | None = None

    def end(self, reason: str) -> None:
        """Let its stream end at the next opportunity; the first reason counts."""
        self.ended = self.ended or reason


class Followers:
    """All clients of this process, and what is read for them as long as there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Weakly: whoever leaves before the stream begins is not forgotten here.
        self._clients: WeakSet[Client] = WeakSet()
        self._draining = False
        self._tail: Tail | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: asyncio.Task[None] | None = None
        CLIENTS.set_function(lambda: len(self._clients))

    # -- clients --

    def admit(self, client: Client, *, most: int) -> Client:
        """Take a client in; callable from any thread. Raises Full."""
        with self._lock:
            if self._draining or len(self._clients) >= most:
                raise Full
            self._clients.add(client)
        return client

    def part(self, client: Client) -> None:
        """Forget a client whose stream is over."""
        with self._lock:
            if client not in self._clients:
                return
            self._clients.discard(client)
        CLOSED.labels(client.ended or "left").inc()

    def clients(self) -> list[Client]:
        """Return all that there are now."""
        with self._lock:
            return list(self._clients)

    def open(self) -> None:
        """Let clients come; what a server begins with."""
        self._draining = False

    def drain(self) -> None:
        """End all streams, and let none begin; called on the event loop."""
        with self._lock:
            self._draining = True
        self.end_all("drain")

    def end_all(self, reason: str) -> None:
        """End all streams."""
        for client in self.clients():
            client.end(reason)
        if self._tail is not None:
            self._tail.wake()

    # -- what they are sent --

    async def follow(self, client: Client) -> AsyncIterator[bytes]:
        """Yield the stream of a client until it is to end."""
        tail, loop = self._tail_here(), asyncio.get_running_loop()
        yield beginning(client.position)
        told, quiet_until = client.position, loop.time() + HEARTBEAT
        while client.ended is None:
            moved = tail.moved  # before the look: what comes after it wakes us
            lines = tail.after(client.position)
            if lines is None:
                try:
                    lines = await self._page(client)
                except CursorGone as gone:
                    yield farewell(gone)
                    client.end("gone")
                    break
                except DatabaseError as error:
                    log.warning("events_stream.database_failed", extra={"error": repr(error)[:300]})
                    await _woken(moved, AGAIN)
                waits = False
            else:
                lines = _advance(client, lines)
                waits = not lines and client.position >= tail.high
            if lines:
                for chunk in _chunks(lines):
                    yield b"".join(line.text for line in chunk)
                    SENT.inc(len(chunk))
                told, quiet_until = client.position, loop.time() + HEARTBEAT
                continue
            if loop.time() >= quiet_until:
                # The cursor moves on with events that others want: it must not grow too old meanwhile.
                yield b":\n\n" if told == client.position else b":\nid: %d\n\n" % client.position
                told, quiet_until = client.position, loop.time() + HEARTBEAT
            if waits:
                await _woken(moved, quiet_until - loop.time())

    async def _page(self, client: Client) -> list[Line]:
        page = await _in_thread(_PAGES, read_on, client.position, client.wanted, most=PAGE)
        client.position = page.after
        if not page.events and not page.more:
            # It is at the head, and the tail is not: the tail begins with its first look.
            await _woken(self._tail_here().moved, LOOK)
        return [line_of(event) for event in page.events]

    # -- the tail --

    def _tail_here(self) -> Tail:
        """Return the tail of this loop, and let it be read."""
        loop = asyncio.get_running_loop()
        if self._tail is None or self._loop is not loop:
            self._tail, self._loop, self._work = Tail(), loop, None
        if self._work is None or self._work.done():
            self._tail.ready = False
            self._work = loop.create_task(self._read(self._tail))
        return self._tail

    async def _read(self, tail: Tail) -> None:
        """Read what is new, and see who may not stay, while there is anybody."""
        look_at_guests, failing = 0.0, False
        loop = asyncio.get_running_loop()
        while self.clients():
            try:
                after = tail.high if tail.ready else None
                reached = {client: client.position for client in self.clients()}  # before the look
                last, lines = await _in_thread(_TAIL, news, after)
                for client, position in reached.items():
                    if position > last:  # it was brought there by pages of another state of the store
                        client.end("gone")
                        tail.wake()
                if after is None:
                    tail.begin(last)
                elif last < after:
                    # The store is another one, or an older state of it; none of their cursors is good.
                    self.end_all("gone")
                    tail.begin(last)
                else:
                    tail.add(lines)
                if loop.time() >= look_at_guests:
                    await self._see_to_guests()
                    look_at_guests = loop.time() + GUESTS
            except (
                Exception
            ) as error:  # whatever it is: nobody must wait for ever for a reader that has ended
                if not failing:
                    known = isinstance(error, DatabaseError)
                    log.warning(
                        "events_stream.tail_failed", exc_info=not known, extra={"error": repr(error)[:300]}
                    )
                failing, lines = True, []
                await asyncio.sleep(AGAIN)
            else:
                failing = False
            if len(lines) < BATCH:
                await asyncio.sleep(LOOK)

    async def _see_to_guests(self) -> None:
        clients = self.clients()
        guests = {client.guest for client in clients}
        refused = await _in_thread(_TAIL, unwelcome, guests, "read", now=timezone.now())
        for client in clients:
            if client.guest in refused:
                client.end("refused")
        if refused and self._tail is not None:
            self._tail.wake()


FOLLOWERS = Followers()


def beginning(position: int) -> bytes:
    """Return what a stream begins with: the cursor, from which to come back, and after how long."""
    return b"retry: %d\nid: %d\n\n" % (random.randint(*RETRY), position)


def farewell(gone: CursorGone) -> bytes:
    """Return the last words to a client that has fallen behind what is kept."""
    text = b'{"code":"%s","detail":"%s","oldest":"%d"}' % (
        gone.code.encode(),
        str(gone).encode(),
        gone.oldest,
    )
    return b"event: error\ndata: %s\n\n" % text


def _advance(client: Client, lines: Sequence[Line]) -> list[Line]:
    """Return those of the lines that a client wants, so many as are sent at once, and move it behind them."""
    chosen, size = [], 0
    for line in lines:
        client.position = line.position
        if client.wanted.takes(line.type, line.cp_id, line.recorded_at):
            chosen.append(line)
            size += len(line.text)
            if size >= CHUNK:
                break
    return chosen


def _chunks(lines: Sequence[Line]) -> list[list[Line]]:
    chunks: list[list[Line]] = [[]]
    size = 0
    for line in lines:
        if size >= CHUNK:
            chunks.append([])
            size = 0
        chunks[-1].append(line)
        size += len(line.text)
    return chunks


async def _in_thread(pool: ThreadPoolExecutor, work: Callable[..., T], *args: Any, **options: Any) -> T:
    """Ask the database in a thread of the pool, which keeps no connection afterwards."""
    result: T = await database_sync_to_async(work, thread_sensitive=False, executor=pool)(*args, **options)
    return result


async def _woken(moved: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await moved.wait()


class EventStream(StreamingHttpResponse):
    """The answer that does not end by itself. `csms.handler` sends it, and gives up what nobody reads."""

    def __init__(self, client: Client) -> None:
        self.client = client
        super().__init__(FOLLOWERS.follow(client), content_type=MEDIA_TYPE, headers=HEADERS)

    def patient(self, send: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        """Return `send`, which raises TimeoutError when the other end has taken nothing for long."""

        async def in_time(message: Any) -> None:
            try:
                async with asyncio.timeout(STALL):
                    await send(message)
            except TimeoutError:
                self.client.end("slow")
                raise

        return in_time


HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
