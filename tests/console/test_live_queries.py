"""The named queries of a page's socket: what each tells, what it refuses, what it costs the database."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargers.models import ChargePoint, Frame
from console import sources
from console.feeds import ROWS_MAX, Found, Refused
from console.queries import QUERIES, read_question
from csms.core.events.numbering import number_events
from csms.core.events.services import record
from tests.console.cast import HOSTILE, make_charge_point, make_connector
from tests.console.fleet import make_busy_fleet, make_reading, make_transaction
from tests.console.live_cast import NOW, make_frames, make_status, rows, source
from transactions.models import MeterValue

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
