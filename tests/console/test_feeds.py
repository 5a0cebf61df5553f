"""What is read for those who follow, and what each is told: both races forced, and no socket that is slow a burden."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from django.db import OperationalError

from console import feeds
from console.feeds import FOLLOWED, ROWS_MAX, Follower, Found, Refused, Row
from csms.core import live
from tests.support.charger import eventually


def row(key: str, value: Any = 0, **unsteady: Any) -> Row:
    mark = orjson.dumps({"id": key, "value": value})
    return Row(key, mark, orjson.dumps({"id": key, "value": value, **unsteady}))


class Store:
    """A source whose reads can be held between what they saw and what they return."""

    key, grows, pause, look = "id", False, 0.0, 600.0
    topics = frozenset({"fleet"})

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.reads = 0
        self.holding = False
        self.seen, self.go = threading.Event(), threading.Event()
        self.error: Exception | None = None
        self.skipped = False

    def read(self) -> Found:
        self.reads += 1
        if self.error is not None:
            raise self.error
        found, skipped = list(self.rows), self.skipped
        if self.grows:
            self.rows, self.skipped = [], False
        if self.holding:
            self.seen.set()
            assert self.go.wait(20)
        return Found(found, skipped=skipped)

    def failed(self) -> None:
        pass

    def hold(self) -> None:
        self.holding = True
        self.seen.clear()
        self.go.clear()

    def release(self) -> None:
        self.holding = False
        self.go.set()


class Growing(Store):
    grows = True


class Reader:
    """The other end: it takes what it is told when it wants to, and folds it onto what it has, as live.js does."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.follower: Follower | None = None
        self.rows: dict[str, Any] = {}
        self.messages: list[dict[str, Any]] = []

    async def follow(self, store: Store, name: bytes = b"q") -> "Reader":
        self.follower = await FOLLOWED.follow(name, lambda: store, 1, self.woken.set)
        return self

    def take(self) -> dict[str, Any] | None:
        assert self.follower is not None
        words = self.follower.words()
        if words is None:
            return None
        message: dict[str, Any] = orjson.loads(orjson.dumps(words))
        self.messages.append(message)
        if "snapshot" in message:
            assert message["seq"] == 0
            self.rows = {one["id"]: one for one in message["snapshot"]}
        for change in message.get("changes", ()):
            if "remove" in change:
                del self.rows[change["remove"]]
            else:
                new = change.get("upsert") or change["append"]
                self.rows[new["id"]] = new
        if "order" in message:
            self.rows = {key: self.rows[key] for key in message["order"]}
        numbers = [m["seq"] for m in self.messages if "seq" in m]
        last = max(i for i, n in enumerate(numbers) if n == 0) if 0 in numbers else 0
        assert numbers[last:] == list(range(len(numbers) - last))
        return message

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while (message := self.take()) is None:
                await self.woken.wait()
                self.woken.clear()
        return message

    @property
    def values(self) -> dict[str, Any]:
        return {key: one["value"] for key, one in self.rows.items()}

    @property
    def rests(self) -> bool:
        """Whether what it follows has been read, and nothing is there to make it be read again."""
        assert self.follower is not None
        feed = self.follower.feed
        return feed.begun == feed.done and not feed._rung.is_set() and not feed._more

    def part(self) -> None:
        assert self.follower is not None
        FOLLOWED.part(self.follower)


@pytest.fixture(autouse=True)
async def _nobody_stays() -> AsyncIterator[None]:
    yield
    for feed in list(FOLLOWED._feeds.values()):
        for follower in list(feed.followers):
            FOLLOWED.part(follower)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "COALESCE_SECONDS", 0.0)
    monkeypatch.setattr(feeds, "AGAIN", 0.01)
    monkeypatch.setattr(feeds, "THOROUGH", 0.0)


def ring(*topics: str) -> None:
    FOLLOWED._heard(frozenset(topics or ("fleet",)))


# --- the two races ----------------------------------------------------------------------------------------------------


async def test_a_read_that_is_held_while_a_newer_change_comes_reverts_and_loses_nothing() -> None:
    store = Store()
    store.rows = [row("CP1", "Available")]
    reader = await Reader().follow(store)
    await reader.next()
    store.hold()
    store.rows = [row("CP1", "Preparing")]
    ring()
    await asyncio.to_thread(store.seen.wait, 20)  # it has seen Preparing, and is on its way
    store.rows = [row("CP1", "Charging")]
    ring()
    store.release()
    told = []
    while reader.values != {"CP1": "Charging"}:
        await reader.next()
        told.append(reader.values["CP1"])
    assert told in (["Preparing", "Charging"], ["Charging"])
    await eventually(lambda: store.reads == 3)
    assert reader.take() is None


async def test_who_joins_while_an_older_read_is_held_is_not_answered_from_it() -> None:
    store = Store()
    store.rows = [row("CP1", "Available")]
    first = await Reader().follow(store)
    await first.next()
    store.hold()
    ring()
    await asyncio.to_thread(store.seen.wait, 20)
    store.rows = [row("CP1", "Faulted")]  # committed, and on the second one's page already
    second = await Reader().follow(store)
    store.release()
    message = await second.next()
    assert message["snapshot"] == [{"id": "CP1", "value": "Faulted"}]


async def test_of_two_changes_at_the_same_row_the_later_is_what_stays_however_slowly_one_takes_them() -> None:
    store = Store()
    store.rows = [row("CP1", 0), row("CP2", 0)]
    quick, slow = await Reader().follow(store), await Reader().follow(store)
    await quick.next()
    await slow.next()
    for n in range(1, 6):
        store.rows = [row("CP1", n), row("CP2", 0)]
        ring()
        await quick.next()
    assert [m["changes"][0]["upsert"]["value"] for m in quick.messages[1:]] == [1, 2, 3, 4, 5]
    # The slow one is told what is so now, in one message, and misses no number.
    message = await slow.next()
    assert message["changes"] == [{"upsert": {"id": "CP1", "value": 5}}]
    assert slow.take() is None


# --- reads ------------------------------------------------------------------------------------------------------------


async def test_two_hundred_changes_during_a_read_make_one_more_read() -> None:
    store = Store()
    store.rows = [row("CP1", 0)]
    reader = await Reader().follow(store)
    await reader.next()
    assert store.reads == 1
    store.hold()
    ring()
    await asyncio.to_thread(store.seen.wait, 20)
    for n in range(200):
        store.rows = [row("CP1", n)]
        ring()
    store.release()
    while reader.values != {"CP1": 199}:
        await reader.next()
    assert reader.rests
    assert store.reads == 3


async def test_a_hundred_pages_that_ask_the_same_are_read_for_once() -> None:
    store = Store()
    store.rows = [row("CP1", 0)]
    store.hold()
    readers = [await Reader().follow(store) for _ in range(100)]
    await asyncio.to_thread(store.seen.wait, 20)
    store.release()
    for reader in readers:
        await reader.next()
    assert store.reads <= 2
    before = store.reads
    store.rows = [row("CP1", 1)]
    ring()
    for reader in readers:
        await reader.next()
        assert reader.values == {"CP1": 1}
    assert store.reads == before + 1


async def test_between_two_reads_there_is_a_pause_that_grows_with_what_a_read_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    store = Store()
    reader = await Reader().follow(store)
    store.hold()
    await asyncio.to_thread(store.seen.wait, 20)
    await asyncio.to_thread(threading.Event().wait, 0.1)  # it takes so long at least
    monkeypatch.setattr(feeds.asyncio, "sleep", noted)
    store.release()
    await reader.next()
    ring()
    await eventually(lambda: store.reads == 2)
    monkeypatch.undo()
    assert max(pauses) >= 0.1


async def test_a_bell_of_something_else_reads_nothing_and_a_lost_one_reads_everything() -> None:
    store = Store()
    store.rows = [row("CP1", 0)]
    reader = await Reader().follow(store)
    await reader.next()
    ring("transactions", "charge-point:9")
    store.rows = [row("CP1", 1)]
    assert reader.rests
    assert (store.reads, reader.take()) == (1, None)
    FOLLOWED._heard(None)
    assert not reader.rests
    await reader.next()
    assert reader.values == {"CP1": 1}


async def test_who_has_left_costs_nothing() -> None:
    store = Store()
    reader = await Reader().follow(store)
    await reader.next()
    task = reader.follower.feed.task  # type: ignore[union-attr]
    reader.part()
    assert FOLLOWED._feeds == {}
    await eventually(lambda: task is not None and task.done())
    ring()
    assert store.reads == 1


# --- rows that come and go --------------------------------------------------------------------------------------------


async def test_rows_come_change_move_and_go() -> None:
    store = Store()
    store.rows = [row("A"), row("B"), row("C")]
    reader = await Reader().follow(store)
    assert list((await reader.next())["snapshot"]) == [{"id": k, "value": 0} for k in "ABC"]
    store.rows = [row("D"), row("A"), row("C", 1)]
    ring()
    message = await reader.next()
    assert {"remove": "B"} in message["changes"]
    assert len(message["changes"]) == 3
    assert list(reader.rows) == ["D", "A", "C"]
    assert reader.values == {"D": 0, "A": 0, "C": 1}
    store.rows = [row("A"), row("C", 1), row("D")]
    ring()
    assert (await reader.next())["changes"] == []
    assert list(reader.rows) == ["A", "C", "D"]


async def test_what_changes_without_end_is_told_with_something_else_or_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds, "THOROUGH", 600.0)
    store = Store()
    store.rows = [row("A", seen=1), row("B", seen=1)]
    reader = await Reader().follow(store)
    await reader.next()
    store.rows = [row("A", seen=2), row("B", 1, seen=2)]
    ring()
    assert (await reader.next())["changes"] == [{"upsert": {"id": "B", "value": 1, "seen": 2}}]
    joined = await Reader().follow(store)
    assert (await joined.next())["snapshot"][0] == {"id": "A", "value": 0, "seen": 2}


# --- rows that only come ----------------------------------------------------------------------------------------------


async def test_rows_that_only_come_come_once_in_order() -> None:
    store = Growing()
    store.rows = [row("1"), row("2")]
    reader = await Reader().follow(store)
    await reader.next()
    store.rows = [row("3"), row("4")]
    ring()
    await reader.next()
    store.rows = [row("5")]
    ring()
    await reader.next()
    assert list(reader.rows) == ["1", "2", "3", "4", "5"]
    assert sum(len(m.get("changes", ())) for m in reader.messages) == 3
    late = await Reader().follow(store)
    assert [one["id"] for one in (await late.next())["snapshot"]] == ["1", "2", "3", "4", "5"]


async def test_who_is_too_slow_for_what_comes_is_told_to_begin_anew_and_that_some_is_missing() -> None:
    store = Growing()
    slow = await Reader().follow(store)
    await slow.next()
    for batch in range(3):
        store.rows = [row(f"{batch}-{n}") for n in range(ROWS_MAX)]
        count = slow.follower.feed.count  # type: ignore[union-attr]
        ring()
        await eventually(lambda count=count: slow.follower.feed.count == count + ROWS_MAX)  # type: ignore[union-attr]
    message = await slow.next()
    assert len(message["snapshot"]) == ROWS_MAX
    assert message["skipped"] is True
    assert slow.take() is None


async def test_what_was_left_out_is_said_once() -> None:
    store = Growing()
    reader = await Reader().follow(store)
    await reader.next()
    store.rows, store.skipped = [row("9")], True
    ring()
    assert (await reader.next())["skipped"] is True
    store.rows = [row("10")]
    ring()
    assert "skipped" not in await reader.next()


# --- what goes wrong --------------------------------------------------------------------------------------------------


async def test_a_database_that_cannot_be_read_is_said_and_what_comes_after_is_caught_up_with() -> None:
    store = Store()
    store.rows = [row("CP1", 0)]
    reader = await Reader().follow(store)
    await reader.next()
    store.error = OperationalError("the database is away")
    ring()
    assert await reader.next() == {"id": 1, "stale": True}
    before = store.reads
    await eventually(lambda: store.reads > before + 2)
    assert reader.take() is None  # it is said once
    store.error = None
    store.rows = [row("CP1", 1)]
    await reader.next()
    assert reader.values == {"CP1": 1}


async def test_even_without_a_change_it_is_said_that_the_database_is_back() -> None:
    store = Store()
    reader = await Reader().follow(store)
    await reader.next()
    store.error = RuntimeError("a bug")
    ring()
    assert await reader.next() == {"id": 1, "stale": True}
    store.error = None
    assert await reader.next() == {"id": 1, "seq": 1, "key": "id", "changes": []}


async def test_a_question_without_an_answer_is_refused_and_not_asked_again() -> None:
    store = Store()
    store.error = Refused("unknown_charge_point", "there is none")
    reader = await Reader().follow(store)
    error = {"code": "unknown_charge_point", "message": "there is none"}
    assert await reader.next() == {"id": 1, "error": error}
    second = await Reader().follow(store)  # before the first one has left
    assert second.woken.is_set()
    assert second.take() == {"id": 1, "error": error}
    task = reader.follower.feed.task  # type: ignore[union-attr]
    assert task is not None
    await asyncio.wait_for(task, 20)  # there is nobody left who would read
    ring()
    assert store.reads == 1


async def test_too_many_different_questions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "FEEDS_MAX", 2)
    await Reader().follow(Store(), b"1")
    await Reader().follow(Store(), b"2")
    await Reader().follow(Store(), b"2")
    with pytest.raises(Refused, match="try again later"):
        await Reader().follow(Store(), b"3")
