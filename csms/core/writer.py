"""Group commit: many messages, one transaction, and their replies only after it has committed.

The receive loops submit and read on. One thread with a database connection of its own takes everything that queued
up while the previous transaction was committing, runs it in one transaction, commits, and hands all results back to
the event loop in one call. There is no timer: batches grow by themselves with the load.

A unit of work that raises is not allowed to cost another its commit: the transaction is rolled back and the batch is
run again, each unit in a transaction of its own. Hence the one rule for units: they may be run twice, so whatever
they change outside the database they change through `after_commit()`.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from prometheus_client import Counter, Histogram

from csms.core.tracing import begin_trace

if TYPE_CHECKING:
    from csms.core.bulk_tables import BulkTable

log = logging.getLogger(__name__)

BATCH_SIZE = Histogram(
    "csms_writer_batch_size", "Units committed together.", buckets=[2**n for n in range(11)]
)
COMMIT_SECONDS = Histogram(
    "csms_writer_commit_seconds",
    "Time from taking a batch to its commit.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RERUNS = Counter("csms_writer_reruns_total", "Batches that were rolled back and run again one by one.")
WAITS = Counter(
    "csms_writer_database_waits_total", "Attempts that found no usable database and were repeated."
)

Row = tuple[Any, ...]
Done = Callable[[Any, BaseException | None], None]


@dataclass(slots=True)
class Batch:
    """What the units of one transaction have collected: bulk rows, and what to announce, do and count after it."""

    rows: dict["BulkTable", list[Row]] = field(default_factory=dict)
    topics: set[str] = field(default_factory=set)
    callbacks: list[Callable[[], None]] = field(default_factory=list)
    counts: dict[Counter, int] = field(default_factory=dict)
    """What `csms.core.counting` adds to each series once this has committed."""
    collects: bool = True
    """Whether rows wait for the end of the batch; if not, they are only noted here."""


_local = threading.local()


def current_batch() -> Batch | None:
    """Return the batch that this thread is running, None outside the writer."""
    return getattr(_local, "batch", None)


def after_commit(callback: Callable[[], None]) -> None:
    """Call back once the surrounding transaction has committed, in the thread that committed it."""
    batch = current_batch()
    if batch is None:
        transaction.on_commit(callback)
    else:
        batch.callbacks.append(callback)


# --- the writer -------------------------------------------------------------------------------------------------------


class WriterFull(Exception):
    """The queue is at its bound: the caller waits and offers the unit again."""


class WriterClosed(Exception):
    """The writer has been closed; nothing more is accepted."""


@dataclass(slots=True)
class _Unit:
    work: Callable[[], Any]
    done: Done
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None


class Writer:
    """One thread, one database connection, one transaction at a time; see the module's text.

    `batch_max` = 1 is the mode that the benchmark compares with: each unit a transaction of its own, its rows inserted
    one by one through the ORM as they come, as a Django program without this module would.
    `publish` is called on the event loop with the topics of each committed batch.
    """

    def __init__(
        self,
        *,
        batch_max: int,
        queue_max: int,
        publish: Callable[[set[str]], None] | None = None,
        retry_seconds: float = 0.5,
    ) -> None:
        self.batch_max = batch_max
        self.queue_max = queue_max
        self.retry_seconds = retry_seconds
        self._publish = publish
        self._queue: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="csms-writer", daemon=True)
        self._start_lock = threading.Lock()
        self._started = False
        self.database_failing_since: float | None = None

    # -- from the event loop --

    def submit(self, work: Callable[[], Any], done: Done) -> None:
        """Queue a unit; `done(result, error)` is called on this event loop after its commit or its failure.

        Raises WriterFull at the bound and WriterClosed after `close()`. Units are run in the order of submission.
        """
        if self._closed:
            raise WriterClosed
        if self._queue.qsize() >= self.queue_max:
            raise WriterFull
        if not self._started:
            self._start()
        self._queue.put(_Unit(work, done, asyncio.get_running_loop()))

    async def run(self, work: Callable[[], Any]) -> Any:
        """Run a unit and wait for its commit; raises what the unit raised. Waits while the queue is full."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(result: Any, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        while True:
            try:
                self.submit(work, done)
            except WriterFull:
                await asyncio.sleep(0.05)
            else:
                return await future

    @property
    def depth(self) -> int:
        """Units that wait for the writer."""
        return self._queue.qsize()

    def close(self, timeout: float | None = None) -> bool:
        """Commit what is queued, then stop; return whether it ended within `timeout` seconds. Idempotent."""
        self._closed = True
        if not self._started:
            return True
        self._queue.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _start(self) -> None:
        with self._start_lock:
            if not self._started:
                self._started = True
                self._thread.start()

    # -- in the thread --

    def _run(self) -> None:
        try:
            while units := self._take():
                self._process(units)
        finally:
            connection.close()

    def _take(self) -> list[_Unit]:
        first = self._queue.get()
        if first is None:
            return []
        units = [first]
        with suppress(queue.Empty):
            while len(units) < self.batch_max:
                unit = self._queue.get_nowait()
                if unit is None:
                    self._queue.put(None)
                    break
                units.append(unit)
        return units

    def _process(self, units: list[_Unit], again: bool = True) -> None:
        started = monotonic()
        try:
            batch = self._commit(units)
        except Exception as error:
            if len(units) == 1:
                if again and isinstance(error, IntegrityError):
                    # Another process may have stored the same at the same moment; this time its row is seen.
                    self._process(units, again=False)
                    return
                units[0].error = error
                self._deliver(units, set())
                return
            RERUNS.inc()
            log.warning("writer.batch_rerun", extra={"units": len(units), "error": repr(error)[:200]})
            for unit in units:
                unit.result = unit.error = None
                self._process([unit])
            return
        BATCH_SIZE.observe(len(units))
        COMMIT_SECONDS.observe(monotonic() - started)
        for series, amount in batch.counts.items():
            series.inc(amount)
        for callback in batch.callbacks:
            try:
                callback()
            except Exception:
                log.exception("writer.callback_failed")
        self._deliver(units, batch.topics)

    def _commit(self, units: list[_Unit]) -> Batch:
        """Run the units in one transaction; wait for ever for a database that is away, since nothing may be lost."""
        attempts = 0
        while True:
            batch = _local.batch = Batch(collects=self.batch_max > 1)
            committing = False
            try:
                with transaction.atomic():
                    for unit in units:
                        begin_trace("")
                        unit.result = unit.work()
                    if batch.collects:
                        for table, rows in batch.rows.items():
                            table.write(rows)
                    committing = True
            except (OperationalError, InterfaceError) as error:
                # A deadlock, a lock that did not come free, a server that restarts: the units are whole, try again.
                # A single unit that keeps failing on a live database is at fault itself and gets its error.
                attempts += 1
                if committing and self._has_committed(batch):
                    return batch
                if self._database_answers() and (len(units) > 1 or attempts > 5):
                    raise
                WAITS.inc()
                if self.database_failing_since is None:
                    self.database_failing_since = monotonic()
                    log.error(
                        "writer.database_away", extra={"error": repr(error)[:200], "queued": self.depth}
                    )
                sleep(self.retry_seconds)
            else:
                if self.database_failing_since is not None:
                    log.warning(
                        "writer.database_back", extra={"seconds": monotonic() - self.database_failing_since}
                    )
                    self.database_failing_since = None
                return batch
            finally:
                _local.batch = None

    def _has_committed(self, batch: Batch) -> bool:
        """Whether a batch is in the store although its COMMIT was not answered; if so, it must not run twice.

        Its bulk rows tell, since each has an id of its own. A batch without any only changes rows, and may run twice.
        """
        for table, rows in batch.rows.items():
            while not self._database_answers():
                WAITS.inc()
                sleep(self.retry_seconds)
            with suppress(OperationalError, InterfaceError):
                return table.holds(rows[0])
        return False

    @staticmethod
    def _database_answers() -> bool:
        try:
            connection.close_if_unusable_or_obsolete()
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except Exception:
            with suppress(Exception):
                connection.close()
            return False
        return True

    def _deliver(self, units: list[_Unit], topics: set[str]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Unit]] = {}
        for unit in units:
            by_loop.setdefault(unit.loop, []).append(unit)
        for loop, group in by_loop.items():
            with suppress(RuntimeError):  # the loop has been closed: there is nobody left to tell
                loop.call_soon_threadsafe(self._on_loop, group, topics)
            topics = set()

    def _on_loop(self, units: list[_Unit], topics: set[str]) -> None:
        for unit in units:
            try:
                unit.done(unit.result, unit.error)
            except Exception:
                log.exception("writer.done_failed")
        if topics and self._publish is not None:
            self._publish(topics)
