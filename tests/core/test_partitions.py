"""Partitions are made ahead, catch what has none, and go whole once all in them is old; nobody waits long for that."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import sleep
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargers.models import FRAMES, ChargePoint, Frame
from csms import pruning, tasks
from csms.core import partitions
from csms.core.config import get_config
from csms.core.events import numbering
from csms.core.events.models import Event, Reader
from csms.core.events.selectors import events_after
from csms.core.events.services import record
from csms.core.events.sinks import Sink
from csms.core.ids import UUID
from csms.core.partitions import Partitioned, Period
from csms.pruning import analyze_partitioned, make_partitions, prune
from csms.retention import PARTITIONED
from tests.support.partitions import DAY, EVENT, FRAME, METER_VALUE, NOW, event, names, pk, place_of
from transactions.models import MeterValue
from transactions.selectors import charge_point_readings

pytestmark = [pytest.mark.django_db, pytest.mark.postgres_only]


# --- making -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", PARTITIONED, ids=lambda table: table.table)
def test_a_migrated_database_has_partitions_of_now_and_of_what_comes_next(table: Partitioned):
    found = partitions.partitions(table.table)
    assert [part.default for part in found] == [False] * (len(found) - 1) + [True]
    first, second = found[:2]
    assert first.upper == second.lower, "without a gap"


def test_partitions_are_made_ahead_by_the_day_and_by_the_month_and_only_once():
    made = make_partitions(now=NOW)
    days = ["20310530", "20310531", *(f"2031060{n}" for n in range(1, 7))]
    assert names(FRAME) == names(EVENT) == days
    assert names(METER_VALUE) == ["203105", "203106", "203107"]
    assert len(made) == 8 + 8 + 3
    assert make_partitions(now=NOW) == []
    assert make_partitions(now=NOW + DAY) == ["chargers_frame_20310607", "events_event_20310607"]


def test_partitions_follow_each_other_without_a_gap_over_the_end_of_a_year():
    for table in PARTITIONED:
        partitions.make_ahead([table], now=datetime(2031, 12, 30, 23, 59, tzinfo=UTC))
        made = [part for part in partitions.partitions(table.table) if part.lower and part.lower > pk(NOW)]
        assert all(one.upper == other.lower for one, other in zip(made, made[1:], strict=False))
        assert len(made) == table.ahead + 1


def test_each_row_lies_in_the_partition_of_its_time():
    make_partitions(now=NOW)
    assert place_of(event(NOW)) == "20310530"
    assert place_of(event(NOW.replace(hour=0), 0)) == "20310530"
    assert place_of(event(NOW + 12 * timedelta(hours=1), 0)) == "20310531"


def test_what_has_no_partition_is_kept_told_of_and_moved_once_it_has_one(caplog):
    strays = [event(NOW - 3 * DAY), event(NOW, 2), event(NOW, 3), event(datetime(9000, 1, 1, tzinfo=UTC), 4)]
    lowest = event(NOW, 5, id=UUID(int=5))
    assert {place_of(row) for row in [*strays, lowest]} == {"default"}
    made = make_partitions(now=NOW)
    assert {"events_event_20310527", "events_event_20310530"} <= set(made)
    assert [place_of(row) for row in strays] == ["20310527", "20310530", "20310530", "default"]
    assert Event.objects.count() == 5, "what no clock can have given stays in the default one"
    told = [record for record in caplog.records if record.message == "partitions.default_holds_rows"]
    assert [(each.table, each.rows) for each in told] == [("events_event", 2)]
    assert partitions.strays(EVENT) == 2
    assert partitions.strays(FRAME) == 0


def test_a_look_that_finds_very_many_times_in_the_default_partition_makes_some_and_the_next_ones_the_rest(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(partitions, "CATCH_UP", 10)
    for n in range(1, 6):
        event(NOW - n * DAY, n)
    partitions.make_ahead([EVENT], now=NOW)
    assert partitions.strays(EVENT) == 3
    partitions.make_ahead([EVENT], now=NOW)
    assert partitions.strays(EVENT) == 0


def test_a_default_partition_that_somebody_took_away_comes_back():
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE events_event_default")
    make_partitions(now=NOW)
    assert place_of(event(NOW - 40 * DAY)) == "default"


def test_a_name_that_is_taken_lets_the_other_tables_have_their_partitions(caplog):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE chargers_frame_20310530 ()")
    made = make_partitions(now=NOW)
    assert "events_event_20310530" in made
    assert "partitions.failed" in caplog.text
    Frame.objects.create(id=pk(NOW), charge_point_id=1, connection_id=pk(NOW), at=NOW, text="")


def test_a_new_partition_has_the_indexes_of_its_table():
    make_partitions(now=NOW)
    with connection.cursor() as cursor:
        for table in PARTITIONED:
            of_table = connection.introspection.get_constraints(cursor, table.table).values()
            for part in partitions.partitions(table.table):
                of_part = connection.introspection.get_constraints(cursor, part.name).values()
                assert sorted(shape(each) for each in of_part) == sorted(shape(each) for each in of_table)


def shape(constraint: dict) -> str:
    return str({key: value for key, value in constraint.items() if key != "definition"})


def test_the_tables_have_the_indexes_that_django_expects():
    for model in (Frame, MeterValue, Event):
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, model._meta.db_table)
        indexes = {name: each for name, each in found.items() if each["index"]}
        assert {index.name for index in model._meta.indexes} == set(indexes)
        for index in model._meta.indexes:
            columns = [model._meta.get_field(name).column for name in index.fields]
            assert indexes[index.name]["columns"] == columns, index.name
        assert [each["columns"] for each in found.values() if each["primary_key"]] == [["id"]]


# --- dropping ---------------------------------------------------------------------------------------------------------


def test_a_partition_goes_whole_once_all_in_it_is_old_and_not_before():
    for days in range(12):
        partitions.make_ahead([FRAME], now=NOW - days * DAY, most_ahead=0)
        frame(NOW - days * DAY)
    assert prune(get_config(), now=NOW, dry_run=True)["frames"] == 4
    assert prune(get_config(), now=NOW)["frames"] == 4
    # Seven days are kept, and of the eighth what is older, too, until all of it is.
    assert names(FRAME) == [f"203105{n}" for n in range(23, 31)]
    assert Frame.objects.count() == 8
    assert prune(get_config(), now=NOW)["frames"] == 0
    assert prune(get_config(), now=NOW + DAY)["frames"] == 1


def frame(at: datetime, n: int = 1) -> None:
    Frame.objects.create(id=pk(at, n), charge_point_id=1, connection_id=pk(at), at=at, text="")


def test_old_rows_of_the_default_partition_go_in_small_steps(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pruning, "CHUNK", 2)
    partitions.make_ahead([FRAME], now=NOW - 10 * DAY, most_ahead=1)
    for days in (30, 12, 7, 6):
        for n in range(5):
            frame(NOW - days * DAY - timedelta(seconds=1), n)
    assert partitions.strays(FRAME) == 20
    assert prune(get_config(), now=NOW, dry_run=True)["frames"] == 15
    with CaptureQueriesContext(connection) as captured:
        assert prune(get_config(), now=NOW)["frames"] == 15
    assert sum("DELETE" in query["sql"] and "chargers_frame" in query["sql"] for query in captured) >= 8
    assert partitions.strays(FRAME) == 5


def test_a_partition_of_events_that_somebody_waits_for_stays(monkeypatch: pytest.MonkeyPatch):
    partitions.make_ahead([EVENT], now=NOW - 20 * DAY, most_ahead=2)
    for n in (1, 2, 3):
        event(NOW - (21 - n) * DAY, n)
    kafka = Sink()
    kafka.name = "kafka:0"
    monkeypatch.setattr("csms.core.events.retention.wanted_sinks", lambda: {kafka.name: kafka})
    reader = Reader.objects.create(name=kafka.name, position=1)
    assert prune(get_config(), now=NOW, dry_run=True)["events"] == 1
    assert prune(get_config(), now=NOW)["events"] == 1
    assert names() == ["20310511", "20310512"]
    reader.position = 3
    reader.save()
    assert prune(get_config(), now=NOW)["events"] == 2
    assert names() == []


def test_a_partition_that_a_killed_process_detached_is_dropped_by_the_next_look():
    partitions.make_ahead([EVENT], now=NOW, most_ahead=0)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events_event DETACH PARTITION events_event_20310530")
        cursor.execute("ALTER TABLE events_event_20310530 RENAME TO events_event_20310530_dropped")
        cursor.execute("CREATE TABLE events_event_20310529_kept_by_hand ()")
    prune(get_config(), now=NOW)
    assert not exists("events_event_20310530_dropped")
    assert exists("events_event_20310529_kept_by_hand")


def exists(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
        return cursor.fetchone()[0]


# --- what others do with these tables ---------------------------------------------------------------------------------


def plans(work: Callable[[], object]) -> str:
    """The plans of the statements of some work."""
    with CaptureQueriesContext(connection) as captured:
        work()
    found = []
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            if query["sql"].startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
                cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"), ())
                found += [line for (line,) in cursor.fetchall()]
    return "\n".join(found)


def test_rows_in_bulk_reach_their_partitions():
    make_partitions(now=NOW)
    rows = [
        (str(pk(NOW + n * DAY)), 1, str(pk(NOW)), NOW, "in", 2, "m", "Heartbeat", "ok", "", None, "[]")
        for n in (0, 1, 40)
    ]
    FRAMES.write(rows)
    assert all(FRAMES.holds(row) for row in rows)
    assert partitions.strays(FRAME) == 1


def test_numbering_looks_into_the_partitions_of_the_events_that_it_numbers():
    make_partitions(now=NOW)
    rows = [event(NOW + n * DAY, n, position=None) for n in (1, 2)]
    ids = [(row.pk, "CP16") for row in rows]
    looked = plans(lambda: numbering._write(ids, 0))
    assert "events_event_20310531" in looked
    assert "events_event_20310601" in looked
    assert "events_event_20310602" not in looked
    assert "default" not in looked
    assert list(Event.objects.order_by("position").values_list("pk", "sequence")) == [
        (rows[0].pk, 1),
        (rows[1].pk, 2),
    ]


def test_a_window_of_readings_looks_into_its_months_only():
    make_partitions(now=NOW)
    cp16 = ChargePoint.objects.create(cp_id="CP16", created_at=NOW)
    looked = plans(lambda: list(charge_point_readings(cp16, since=NOW - DAY, until=NOW)))
    assert "transactions_metervalue_203105" in looked
    assert "transactions_metervalue_203106" not in looked
    assert "default" not in looked


def test_events_are_read_in_the_order_of_their_places_over_all_partitions():
    make_partitions(now=NOW)
    places = [record("t", "CP16", {"n": n}, occurred_at=NOW) for n in range(3)]
    late = event(NOW, 0, position=None)
    numbering.number_events(now=NOW)
    assert [str(each.id) for each in events_after(0, most=10)] == [*places, str(late.pk)]


def test_the_planner_is_told_what_a_whole_table_holds():
    make_partitions(now=NOW)
    event(NOW)
    assert len(analyze_partitioned(now=timezone.now() + 2 * DAY)) == 3
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stats WHERE tablename = 'events_event' AND inherited")
        assert cursor.fetchone() != (0,)


@pytest.mark.django_db(transaction=True)
def test_the_planner_is_told_once_a_day_but_as_often_as_asked_while_there_is_nothing_to_tell():
    now = timezone.now()
    readings = Partitioned("some_readings", Period.DAY, 0)

    def ask(sql: str) -> tuple[object, ...] | None:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone() if cursor.description else None

    def told() -> bool:
        return partitions.analyze([readings], now=now) == ["some_readings"]

    def counted() -> bool:  # the counters of a session reach the others a little later
        ask("SELECT pg_stat_clear_snapshot()")
        looked = (
            "SELECT FROM pg_stat_user_tables WHERE relname = 'some_readings' AND last_analyze IS NOT NULL"
        )
        return ask(f"SELECT EXISTS ({looked})") == (True,)

    try:
        ask("CREATE TABLE some_readings (id uuid PRIMARY KEY) PARTITION BY RANGE (id)")
        assert partitions.make_ahead([readings], now=now)
        assert told()
        assert any(counted() or sleep(0.2) for _ in range(150))
        assert told(), "nothing is known of an empty table"
        ask(f"INSERT INTO some_readings VALUES ('{pk(now)}')")
        assert told()
        assert not told()
    finally:
        ask("DROP TABLE some_readings")


def test_the_clock_makes_partitions_and_a_second_look_finds_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("csms.tasks.timezone", SimpleNamespace(now=lambda: NOW))
    assert len(tasks.make_partitions()) == 19
    assert tasks.make_partitions() == []
