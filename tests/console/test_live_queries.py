"""The named queries of a page's socket: what each tells, what it refuses, what it costs the database."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
import time_machine
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.db import OperationalError, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargers.models import ChargePoint, Frame, StatusReport
from console import feeds, sources
from console import live as socket
from console.feeds import FOLLOWED, ROWS_MAX, Found, Refused
from console.queries import QUERIES, read_question
from csms.core import live
from csms.core.events.numbering import number_events
from csms.core.events.services import record
from csms.core.ids import uuid7, uuid7_floor
from tests.console.cast import HOSTILE, make_charge_point, make_connector
from tests.console.fleet import make_busy_fleet, make_reading, make_transaction
from tests.console.test_live_socket import PATIENCE, talker
from tests.support.charger import eventually
from transactions.models import MeterValue, Transaction

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
in_database = sync_to_async


def source(name: str, **params: Any) -> Any:
    return read_question(name, params)[1]()


def rows(found: Found) -> list[dict[str, Any]]:
    return [orjson.loads(row.text) for row in found.rows]


def make_status(charge_point: ChargePoint, at: datetime, status: str = "Available") -> UUID:
    """A status report whose id is from `at`."""
    pk = UUID(int=uuid7_floor(at).int | (uuid7().int & 0xFFFFFFFF))
    StatusReport.objects.create(
        id=pk, charge_point=charge_point, connector_number=1, status=status, received_at=at
    )
    return pk


def make_frames(charge_point: ChargePoint, number: int, **values: Any) -> None:
    defaults = {"direction": "in", "kind": 2, "action": "Heartbeat", "verdict": "ok", "text": "[]"}
    Frame.objects.bulk_create(
        Frame(
            id=uuid7(),
            charge_point=charge_point,
            connection_id=uuid7(),
            at=timezone.now(),
            **defaults | values,
        )
        for _ in range(number)
    )


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_the_table_has_what_the_pages_follow() -> None:
    assert list(QUERIES) == [
        "charge-points",
        "charge-point",
        "transactions-active",
        "meter-history",
        "status-history",
        "device-events",
        "frames",
    ]


@pytest.mark.parametrize(
    ("name", "params", "code"),
    [
        ("passwords", {}, "unknown_query"),
        (["frames"], {}, "unknown_query"),
        ("frames", [], "invalid"),
        ("frames", {"nonsense": 1}, "invalid"),
        ("frames", {"direction": "sideways"}, "invalid"),
        ("frames", {"text": "x" * 201}, "invalid"),
        ("frames", {"text": "x" * 9000}, "invalid"),
        ("charge-point", {}, "invalid"),
        ("charge-point", {"cp_id": 5}, "invalid"),
        ("charge-point", {"cp_id": "x" * 49}, "invalid"),
        ("charge-points", {"limit": 201}, "invalid"),
        ("charge-points", {"sort": "password_hash"}, "invalid"),
        ("charge-points", {"cp_ids": ["x"] * 201}, "invalid"),
        ("device-events", {"types": ["x"] * 51}, "invalid"),
    ],
)
def test_what_is_no_question_is_refused(name: Any, params: Any, code: str) -> None:
    with pytest.raises(Refused) as refused:
        read_question(name, params)
    assert refused.value.code == code


def test_the_same_question_is_the_same_however_it_is_written() -> None:
    one = read_question("charge-points", {"online": True, "q": "x"})[0]
    assert one == read_question("charge-points", {"q": "x", "online": True, "limit": ROWS_MAX})[0]
    assert one != read_question("charge-points", {"q": "y", "online": True})[0]


@pytest.mark.django_db
@pytest.mark.parametrize("name", [name for name in QUERIES if name != "charge-points"])
def test_of_an_unknown_charge_point_nothing_is_told(name: str) -> None:
    for cp_id in ("NOBODY", "\x00"):
        with pytest.raises(Refused):
            source(name, cp_id=cp_id)


# --- what is told -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_each_query_tells_of_a_busy_fleet_and_an_empty_one(client: Client) -> None:
    for name in ("charge-points", "transactions-active", "device-events", "frames"):
        assert rows(source(name).read()) == []
    charge_point = make_busy_fleet()
    make_status(charge_point, timezone.now())
    record("cp.status", "CP0", {"status": HOSTILE}, occurred_at=timezone.now())
    number_events(now=timezone.now())
    for name in QUERIES:
        asked = source(name, **({} if name == "charge-points" else {"cp_id": "cp0"}))
        told = rows(asked.read())
        assert told, name
        assert {one["cp_id"] for one in told} >= {"CP0"}, name
        assert all(one[asked.key] for one in told), name


@pytest.mark.django_db
def test_charge_points_are_chosen_and_sorted_and_bounded() -> None:
    for n in range(5):
        make_connector(make_charge_point(f"CP{n}", site="Harbour" if n % 2 else ""), status="Faulted")
    make_charge_point("GONE", retired_at=NOW)
    asked = source("charge-points", site="harbour", sort="-cp_id")
    assert [one["cp_id"] for one in rows(asked.read())] == ["CP3", "CP1"]
    assert [one["cp_id"] for one in rows(source("charge-points", limit=2).read())] == ["CP0", "CP1"]
    named = source("charge-points", cp_ids=["CP4", "CP0"])
    assert [one["cp_id"] for one in rows(named.read())] == ["CP0", "CP4"]
    assert len(rows(source("charge-points", status="Faulted").read())) == 5


@pytest.mark.django_db
def test_long_texts_are_cut_wherever_they_are() -> None:
    charge_point = make_charge_point("CP1", vendor="v" * 100_000, labels={"a": "l" * 5000})
    [one] = rows(source("charge-point", cp_id="CP1").read())
    assert one["vendor"] == "v" * sources.TEXT_MAX + "…"
    assert len(one["labels"]["a"]) == sources.TEXT_MAX + 1
    make_frames(charge_point, 1, text="t" * 100_000)
    with CaptureQueriesContext(connection) as asked:
        [one] = rows(source("frames").read())
    assert one["text"] == "t" * sources.TEXT_MAX + "…"
    assert not [
        query
        for query in asked
        if '"chargers_frame"."text"' in query["sql"].split("FROM")[0]
        and "SUBSTR" not in query["sql"].upper()
        and "LEFT(" not in query["sql"].upper()
    ]
    transaction = make_transaction(charge_point, 1)
    make_reading(transaction, 1, 5)
    MeterValue.objects.update(samples=orjson.dumps([{"value": "1" * 9000}]).decode())
    [one] = rows(source("meter-history", cp_id="CP1").read())
    assert (one["energy_wh"], one["samples"]) == (5, [])
    record("cp.status", "CP1", {"a": "p" * 9000}, occurred_at=NOW)
    number_events(now=NOW)
    [one] = rows(source("device-events", cp_id="CP1").read())
    assert one["payload"] is None
    assert one["excerpt"].startswith('{"a":"ppp')


@pytest.mark.django_db
@pytest.mark.parametrize("size", [1, 30])
def test_a_read_costs_as_many_statements_for_many_rows_as_for_one(size: int) -> None:
    make_busy_fleet(size)
    Frame.objects.update(message_id="1")
    make_status(ChargePoint.objects.get(cp_id="CP0"), timezone.now())
    number_events(now=timezone.now())
    costs = {}
    for name in QUERIES:
        asked = source(name, **({"cp_id": "CP0"} if name.endswith(("history", "charge-point")) else {}))
        with CaptureQueriesContext(connection) as said:
            asked.read()
        costs[name] = len(said)
    assert costs == {
        "charge-points": 2,
        "charge-point": 2,
        "transactions-active": 1,
        "meter-history": 3,
        "status-history": 3,
        "device-events": 3,
        "frames": 4,
    }


# --- nothing is skipped, nothing comes twice --------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_row_that_is_committed_late_is_told_and_none_is_told_twice() -> None:
    charge_point = make_charge_point("CP1")
    with time_machine.travel(NOW, tick=False) as clock:
        asked = source("status-history", cp_id="CP1")
        first = make_status(charge_point, NOW - timedelta(seconds=2))
        assert [one["id"] for one in rows(asked.read())] == [str(first)]
        clock.shift(1)
        second = make_status(charge_point, NOW + timedelta(seconds=1))
        assert [one["id"] for one in rows(asked.read())] == [str(second)]
        # Its id is from before both: it came first and was committed last.
        late = make_status(charge_point, NOW - timedelta(seconds=20))
        assert [one["id"] for one in rows(asked.read())] == [str(late)]
        clock.shift(1)
        assert asked.read() == Found([])
        clock.shift(3600)
        assert asked.read() == Found([])


@pytest.mark.django_db
def test_what_waited_while_the_database_was_away_is_told_when_it_is_stored() -> None:
    charge_point = make_charge_point("CP1")
    with time_machine.travel(NOW, tick=False) as clock:
        asked = source("status-history", cp_id="CP1")
        asked.read()
        clock.shift(60)
        asked.failed()
        clock.shift(240)  # five minutes after the last good read
        assert rows(asked.read()) == []
        clock.shift(5)  # and only now the writer has stored what it had been told in the beginning
        early = make_status(charge_point, NOW + timedelta(seconds=10))
        assert [one["id"] for one in rows(asked.read())] == [str(early)]
        clock.shift(300)
        asked.read()
        assert asked._held is None


@pytest.mark.django_db
def test_more_than_can_be_told_is_said_to_be_left_out() -> None:
    charge_point = make_charge_point("CP1")
    asked = source("frames")
    make_frames(charge_point, ROWS_MAX + 50)
    found = asked.read()
    assert (len(found.rows), found.skipped) == (ROWS_MAX, False)  # the page lists the older ones
    make_frames(charge_point, 10)
    found = asked.read()
    assert (len(found.rows), found.skipped) == (10, False)
    make_frames(charge_point, ROWS_MAX + 1)
    found = asked.read()
    assert (len(found.rows), found.skipped) == (ROWS_MAX, True)


@pytest.mark.django_db
def test_a_filter_that_fits_few_of_many_says_when_it_has_not_looked_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "LOOKED_AT", 20)
    charge_point = make_charge_point("CP1")
    asked = source("frames", verdict="refused")
    make_frames(charge_point, 1, verdict="refused")
    assert len(asked.read().rows) == 1
    with time_machine.travel(timezone.now(), tick=False) as clock:
        make_frames(charge_point, 30)
        assert asked.read() == Found([], skipped=True)
        make_frames(charge_point, 2, verdict="refused")
        found = asked.read()
        # Nobody looked again at the 30 for one that was committed late.
        assert (len(found.rows), found.skipped) == (2, True)
        clock.shift(sources.OVERLAP.total_seconds() + 1)
        asked.read()
        assert asked.read() == Found([])


@pytest.mark.django_db
def test_where_it_was_not_looked_for_what_came_late_it_is_said_to_be_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "LOOKED_AT", 20)
    charge_point = make_charge_point("CP1")
    with time_machine.travel(NOW, tick=False) as clock:
        asked = source("status-history", cp_id="CP1")
        for n in range(15):
            make_status(charge_point, NOW - timedelta(seconds=n % 5))
        assert asked.read().skipped is False
        clock.shift(2)
        for _ in range(10):
            make_status(charge_point, NOW + timedelta(seconds=1))
        make_status(charge_point, NOW - timedelta(seconds=20))  # late, and there are 25 newer ones
        found = asked.read()
        assert (len(found.rows), found.skipped) == (10, True)


@pytest.mark.django_db
def test_events_come_by_their_places_page_by_page() -> None:
    make_charge_point("CP1")
    make_charge_point("CP2")
    asked, one, typed = (
        source("device-events"),
        source("device-events", cp_id="CP1"),
        source("device-events", types=["tx.*"]),
    )
    for each in (asked, one, typed):
        assert each.read() == Found([])
    for n in range(ROWS_MAX + 5):
        record("cp.status", f"CP{1 + n % 2}", {"n": n}, occurred_at=NOW)
    record("tx.started", "CP2", {}, occurred_at=NOW)
    assert asked.read() == Found([])  # none has its place yet
    number_events(now=NOW)
    found = asked.read()
    assert (len(found.rows), found.more) == (ROWS_MAX, True)
    rest = asked.read()
    assert (len(rest.rows), rest.more) == (6, False)
    positions = [row["position"] for row in rows(found) + rows(rest)]
    assert positions == list(range(1, ROWS_MAX + 7))
    assert {row["cp_id"] for row in rows(one.read())} == {"CP1"}
    assert [row["type"] for row in rows(typed.read())] == ["tx.started"]


# --- through the socket -----------------------------------------------------------------------------------------------


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
