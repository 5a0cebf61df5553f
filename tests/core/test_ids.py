"""UUIDv7: rising, unique, and really the key by which a time series can be partitioned."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest

from csms.core import ids
from csms.core.ids import uuid7, uuid7_floor, uuid7_text


def test_ids_rise_and_say_their_time():
    before = datetime.now(UTC)
    made = [uuid7_text() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    first = UUID(made[0])
    assert (first.version, first.variant) == (7, RFC_4122)
    assert str(first) == made[0]
    said = datetime.fromtimestamp((first.int >> 80) / 1000, UTC)
    assert abs(said - before) < timedelta(seconds=5)


def test_threads_never_make_the_same_id():
    made: list[list[str]] = [[] for _ in range(8)]

    def make(mine: list[str]) -> None:
        mine.extend(uuid7_text() for _ in range(5_000))

    threads = [threading.Thread(target=make, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({i for mine in made for i in mine}) == 40_000
    assert all(mine == sorted(mine) for mine in made)


def test_a_clock_that_is_set_back_turns_no_order_round(monkeypatch: pytest.MonkeyPatch):
    first = uuid7()
    monkeypatch.setattr(ids, "time_ns", lambda: 0)
    assert first < uuid7() < uuid7()


def test_a_moment_lies_between_the_ids_before_and_after_it():
    before = uuid7()
    assert uuid7_floor(datetime.now(UTC) - timedelta(seconds=1)) < before
    assert before < uuid7_floor(datetime.now(UTC) + timedelta(seconds=1))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert uuid7_floor(moment) < uuid7_floor(moment + timedelta(milliseconds=1))
    assert uuid7_floor(moment).version == 7


TIME_SERIES = ["chargers_frame", "chargers_statusreport", "transactions_metervalue", "events_event"]


@pytest.mark.postgres_only
@pytest.mark.django_db
@pytest.mark.parametrize("table", TIME_SERIES)
def test_a_time_series_can_be_partitioned_by_its_id(table: str):
    from django.db import connection

    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    months = [
        uuid7_floor(datetime(2026, 12, 1, tzinfo=UTC)),
        uuid7_floor(new_year),
        uuid7_floor(new_year.replace(month=2)),
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE parted (LIKE {table} INCLUDING ALL) PARTITION BY RANGE (id)")
        for n in (0, 1):
            cursor.execute(
                f"CREATE TABLE parted_{n} PARTITION OF parted FOR VALUES FROM ('{months[n]}') TO ('{months[n + 1]}')"
            )
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_name = %s AND is_nullable = 'NO' AND column_name <> 'id'",
            [table],
        )
        fill = {"timestamp with time zone": "now()", "uuid": f"'{uuid7()}'"}
        columns = {name: fill.get(kind, "'1'") for name, kind in cursor.fetchall()}
        names, values = ", ".join(columns), ", ".join(columns.values())
        for moment in (new_year - timedelta(milliseconds=1), new_year):
            pk = uuid7_floor(moment)
            cursor.execute(f"INSERT INTO parted (id, {names}) VALUES ('{pk}', {values})")
        cursor.execute("SELECT tableoid::regclass::text FROM parted ORDER BY id")
        assert cursor.fetchall() == [("parted_0",), ("parted_1",)]
        cursor.execute(f"EXPLAIN SELECT * FROM parted WHERE id >= '{months[1]}'")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "parted_1" in plan
        assert "parted_0" not in plan
