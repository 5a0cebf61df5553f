"""The relay: numbers new events and brings them to the sinks, a thread each, each sink's work by one relay at a time.

A sink's row says who does its work, until when (a lease), and how far that has come. The lease is renewed while the
work goes on; if a process is lost, another takes over when it has run out and begins behind the last position noted. So
events are delivered at least once; one that comes twice has the same id, and never overtakes an older one. Leases go by
PostgreSQL's clock, so machines whose clocks differ do not take each other's work.
"""

import logging
import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from secrets import token_hex
from time import monotonic
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils import timezone

from csms.core.events import numbering
from csms.core.events.envelope import Envelope
from csms.core.events.models import Reader
from csms.core.events.selectors import events_after
from csms.core.events.sinks import NotOurs, Sink, SinkAway, wanted_sinks

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
RENEW = timedelta(seconds=5)
LOOK = (
    0.05,
    0.25,
)  # seconds between two looks for new events: while there are any, and after a while without
REACH = 20_000  # events among which a sink's are looked for at once, so that it ends well within a lease
IDLE = 1.0  # seconds after which a sink looks without being told
REFRESH = 5.0  # seconds between two looks for sinks that came or went
PATIENCE = 1.0, 10.0  # seconds for sinks to end: at the end of a shift, and at the end of the process
BACKOFF = (1, 2, 4, 8, 15, 30)  # seconds, before jitter


def shared_now() -> datetime | Combinable:
    """Return the time that all relays go by: that of the database, where several machines may use it."""
    return Now() if connection.vendor == "postgresql" else timezone.now()


def begin(sink: Sink) -> None:
    """Give a sink its place if it has none."""
    place = numbering.head()  # before the look: what is numbered meanwhile lies behind it
    if not sink.starts_at_end and (first := events_after(0, most=1)):
        place = first[0].position - 1
    Reader.objects.bulk_create([Reader(name=sink.name, position=place)], ignore_conflicts=True)


class Hub:
    """The last position given, and the threads that wait for it to move."""

    def __init__(self) -> None:
        self.position = 0
        self.stopping = threading.Event()
        self._moved = threading.Condition()

    def move(self, position: int) -> None:
        """Note the last position given."""
        with self._moved:
            if position != self.position:
                self.position = position
                self._moved.notify_all()

    def wait(self, position: int, seconds: float) -> None:
        """Wait until there is something behind a position, for at most so many seconds, or until the end."""
        with self._moved:
            self._moved.wait_for(lambda: self.stopping.is_set() or self.position > position, seconds)

    def stop(self) -> None:
        """Wake everybody, for the last time."""
        self.stopping.set()
        with self._moved:
            self._moved.notify_all()


class Pump:
    """Does the work of one sink, as long as its lease is ours; `holder` is no other's. A clock is for tests."""

    def __init__(
        self, sink: Sink, hub: Hub, holder: str, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.sink = sink
        self.hub = hub
        self.holder = holder
        self.clock = clock or timezone.now
        self._shared_now = clock or shared_now
        self.ending = threading.Event()
        self.position = 0
        self._noted = 0  # the position in the row
        self._noted_at = 0.0
        self._renewed_at: datetime | None = None  # by our clock; None while the work is not ours
        self._failing = False  # as the row has it
        self._failures = 0
        self._said = ""

    # -- the lease --

    def hold(self) -> bool:
        """Take or renew the lease, and return whether the work is ours."""
        now = self.clock()
        if self._renewed_at is not None and timedelta(0) <= now - self._renewed_at < RENEW:
            return True
        row = Reader.objects.filter(pk=self.sink.name)
        there = self._shared_now()
        if self._renewed_at is not None:
            ours = row.filter(holder=self.holder).update(held_until=there + LEASE)
            self._renewed_at = now if ours else None
            return bool(ours)
        free = Q(holder="") | Q(held_until=None) | Q(held_until__lte=there)
        if not row.filter(free).update(holder=self.holder, held_until=there + LEASE):
            return False  # another's, or of no sink any more
        if (place := row.values_list("position", "failing_since").first()) is None:
            return False
        self._renewed_at = now
        # Whoever did the work before may have left it failing.
        self.position, failing_since = place
        self._noted, self._failing = self.position, failing_since is not None
        return True

    def keep(self) -> None:
        """Renew the lease when it is time to. Raises NotOurs."""
        held = self.hold()  # at the end, too: a sink may have to wait for what is on its way
        if self.ending.is_set() or self.hub.stopping.is_set() or not held:
            raise NotOurs

    def release(self) -> None:
        """Let another relay take over at once."""
        if self._renewed_at is not None:
            self._note(force=True)
            Reader.objects.filter(pk=self.sink.name, holder=self.holder).update(holder="", held_until=None)
            self._renewed_at = None

    def _note(self, *, force: bool) -> None:
        """Write how far it has come; where only others' events were passed, not each time."""
        if self.position == self._noted or not (force or monotonic() - self._noted_at >= IDLE):
            return
        mine = Reader.objects.filter(pk=self.sink.name, holder=self.holder, position=self._noted)
        if not mine.update(position=self.position, moved_at=self.clock()):
            self._renewed_at = None
            raise NotOurs
        self._noted, self._noted_at = self.position, monotonic()

    # -- the work --

    def step(self) -> bool:
        """Do what there is to do now, and return whether there was anything. Raises SinkAway and NotOurs."""
        tended = self.sink.tend(self.keep)
        last = max(self.hub.position, self.position)
        upto = min(last, self.position + REACH)
        events = events_after(
            self.position,
            upto=upto,
            bucket=self.sink.bucket,
            types=self.sink.types,
            most=self.sink.batch,
        )
        if events:
            try:
                if self.sink.with_place:
                    self._publish_with_place(events)
                else:
                    self.sink.publish(events, self.keep)
            except SinkAway as away:
                if away.done is not None and away.done > self.position:
                    self.position = away.done
                    self._note(force=True)
                raise
            self.position = events[-1].position
        if len(events) < self.sink.batch:
            self.position = max(self.position, upto)  # what else is up to there is not its own
        self._note(force=bool(events))
        return tended or bool(events) or upto < last

    def _publish_with_place(self, events: list[Envelope]) -> None:
        """Let the sink take events and note its place in one transaction: both are kept, or neither."""
        before = self.position, self._noted
        try:
            with transaction.atomic():
                self.sink.publish(events, self.keep)
                self.position = events[-1].position
                self._note(force=True)  # raises NotOurs where another took over meanwhile
        except BaseException:
            self.position, self._noted = before
            raise

    def run(self) -> None:
        """Work until told to end; the body of a thread."""
        try:
            while not (self.ending.is_set() or self.hub.stopping.is_set()):
                self._turn()
        finally:
            try:
                self.sink.close()
                self.release()
            except Exception:
                log.exception("relay.end_failed", extra={"sink": self.sink.name})
            connection.close()

    def _turn(self) -> None:
        wait: float | None = None
        try:
            if not self.hold():
                wait = IDLE
            elif self.step():
                self._works()
                return
            else:
                self._works()
        except NotOurs:
            wait = IDLE
        except SinkAway as away:
            wait = self._fails(str(away), away.wait)
        except DatabaseError as error:
            log.warning("relay.database_failed", extra={"sink": self.sink.name, "error": repr(error)[:300]})
            wait = IDLE
        except Exception as error:
            log.exception("relay.sink_broke", extra={"sink": self.sink.name})
            wait = self._fails(f"It broke: {error!r}"[:300], None)
        connection.close()  # a server has few, and there is nothing to do
        if wait is None:
            self.hub.wait(self.position, IDLE)
        else:
            self._pause(wait)

    def _pause(self, seconds: float) -> None:
        """Wait, keeping the lease."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0 and not self.hub.stopping.is_set():
            if self.ending.wait(min(left, RENEW.total_seconds())):
                return
            if self._renewed_at is not None:
                try:
                    self.hold()
                except DatabaseError:
                    return
                finally:
                    connection.close()

    def _works(self) -> None:
        self._failures, self._said = 0, ""
        if self._failing:
            self._failing = False
            log.warning("relay.sink_back", extra={"sink": self.sink.name})
            self._tell(failing_since=None, error="")

    def _fails(self, text: str, wait: float | None) -> float:
        if not self._failing:
            self._failing = True
            log.warning("relay.sink_away", extra={"sink": self.sink.name, "error": text})
            self._tell(failing_since=self.clock(), error=text)
        elif text != self._said:
            self._tell(error=text)
        self._said = text
        self._failures += 1
        delay = BACKOFF[min(self._failures, len(BACKOFF)) - 1] if wait is None else wait
        return delay * (1 + 0.25 * random.random())

    def _tell(self, **facts: Any) -> None:
        try:
            Reader.objects.filter(pk=self.sink.name).update(**facts)
        except DatabaseError as error:
            log.warning("relay.database_failed", extra={"sink": self.sink.name, "error": repr(error)[:300]})


class Relay:
    """Numbering and all sinks, in threads of this process; `run()` returns after `stop()` or so many seconds."""

    def __init__(self) -> None:
        self.hub = Hub()
        self._pumps: dict[str, tuple[Pump, threading.Thread]] = {}

    def stop(self) -> None:
        """End soon; callable from any thread."""
        self.hub.stop()

    def run(self, seconds: float | None = None) -> None:
        """Work for so many seconds, or until told to stop."""
        end = None if seconds is None else monotonic() + seconds
        refresh, look = 0.0, LOOK[0]
        try:
            while not self.hub.stopping.is_set() and (end is None or monotonic() < end):
                try:
                    if monotonic() >= refresh:
                        self._refresh()
                        refresh = monotonic() + REFRESH
                    busy = numbering.number_events(now=timezone.now())
                    self.hub.move(numbering.head())
                except DatabaseError as error:
                    log.warning(
                        "relay.database_failed", extra={"sink": "numbering", "error": repr(error)[:300]}
                    )
                    connection.close()
                    self.hub.stopping.wait(IDLE)
                else:
                    look = LOOK[0] if busy else min(look * 1.25, LOOK[1])
                    self.hub.stopping.wait(0 if busy >= numbering.MOST else look)
        finally:
            patience = PATIENCE[self.hub.stopping.is_set()]
            self.hub.stop()
            # A sink that waits for one who does not answer holds its lease until it has ended; the others must not
            # wait for it: their next shift can begin.
            end = monotonic() + patience
            for _, thread in self._pumps.values():
                thread.join(max(0.0, end - monotonic()))
            connection.close()

    def _refresh(self) -> None:
        wanted = wanted_sinks()
        known = set(Reader.objects.filter(pk__in=wanted).values_list("pk", flat=True))
        for name in wanted.keys() - known:
            begin(wanted[name])  # here alone: the place of a sink that has gone must not come back
        for name in [
            name for name, (_, thread) in self._pumps.items() if name not in wanted or not thread.is_alive()
        ]:
            pump, thread = self._pumps.pop(name)
            pump.ending.set()
            if thread.is_alive():
                log.info("relay.sink_left", extra={"sink": name})
        for name, sink in wanted.items():
            if name not in self._pumps:
                # An older one of the same name may still wait for its answers, so each is a holder of its own.
                pump = Pump(sink, self.hub, token_hex(8))
                thread = threading.Thread(target=pump.run, name=f"relay-{name}", daemon=True)
                self._pumps[name] = pump, thread
                thread.start()
