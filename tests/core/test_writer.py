"""Group commit: order, isolation of bad units, replies after the commit, and a database that goes away."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from csms.core.bulk_tables import BulkTable
from csms.core.events.models import EVENTS, Event
from csms.core.ids import uuid7_text
from csms.core.writer import Writer, WriterClosed, WriterFull, after_commit, current_batch
from transactions.models import METER_VALUES, IdToken, MeterValue

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def writer() -> Iterator[Writer]:
    writer = Writer(batch_max=64, queue_max=1000, retry_seconds=0.05)
    yield writer
    writer.close(10)


def keep(name: str) -> Callable[[], str]:
    """A unit that makes a row and a bulk row."""

    def unit() -> str:
        IdToken.objects.create(id_token=name, created_at=NOW)
        EVENTS.add(uuid7_text(), name, 1, "", NOW, NOW, "", 0, "{}")
        return name

    return unit


def elsewhere(look: Callable[[], Any]) -> Any:
    """What another database connection sees."""
    seen: list[Any] = []

    def run() -> None:
        try:
            seen.append(look())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    return seen[0]


def tokens() -> list[str]:
    return elsewhere(lambda: list(IdToken.objects.order_by("pk").values_list("id_token", flat=True)))


def events() -> list[str]:
    return elsewhere(lambda: list(Event.objects.order_by("pk").values_list("type", flat=True)))


class Gate:
    """Holds the writer in a unit, so that what follows queues up into one batch."""

    def __init__(self, writer: Writer) -> None:
        self.opened = threading.Event()
        self.future = asyncio.ensure_future(writer.run(lambda: self.opened.wait(30)))

    async def open(self) -> None:
        await asyncio.sleep(0)
        self.opened.set()
        await self.future


async def test_units_are_run_and_answered_in_the_order_of_their_submission(writer: Writer):
    answered: list[str] = []
    names = [f"T{n:03}" for n in range(300)]
    last = asyncio.get_running_loop().create_future()
    for name in names:
        writer.submit(keep(name), lambda result, error: answered.append(result))
    writer.submit(lambda: None, lambda result, error: last.set_result(None))
    await last
    assert answered == names
    assert tokens() == names
    assert events() == names


async def test_a_reply_leaves_only_after_its_commit(writer: Writer):
    seen: list[tuple[str, bool]] = []
    gate = Gate(writer)
    done = asyncio.get_running_loop().create_future()

    def answered(result: str, error: BaseException | None) -> None:
        seen.append((result, result in tokens()))
        if len(seen) == 5:
            done.set_result(None)

    for n in range(5):
        writer.submit(keep(f"T{n}"), answered)
    await gate.open()
    await done
    assert seen == [(f"T{n}", True) for n in range(5)]


@pytest.mark.parametrize("bad", ["raises", "breaks a constraint", "spoils a bulk row"])
async def test_one_bad_unit_costs_no_other_its_commit(writer: Writer, bad: str):
    def raises() -> None:
        IdToken.objects.create(id_token="half", created_at=NOW)
        raise ValueError("bad")

    def breaks() -> None:
        IdToken.objects.create(id_token="half", created_at=NOW)
        IdToken.objects.create(id_token="HALF", created_at=NOW)

    def spoils() -> None:
        IdToken.objects.create(id_token="half", created_at=NOW)
        EVENTS.add(None, "spoilt", 1, "", NOW, NOW, "", 0, "{}")

    unit = {"raises": raises, "breaks a constraint": breaks, "spoils a bulk row": spoils}[bad]
    called: list[str] = []
    gate = Gate(writer)
    good = [asyncio.ensure_future(writer.run(keep(f"T{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    wrong = asyncio.ensure_future(writer.run(unit))

    def last() -> None:
        after_commit(lambda: called.append("after"))
        keep("T9")()

    good.append(asyncio.ensure_future(writer.run(last)))
    await asyncio.sleep(0)
    await gate.open()
    await asyncio.gather(*good)
    with pytest.raises(Exception, match=r".+"):
        await wrong
    assert tokens() == ["T0", "T1", "T2", "T9"]
    assert events() == ["T0", "T1", "T2", "T9"]
    assert called == ["after"], "what a rolled-back run asked for is not done, and the rerun's only once"


async def test_a_row_that_another_process_stored_first_is_seen_in_a_second_look(writer: Writer):
    """Two processes, one start: the unique key lets one in, and the other finds what it made."""
    looks: list[bool] = []

    def start() -> bool:
        known = IdToken.objects.filter(id_token="same").exists()
        looks.append(known)
        if not known and len(looks) == 1:
            from django.db import IntegrityError

            raise IntegrityError("somebody was first")
        return known

    await writer.run(start)
    assert looks == [False, False]


async def test_a_commit_whose_answer_was_lost_is_not_run_twice(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
):
    happened: list[str] = []

    def unit() -> str:
        happened.append("run")
        return keep("once")()

    def prepare() -> None:  # in the writer's thread, on its connection
        commit = connection._commit

        def commit_and_lose() -> None:
            commit()
            monkeypatch.undo()
            happened.append("lost")
            raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(connection, "_commit", commit_and_lose)

    await writer.run(lambda: after_commit(prepare))
    assert await writer.run(unit) == "once"
    assert happened == ["run", "lost"]
    assert events() == ["once"]


async def test_a_full_queue_refuses_and_run_waits_its_turn():
    writer = Writer(batch_max=1, queue_max=3, retry_seconds=0.05)
    gate = Gate(writer)
    await asyncio.sleep(0.05)
    while writer.depth < 3:
        writer.submit(lambda: None, lambda result, error: None)
    with pytest.raises(WriterFull):
        writer.submit(lambda: None, lambda result, error: None)
    waiting = asyncio.ensure_future(writer.run(keep("patient")))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await gate.open()
    assert await waiting == "patient"
    assert writer.close(10)


async def test_closing_commits_what_is_queued_and_takes_no_more(writer: Writer):
    gate = Gate(writer)
    done: list[str] = []
    for n in range(100):
        writer.submit(keep(f"T{n:02}"), lambda result, error: done.append(result))
    await gate.open()
    assert await asyncio.to_thread(writer.close, 20)
    assert len(tokens()) == 100
    await asyncio.sleep(0)
    assert len(done) == 100
    with pytest.raises(WriterClosed):
        writer.submit(lambda: None, lambda result, error: None)
    assert writer.close(1), "again, and nothing happens"


async def test_a_cancelled_waiter_disturbs_nobody(writer: Writer):
    gate = Gate(writer)
    impatient = asyncio.ensure_future(writer.run(keep("done anyway")))
    await asyncio.sleep(0)
    impatient.cancel()
    other = asyncio.ensure_future(writer.run(keep("other")))
    await asyncio.sleep(0)
    await gate.open()
    assert await other == "other"
    assert tokens() == ["done anyway", "other"]


async def test_outside_the_writer_rows_and_callbacks_go_with_the_callers_transaction(db: None):
    called: list[str] = []

    def caller() -> None:
        with transaction.atomic():
            keep("direct")()
            after_commit(lambda: called.append("after"))
            assert current_batch() is None
            assert not called

    elsewhere(caller)
    assert called == ["after"]
    assert events() == ["direct"]


# --- the database goes away -----------------------------------------------------------------


@pytest.mark.postgres_only
async def test_a_terminated_connection_loses_nothing(writer: Writer):
    def pid() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return cursor.fetchone()[0]

    def terminate(backend: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [backend])

    first = await writer.run(pid)
    gate = Gate(writer)
    names = [f"T{n:02}" for n in range(20)]
    waiting = [asyncio.ensure_future(writer.run(keep(name))) for name in names]
    await asyncio.sleep(0)
    elsewhere(lambda: terminate(first))
    await gate.open()
    assert await asyncio.gather(*waiting) == names
    assert tokens() == names
    assert events() == names
    assert await writer.run(pid) != first


async def test_a_database_that_is_away_is_waited_for(writer: Writer):
    away = threading.Event()
    away.set()

    def block(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if away.is_set():
            raise OperationalError("connection refused")
        return execute(sql, params, many, context)

    def install() -> None:
        connection.execute_wrappers.append(block)

    await writer.run(lambda: after_commit(install))
    waiting = [asyncio.ensure_future(writer.run(keep(f"T{n}"))) for n in range(5)]
    deadline = time.monotonic() + 10
    while writer.database_failing_since is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)  # many attempts: none of them is the last
    assert not any(w.done() for w in waiting)
    away.clear()
    assert await asyncio.gather(*waiting) == [f"T{n}" for n in range(5)]
    assert writer.database_failing_since is None
    assert events() == [f"T{n}" for n in range(5)]


async def test_a_unit_that_a_living_database_keeps_refusing_gets_its_error(writer: Writer):
    def never() -> None:
        raise OperationalError("this one never works")

    before = time.monotonic()
    with pytest.raises(OperationalError, match="never works"):
        await writer.run(never)
    assert time.monotonic() - before < 30
    assert await writer.run(keep("next")) == "next"


# --- rows in bulk ------------------------------------------------------------------------------


HOSTILE = [
    "plain",
    "",
    "\t\n\r\\ \\N \\. \\t",
    "\\N",
    "\\.",
    "a\x0bb\x08c\x1fd\x7f",
    "'\"`;--$1%s{}",
    "Zażółć 桩 💥 \u202e \ufeff",
    "x" * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_comes_back_as_it_was_given(text: str):
    EVENTS.write([(uuid7_text(), "t", 1, text[:255], NOW, NOW, "", 0, text)])
    event = Event.objects.get()
    assert event.payload == text
    assert (event.occurred_at, event.recorded_at) == (NOW, NOW)


def test_nul_harms_no_neighbour():
    """PostgreSQL stores no NUL; the protocol leaves it out before, and this is the net below."""
    EVENTS.write([(uuid7_text(), "t", 1, "", NOW, NOW, "", 0, p) for p in ("a", "b\x00c", "d")])
    stored = list(Event.objects.order_by("pk").values_list("payload", flat=True))
    assert (stored[0], stored[2]) == ("a", "d")
    assert stored[1].replace("\ufffd", "\x00") == "b\x00c"


@pytest.mark.parametrize("missing", [True, False])
def test_numbers_and_nothing_come_back_exactly(missing: bool):
    pk = uuid7_text()
    figures: tuple[Any, ...] = (
        (None, None, False, None, None, None) if missing else (-(2**63), 1.25e-7, True, -0.1, 230.0, 100.0)
    )
    METER_VALUES.write([(pk, 7, 2**31 - 1, None, "", NOW, NOW, False, "", *figures, "[]")])
    row = MeterValue.objects.get()
    assert str(row.pk) == pk
    stored = (
        row.energy_wh,
        row.power_w,
        row.power_derived,
        row.current_a,
        row.voltage_v,
        row.soc_percent,
    )
    assert stored == figures
    assert row.transaction_id is None


def test_a_batch_is_written_whole_or_not_at_all():
    table = BulkTable(
        Event, ("id", "type", "schema_version", "cp_id", "occurred_at", "recorded_at", "payload")
    )
    same = uuid7_text()
    with pytest.raises(Exception, match=r".+"), transaction.atomic():
        table.write([(same, "t", 1, "", NOW, NOW, ""), (same, "t", 1, "", NOW, NOW, "")])
    assert not Event.objects.exists()
