"""What the stream is made of: the tail in memory, the seam to the database, heartbeats, and who may not stay."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.db import DatabaseError, connection, connections
from django.test import Client as Browser

from csms.core.access.models import ApiToken
from csms.core.access.services import create_api_token, revoke_api_token
from csms.core.access.staying import Guest, unwelcome
from csms.core.events import reading, stream, tail
from csms.core.events.models import Event, Reader
from csms.core.events.numbering import NAME, number_events
from csms.core.events.reading import Wanted
from csms.core.events.services import record
from csms.core.events.stream import Client, EventStream, Followers, Full
from csms.core.events.tail import Line, Tail, news
from csms.handler import OneThread

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PATIENCE = 60.0


def line(position: int, text: bytes = b"x") -> Line:
    return Line(position, "cp.boot", "CP16", NOON, text)


def lines(first: int, last: int) -> list[Line]:
    return [line(position) for position in range(first, last + 1)]


# --- the tail ---------------------------------------------------------------------------------------------------------


def there(tail: Tail, position: int) -> list[int] | None:
    found = tail.after(position)
    return None if found is None else [each.position for each in found]


def test_the_tail_has_what_is_behind_a_position_or_says_that_it_has_not() -> None:
    tail = Tail(lines_max=3)
    assert there(tail, 0) is None  # it has not begun
    tail.begin(10)
    assert [there(tail, position) for position in (9, 10, 11)] == [None, [], []]
    tail.add(lines(11, 12))
    assert [there(tail, position) for position in (9, 10, 11, 12, 13)] == [None, [11, 12], [12], [], []]
    tail.add(lines(13, 14))
    assert [there(tail, position) for position in (10, 11, 13, 14)] == [None, [12, 13, 14], [14], []]
    assert (tail.low, tail.high) == (11, 14)


def test_the_tail_is_bounded_by_its_size_too() -> None:
    tail = Tail(bytes_max=100)
    tail.begin(0)
    tail.add([line(1, b"x" * 60), line(2, b"x" * 60)])
    assert [there(tail, position) for position in (0, 1)] == [None, [2]]
    tail.add([line(3, b"x" * 1000)])
    assert [there(tail, position) for position in (2, 3)] == [None, []]
    tail.add([line(4)])
    assert there(tail, 3) == [4]


def test_what_was_removed_before_it_was_read_is_a_gap_that_the_database_must_tell_of() -> None:
    tail = Tail()
    tail.begin(0)
    tail.add(lines(1, 2))
    tail.add(lines(5, 6))
    assert [there(tail, position) for position in (0, 2, 4, 5)] == [None, None, [5, 6], [6]]


async def test_a_change_wakes_those_who_looked_before_it() -> None:
    tail = Tail()
    moved = tail.moved
    tail.begin(0)
    assert moved.is_set()
    moved = tail.moved
    tail.add([])
    assert not moved.is_set()
    tail.add([line(1)])
    assert moved.is_set()


@pytest.mark.django_db
def test_an_event_is_one_message_whatever_is_in_it() -> None:
    payload = {"text": "a\nb\r\nc\u2028d\x00"}
    record("cp.boot", "CP16", payload, occurred_at=NOON)
    Event.objects.update(payload='{\n"text":\r\n"x"}')  # as nobody writes it
    number_events(now=NOON)
    last, [found] = tail.news(0)
    assert (last, found.position) == (1, 1)
    head, *data, end, rest = found.text.split(b"\n")[1:]
    assert (head, end, rest) == (b"event: cp.boot", b"", b"")
    assert all(each.startswith(b"data: ") for each in data)
    assert b"\r" not in found.text


# --- following --------------------------------------------------------------------------------------------------------


def told(number: int, type: str = "cp.boot") -> None:
    for _ in range(number):
        record(type, "CP16", {}, occurred_at=NOON)
    while number_events(now=NOON):
        pass


@pytest.fixture
def followers() -> Iterator[Followers]:
    """The clients of a process of their own."""
    yield Followers()
    stream.CLIENTS.set_function(lambda: len(stream.FOLLOWERS.clients()))


@asynccontextmanager
async def follows(
    followers: Followers, position: int = 0, wanted: Wanted | None = None
) -> AsyncIterator[tuple[Client, AsyncIterator[bytes]]]:
    client = followers.admit(Client(position, wanted or Wanted(), Guest()), most=10)
    chunks = followers.follow(client)
    assert b"retry: " in await anext(chunks)
    try:
        yield client, chunks
    finally:
        client.end("left")
        followers.part(client)
        await chunks.aclose()  # type: ignore[attr-defined]
        if followers._work is not None:
            await asyncio.wait_for(followers._work, PATIENCE)


async def collected(chunks: AsyncIterator[bytes], number: int) -> list[int]:
    """The positions of so many events."""
    found: list[int] = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < number:
            text = (await anext(chunks)).decode()
            found += [
                int(part.partition("\n")[0].removeprefix("id: "))
                for part in text.split("\n\n")
                if "data: " in part
            ]
    return found


in_threads = pytest.mark.django_db(transaction=True)


async def in_thread(work: Any, *args: Any) -> Any:
    def done() -> Any:
        try:
            return work(*args)
        finally:
            connection.close()

    return await asyncio.to_thread(done)


@in_threads
async def test_from_the_database_over_the_seam_to_the_tail_and_back(
    followers: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tail of three events and pages of two: whoever follows changes between them all the time."""
    monkeypatch.setattr(stream, "Tail", lambda: Tail(lines_max=3))
    monkeypatch.setattr(stream, "PAGE", 2)
    await in_thread(told, 20)
    async with follows(followers) as (client, chunks):
        found = await collected(chunks, 20)
        for number in (1, 2, 7, 1, 30):
            await in_thread(told, number)
            found += await collected(chunks, number)
    assert found == list(range(1, 62))
    assert client.position == 61


@in_threads
async def test_what_goes_while_it_is_needed_is_told_and_ends_the_stream(
    followers: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PAGE", 2)
    await in_thread(told, 10)
    async with follows(followers) as (client, chunks):
        assert await collected(chunks, 2) == [1, 2]
        await in_thread(lambda: Event.objects.filter(position__lte=6).delete())
        text = (await anext(chunks)).decode()
        assert text.startswith("event: error\ndata: {"), text
        assert '"code":"cursor_gone"' in text
        assert '"oldest":"6"' in text
        assert not text.startswith("id:")
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)
        assert client.ended == "gone"


@in_threads
async def test_another_state_of_the_store_ends_all_streams(followers: Followers) -> None:
    """A backup that is played in gives the same positions to other events."""
    await in_thread(told, 5)
    async with follows(followers, 5) as (client, chunks):
        await in_thread(told, 1)
        assert await collected(chunks, 1) == [6]
        await in_thread(lambda: Reader.objects.filter(pk=NAME).update(position=3))
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(StopAsyncIteration):
                await anext(chunks)
        assert client.ended == "gone"


@in_threads
async def test_another_state_of_the_store_ends_those_who_came_further_before_the_tail_began(
    followers: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were brought forward by pages; the tail begins behind them and would let them wait for ever."""
    looked = threading.Event()

    def late(after: int | None) -> Any:
        looked.wait(PATIENCE)
        return news(after)

    monkeypatch.setattr(stream, "news", late)
    await in_thread(told, 5)
    async with follows(followers, 3) as (client, chunks):
        assert await collected(chunks, 2) == [4, 5]
        await in_thread(lambda: Reader.objects.filter(pk=NAME).update(position=3))
        looked.set()
        async with asyncio.timeout(PATIENCE):
            while not (followers._tail and followers._tail.ready):
                await asyncio.sleep(0.01)
            assert client.ended is None  # it may have been read before the store changed: the next look tells
            with pytest.raises(StopAsyncIteration):
                await anext(chunks)
        assert client.ended == "gone"


@in_threads
@pytest.mark.parametrize("error", [DatabaseError, RuntimeError])
async def test_a_tail_that_cannot_be_read_for_a_while_ends_nothing(
    followers: Followers, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(stream, "AGAIN", 0.01)
    failures = iter(range(4))

    def failing(work: Any, error: type[Exception]) -> Any:
        def fails(*args: Any, **options: Any) -> Any:
            if next(failures, None) is not None:
                raise error("it is away")
            return work(*args, **options)

        return fails

    await in_thread(told, 3)
    monkeypatch.setattr(stream, "news", failing(stream.news, error))
    monkeypatch.setattr(stream, "read_on", failing(stream.read_on, DatabaseError))
    async with follows(followers) as (_, chunks):
        assert await collected(chunks, 3) == [1, 2, 3]
        await in_thread(told, 2)
        assert await collected(chunks, 2) == [4, 5]


@in_threads
async def test_heartbeats_move_the_cursor_past_what_others_want(
    followers: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.05)
    await in_thread(told, 3)
    async with follows(followers, 3, Wanted(types=frozenset({"tx.started"}))) as (client, chunks):
        async with asyncio.timeout(PATIENCE):
            assert await anext(chunks) == b":\n\n"
            await in_thread(told, 2)
            while (text := await anext(chunks)) == b":\n\n":
                pass
            while client.position < 5:
                text = await anext(chunks)
            while text != b":\nid: 5\n\n":
                text = await anext(chunks)
            assert await anext(chunks) == b":\n\n"
        await in_thread(told, 1, "tx.started")
        assert await collected(chunks, 1) == [6]


@in_threads
async def test_the_tail_is_read_only_while_somebody_follows(
    followers: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def news(after: int | None) -> Any:
        asked.append(after)
        return tail.news(after)

    monkeypatch.setattr(stream, "news", news)
    async with follows(followers):
        async with asyncio.timeout(PATIENCE):
            while len(asked) < 2:
                await asyncio.sleep(0.01)
    number = len(asked)  # the reader has ended
    await in_thread(told, 2)
    async with follows(followers, 0) as (_, chunks):
        assert await collected(chunks, 2) == [1, 2]
    assert len(asked) > number
    assert asked[number] is None  # it begins anew


@in_threads
async def test_connections_to_the_database_are_let_go_of_in_between(followers: Followers) -> None:
    def open_ones() -> bool:
        return any(each.connection is not None for each in connections.all(initialized_only=True))

    await in_thread(told, 1)
    async with follows(followers) as (_, chunks):
        assert await collected(chunks, 1) == [1]
        for pool in (stream._TAIL, stream._PAGES):
            assert not await asyncio.wrap_future(pool.submit(open_ones))


def test_there_are_so_many_clients_and_none_when_the_server_ends(followers: Followers) -> None:
    clients = [followers.admit(Client(0, Wanted(), Guest()), most=2) for _ in range(2)]
    with pytest.raises(Full):
        followers.admit(Client(0, Wanted(), Guest()), most=2)
    clients.pop()  # one whose request was lost before its stream began
    clients.append(followers.admit(Client(0, Wanted(), Guest()), most=2))
    followers.part(clients[0])
    followers.part(clients[0])
    assert followers.clients() == [clients[1]]
    followers.drain()
    assert clients[1].ended == "drain"
    with pytest.raises(Full):
        followers.admit(Client(0, Wanted(), Guest()), most=2)
    followers.open()
    followers.admit(Client(0, Wanted(), Guest()), most=2)


def closed(reason: str) -> float:
    return float(stream.CLOSED.labels(reason)._value.get())


@in_threads
async def test_who_takes_nothing_is_parted_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "STALL", 0.05)
    before = closed("slow")
    client = stream.FOLLOWERS.admit(Client(0, Wanted(), Guest()), most=1000)
    sent: list[Any] = []

    async def stuck(message: Any) -> None:
        sent.append(message)
        if len(sent) > 1:
            await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE):
        await OneThread().send_response(EventStream(client), stuck)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert client not in stream.FOLLOWERS.clients()
    assert closed("slow") == before + 1


@in_threads
async def test_who_may_not_stay_is_parted_from(followers: Followers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "GUESTS", 0.0)
    token, _ = await in_thread(lambda: create_api_token("backend", scopes=["read"], now=NOON))
    async with follows(followers) as (client, chunks):
        client.guest = Guest(token_id=token.pk)
        await in_thread(told, 1)
        assert await collected(chunks, 1) == [1]
        await in_thread(lambda: revoke_api_token("backend", now=NOON))
        async with asyncio.timeout(PATIENCE):
            assert not [chunk async for chunk in chunks]
        assert client.ended == "refused"


# --- who may stay -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "stays"),
    [
        ({}, True),
        ({"revoked_at": NOON}, False),
        ({"expires_at": NOON}, False),
        ({"expires_at": NOON + timedelta(hours=2)}, True),
        ({"scopes": ["command"]}, False),
    ],
    ids=["as it was", "revoked", "expired", "not yet expired", "other scopes"],
)
def test_a_program_stays_as_long_as_its_token_would_be_let_in(change: dict[str, Any], stays: bool) -> None:
    token, _ = create_api_token("backend", scopes=["read"], now=NOON)
    guest = Guest(token_id=token.pk)
    ApiToken.objects.filter(pk=token.pk).update(**change)
    assert (unwelcome({guest}, "read", now=NOON + timedelta(hours=1)) == set()) is stays
    token.delete()
    assert unwelcome({guest}, "read", now=NOON) == {guest}


@pytest.mark.django_db
def test_a_person_stays_as_long_as_they_are_signed_in_and_may_look() -> None:
    alice = get_user_model().objects.create_user("alice", password="correct horse battery")

    def signed_in() -> Guest:
        browser = Browser()
        browser.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
        return Guest(session_key=browser.session.session_key)

    one, other = signed_in(), signed_in()
    assert unwelcome({one, other}, "read", now=NOON) == set()
    assert unwelcome({one}, "admin", now=NOON) == {one}
    SessionStore(one.session_key).flush()
    assert unwelcome({one, other}, "read", now=NOON) == {one}
    alice.is_active = False
    alice.save()
    assert unwelcome({other}, "read", now=NOON) == {other}
    alice.is_active = True
    alice.set_password("another horse battery")
    alice.save()
    assert unwelcome({other}, "read", now=NOON) == {other}


# --- the cursor of a time ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_committed_late_is_found_from_its_time_on() -> None:
    """Its id is older than those of events with lower positions, by less than SLACK."""
    told(3)
    first, second, third = Event.objects.order_by("position").values_list("pk", flat=True)
    Event.objects.update(position=None)
    for position, pk in enumerate((third, first, second), start=1):
        Event.objects.filter(pk=pk).update(position=position)
    since = Event.objects.get(pk=third).recorded_at
    Event.objects.exclude(pk=third).update(recorded_at=since - timedelta(seconds=1))
    found = reading.read_on(None, Wanted(since=since), most=10)
    assert [event.id for event in found.events] == [third]
