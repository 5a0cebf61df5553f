"""The named queries through a page's socket: numbered changes, what is refused, and what outlives trouble."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.db import OperationalError, connection, connections
from django.test import Client

from console import feeds, sources
from console import live as socket
from console.feeds import FOLLOWED, Found
from csms.core import live
from tests.console.cast import make_charge_point
from tests.console.fleet import make_busy_fleet
from tests.console.live_cast import NOW, in_database
from tests.console.test_live_socket import PATIENCE, talker
from tests.support.charger import eventually
from transactions.models import Transaction


@pytest.fixture
async def _close_connections() -> AsyncIterator[None]:
    yield
    await sync_to_async(connections.close_all)()


through_socket = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_close_connections"),
]


async def opened(client: Client) -> WebsocketCommunicator:
    page = talker(client)
    assert (await page.connect(PATIENCE))[0]
    return page


async def hears(page: WebsocketCommunicator, fits: Callable[[Any], bool] = bool) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while not fits(message := await page.receive_json_from(PATIENCE)):
            pass
    found: dict[str, Any] = message
    return found


class TestSocket:
    pytestmark = through_socket

    async def test_several_queries_on_one_socket_each_with_its_own_numbers(self, bob: Client) -> None:
        charge_point = await in_database(make_busy_fleet)()
        page = await opened(bob)
        await page.send_json_to({"query": "charge-points", "params": {}, "id": 1})
        await page.send_json_to({"query": "transactions-active", "params": {}, "id": 2})
        snapshots = {}
        for _ in range(2):
            message = await hears(page)
            snapshots[message["id"]] = message
        assert [one["cp_id"] for one in snapshots[1]["snapshot"]] == ["CP0", "CP1", "CP2", "NEW1"]
        assert {one["transaction_id"] for one in snapshots[2]["snapshot"]} == {"100", "101", "102"}
        assert {message["seq"] for message in snapshots.values()} == {0}
        assert (snapshots[1]["key"], snapshots[2]["key"]) == ("cp_id", "id")

        await charge_point.connectors.filter(number=1).aupdate(status="Finishing")
        live.publish(["fleet"])
        changed = await hears(page)
        assert (changed["id"], changed["seq"]) == (1, 1)
        [change] = changed["changes"]
        assert change["upsert"]["connectors"][0]["status"] == "Finishing"

        await Transaction.objects.filter(transaction_id="100").aupdate(status="ended", stopped_at=NOW)
        gone = await Transaction.objects.aget(transaction_id="100")
        live.publish(["transactions"])
        changed = await hears(page)
        assert (changed["id"], changed["seq"], changed["changes"]) == (2, 1, [{"remove": str(gone.pk)}])

        await page.send_json_to({"cancel": 2})
        await page.send_json_to({"query": "charge-points", "params": {}, "id": 1})
        again = await hears(page)
        assert (again["id"], again["seq"], len(again["snapshot"])) == (1, 0, 4)
        assert len(FOLLOWED._feeds) == 1
        await page.disconnect()
        await eventually(lambda: not FOLLOWED._feeds)

    async def test_what_is_refused_is_said_and_the_rest_goes_on(self, bob: Client) -> None:
        await in_database(make_charge_point)("CP1")
        page = await opened(bob)
        await page.send_json_to({"query": "passwords", "id": 1})
        assert (await hears(page))["error"]["code"] == "unknown_query"
        await page.send_json_to({"query": "charge-point", "params": {"cp_id": "NOBODY"}, "id": 2})
        refused = await hears(page)
        assert refused == {
            "id": 2,
            "error": {"code": "unknown_charge_point", "message": "there is no charge point 'NOBODY'"},
        }
        await page.send_json_to({"query": "charge-point", "params": {"cp_id": "CP1"}, "id": 3})
        assert (await hears(page))["snapshot"][0]["cp_id"] == "CP1"
        await page.disconnect()

    async def test_a_page_follows_so_many_queries_and_no_more(
        self, bob: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, "QUERIES_MAX", 2)
        page = await opened(bob)
        for id in (1, 2, 3):
            await page.send_json_to({"query": "charge-points", "params": {"q": str(id)}, "id": id})
        refused = await hears(page, lambda message: "error" in message)
        assert (refused["id"], refused["error"]["code"]) == (3, "too_many")
        await page.disconnect()

    @pytest.mark.parametrize(
        "said", ["{", '"x"', '{"query": "frames"}', '{"query": "frames", "id": -1}', '{"cancel": "1"}']
    )
    async def test_what_no_page_of_ours_says_ends_the_socket(self, bob: Client, said: str) -> None:
        page = await opened(bob)
        await page.send_to(text_data=said)
        assert (await page.receive_output(PATIENCE))["code"] == 1008

    async def test_a_message_that_is_too_long_ends_the_socket(self, bob: Client) -> None:
        page = await opened(bob)
        await page.send_json_to({"subscribe": [], "more": "x" * 70_000})
        assert (await page.receive_output(PATIENCE))["code"] == 1008

    async def test_two_hundred_status_changes_cost_a_page_a_few_reads(self, bob: Client) -> None:
        charge_point = await in_database(make_busy_fleet)()
        page = await opened(bob)
        await page.send_json_to({"query": "charge-points", "params": {}, "id": 1})
        await hears(page)
        [feed] = FOLLOWED._feeds.values()
        before = feed.begun
        for n in range(200):
            await charge_point.connectors.filter(number=1).aupdate(info=f"change {n}")
            live.publish(["fleet", f"charge-point:{charge_point.pk}"])
        last, messages = None, 0
        while last != "change 199":
            message = await hears(page)
            messages += 1
            assert message["seq"] == messages
            [change] = message["changes"]
            last = change["upsert"]["connectors"][0]["info"]
        # However long the two hundred took here: a bell rings at most every 0.2 s, and half a second passes between
        # two reads. So there are fewer reads than changes by far, and no more messages than reads.
        assert messages <= feed.begun - before < 60
        await page.disconnect()

    async def test_for_a_socket_that_takes_nothing_nothing_piles_up(
        self, bob: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken: list[dict[str, Any]] = []
        may_go = asyncio.Event()

        async def slowly(self: socket.LiveConsumer, text: str) -> None:
            await may_go.wait()
            taken.append(orjson.loads(text))

        monkeypatch.setattr(socket.LiveConsumer, "send", slowly)
        charge_point = await in_database(make_busy_fleet)()
        page = talker(bob)
        monkeypatch.setattr(live, "COALESCE_SECONDS", 0.0)
        assert (await page.connect(PATIENCE))[0]
        await page.send_json_to({"subscribe": ["fleet"]})
        await page.send_json_to({"query": "charge-points", "params": {}, "id": 1})
        await eventually(lambda: any(feed.done for feed in FOLLOWED._feeds.values()))
        [feed] = FOLLOWED._feeds.values()
        for n in range(3):
            done = feed.done
            await charge_point.connectors.filter(number=1).aupdate(info=f"change {n}")
            live.publish(["fleet"])
            await eventually(lambda done=done: feed.done > done)
        may_go.set()
        await eventually(lambda: any("snapshot" in message for message in taken))
        [snapshot] = [message for message in taken if "snapshot" in message]
        assert snapshot["snapshot"][0]["connectors"][0]["info"] == "change 2"
        assert len(taken) <= 4  # confirmed, changed once or twice, a snapshot
        await page.disconnect()

    async def test_who_takes_nothing_for_long_is_parted_from(
        self, bob: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def never(self: socket.LiveConsumer, text: str) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(socket.LiveConsumer, "send", never)
        monkeypatch.setattr(socket, "STALL_SECONDS", 0.05)
        page = await opened(bob)
        await page.send_json_to({"query": "charge-points", "params": {}, "id": 1})
        await page.wait(PATIENCE)  # the application has ended
        assert not FOLLOWED._feeds

    async def test_when_bells_were_lost_the_page_is_told_to_read_everything_again(self, bob: Client) -> None:
        page = await opened(bob)
        await page.send_json_to({"subscribe": ["fleet"]})
        await hears(page)
        live.publish(["fleet"])
        assert (await hears(page))["changed"] == ["fleet"]
        live._number += 1  # one that nobody heard
        live.publish(["something-else"])
        assert await hears(page) == {"seq": 1, "changed": [], "again": True}
        await page.disconnect()

    async def test_even_the_last_bell_of_all_is_missed_if_it_was_lost(
        self, bob: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "REPEAT_SECONDS", 0.1)
        page = await opened(bob)
        await page.send_json_to({"subscribe": ["fleet"]})
        await hears(page)
        live.publish(["fleet"])
        assert (await hears(page))["changed"] == ["fleet"]

        lost = []
        send = live._send
        monkeypatch.setattr(
            live,
            "_send",
            lambda group, message: lost.append(message) if message["topics"] else send(group, message),
        )
        live.publish(["fleet"])
        assert await hears(page) == {"seq": 1, "changed": [], "again": True}
        assert len(lost) == 1
        await page.disconnect()

    async def test_the_threads_that_read_for_pages_keep_no_connection(self, bob: Client) -> None:
        page = await opened(bob)
        await page.send_json_to({"query": "charge-points", "params": {}, "id": 1})
        await hears(page)  # what talks to the socket switches off that channels closes connections
        await page.disconnect()
        all_here = threading.Barrier(2)

        def kept() -> Any:
            all_here.wait(PATIENCE)
            return connection.connection

        loop = asyncio.get_running_loop()
        threads = [loop.run_in_executor(feeds._THREADS, kept) for _ in range(2)]
        assert await asyncio.gather(*threads) == [None, None]

    async def test_a_database_that_fails_is_said_to_the_page(
        self, bob: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = await opened(bob)
        await page.send_json_to({"query": "charge-points", "params": {}, "id": 1})
        await hears(page)

        def broken(self: sources.Rows) -> Found:
            raise OperationalError("away")

        with monkeypatch.context() as during:
            during.setattr(sources.Rows, "read", broken)
            live.publish(["fleet"])
            assert await hears(page) == {"id": 1, "stale": True}
        assert (await hears(page))["changes"] == []
        await page.disconnect()
