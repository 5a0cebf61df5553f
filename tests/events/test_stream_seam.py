"""Where the database ends and the tail begins: many write at once, and who follows gets each event once, in order."""

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from csms.core.access.staying import Guest
from csms.core.events import stream
from csms.core.events.models import Event
from csms.core.events.numbering import number_events
from csms.core.events.reading import Wanted
from csms.core.events.services import record
from csms.core.events.stream import Client, Followers
from csms.core.events.tail import Tail
from tests.events.following import Follower, following, tell, token_of, until
from tests.paths.store import rows
from tests.support.server import running_server

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PATIENCE = 120.0
TYPES = ("cp.boot", "tx.started", "cp.status")


def together(works: list[Callable[[], None]]) -> None:
    """Do these at once, and fail if one does."""
    failures: list[BaseException] = []

    def safely(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=safely, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    assert not failures, failures
    assert not any(thread.is_alive() for thread in threads)


# --- in one process, with a tail so short that everybody falls behind it ----------------------------------------------


def writer(seed: int, number: int) -> None:
    """Records in transactions of which some take long, so that what began first does not commit first."""
    chance = random.Random(seed)
    try:
        for _ in range(number):
            with transaction.atomic():
                for _ in range(chance.randint(1, 6)):
                    record(chance.choice(TYPES), f"CP{chance.randint(0, 3)}", {"by": seed}, occurred_at=NOON)
                if connection.vendor == "postgresql" and chance.random() < 0.3:
                    time.sleep(chance.random() * 0.05)
            number_events(now=NOON, most=chance.choice((1, 3, 50)))
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
async def test_with_many_writers_and_a_short_tail_nothing_is_lost_or_doubled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "Tail", lambda: Tail(lines_max=4))
    monkeypatch.setattr(stream, "PAGE", 3)
    monkeypatch.setattr(stream, "LOOK", 0.002)
    monkeypatch.setattr(stream, "HEARTBEAT", 0.05)
    followers, chance = Followers(), random.Random(5)
    wishes = [
        Wanted(),
        Wanted(),
        Wanted(types=frozenset({"cp.boot"})),
        Wanted(cp_ids=frozenset({"CP1"})),
        Wanted(types=frozenset({"tx.started", "cp.status"}), cp_ids=frozenset({"CP0", "CP2"})),
    ]
    found: list[list[int]] = [[] for _ in wishes]
    done = asyncio.Event()

    async def follow(number: int) -> None:
        """Follow, leave after a while, and come back behind the last event."""
        position = 0
        while True:
            client = followers.admit(Client(position, wishes[number], Guest()), most=10)
            chunks: AsyncIterator[bytes] = followers.follow(client)
            for _ in range(chance.randint(2, 30)):
                text = (await anext(chunks)).decode()
                for part in text.split("\n\n"):
                    if "data: " in part:
                        position = int(part.partition("\n")[0].removeprefix("id: "))
                        found[number].append(position)
                if chance.random() < 0.2:
                    await asyncio.sleep(chance.random() * 0.05)  # slow
                if done.is_set() and client.position >= last:
                    followers.part(client)
                    return
            followers.part(client)
            await chunks.aclose()  # type: ignore[attr-defined]

    last = 0
    async with asyncio.timeout(PATIENCE):
        following = [asyncio.create_task(follow(number)) for number in range(len(wishes))]
        await asyncio.gather(*(asyncio.to_thread(writer, seed, 40) for seed in range(4)))

        def number_the_rest() -> list[Any]:
            try:
                while number_events(now=NOON):
                    pass
                return list(Event.objects.order_by("position").values_list("position", "type", "cp_id"))
            finally:
                connection.close()

        events = await asyncio.to_thread(number_the_rest)
        last = len(events)
        done.set()
        await asyncio.gather(*following)
        if followers._work is not None:
            await followers._work
    assert [position for position, _, _ in events] == list(range(1, last + 1))
    for wanted, got in zip(wishes, found, strict=True):
        assert got == [position for position, *facts in events if wanted.takes(*facts, NOON)]


# --- of a real server -------------------------------------------------------------------------------------------------


def test_of_a_server_that_is_killed_while_many_write_everything_comes_once(
    tmp_path: Path, database_url: str
) -> None:
    with running_server(tmp_path, database_url) as server:
        token = token_of(server)
        wholes: list[list[str]] = [[] for _ in range(3)]
        positions: list[list[int]] = [[] for _ in range(3)]
        ended = threading.Event()

        def write(seed: int) -> Callable[[], None]:
            chance = random.Random(seed)

            def work() -> None:
                for _ in range(25):
                    tell(server, *[(chance.choice(TYPES), f"CP{seed}")] * chance.randint(1, 5))
                    time.sleep(chance.random() * 0.05)

            return work

        def follow(number: int) -> Callable[[], None]:
            chance = random.Random(number)

            def note(follower: Follower) -> None:
                wholes[number] += [event["event_id"] for _, _, event in follower.events]
                positions[number] += follower.positions

            def work() -> None:
                while True:
                    last = str(positions[number][-1]) if positions[number] else "0"
                    enough = chance.randint(1, 60)
                    try:
                        follower = Follower(server, token, Last_Event_ID=last)
                    except OSError:
                        time.sleep(0.1)
                        continue
                    if follower.status != 200:
                        time.sleep(0.1)
                        continue
                    until(lambda: len(follower.events) >= enough or follower.ended or ended.is_set())  # noqa: B023
                    if ended.is_set():
                        until(lambda: follower.ended or int(follower.last_id or 0) >= total)  # noqa: B023
                    follower.leave()
                    note(follower)
                    if ended.is_set() and positions[number] and positions[number][-1] >= total:
                        return

            return work

        total = 10**9

        def kill_and_end() -> None:
            nonlocal total
            until(lambda: all(len(each) > 10 for each in positions))
            server.kill()
            server.start(timeout=PATIENCE)
            for thread in writers:
                thread.join(PATIENCE)

            def all_numbered() -> bool:
                [(waiting,)] = rows(server, "SELECT count(*) FROM events_event WHERE position IS NULL")
                return waiting == 0

            until(all_numbered)
            [(total,)] = rows(server, "SELECT count(*) FROM events_event")
            ended.set()

        writers = [threading.Thread(target=write(seed)) for seed in range(4)]
        for thread in writers:
            thread.start()
        together([kill_and_end, *(follow(number) for number in range(3))])
        stored = rows(server, "SELECT id FROM events_event ORDER BY position")
        ids = [str(id).replace("-", "") for (id,) in stored]
        for got, places in zip(wholes, positions, strict=True):
            assert places == list(range(1, len(ids) + 1))
            assert [id.replace("-", "") for id in got] == ids
        with following(server, token, "after=0") as bob:
            bob.gets(*range(1, len(ids) + 1))
