"""Events get their place after their commit, without gaps, whoever committed when."""

import threading
from datetime import UTC, datetime
from importlib import import_module
from zlib import crc32

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from csms.core.events.models import Event, Reader
from csms.core.events.numbering import NAME, head, number_events
from csms.core.events.selectors import events_after
from csms.core.events.services import record

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def places() -> list[tuple[str, int, int]]:
    return list(Event.objects.order_by("position").values_list("cp_id", "position", "sequence"))


def test_events_are_numbered_in_all_and_for_each_charge_point():
    for cp_id in ("CP16", "CS201", "CP16", ""):
        record("t", cp_id, {}, occurred_at=NOON)
    assert number_events(now=NOON) == 4
    record("t", "CP16", {}, occurred_at=NOON)
    assert number_events(now=NOON) == 1
    assert places() == [("CP16", 1, 1), ("CS201", 2, 1), ("CP16", 3, 2), ("", 4, 1), ("CP16", 5, 3)]
    assert head() == 5


def test_a_pass_takes_no_more_than_it_is_told_and_the_next_goes_on():
    for _ in range(5):
        record("t", "CP16", {}, occurred_at=NOON)
    assert [number_events(now=NOON, most=2) for _ in range(5)] == [2, 2, 1, 0, 0]
    assert [sequence for _, _, sequence in places()] == [1, 2, 3, 4, 5]


def test_old_events_get_their_buckets_by_charge_point_and_not_one_by_one():
    charge_points = [*(f"CP{n}" for n in range(40)), ""]
    for cp_id in charge_points * 3:
        record("t", cp_id, {}, occurred_at=NOON)
    Event.objects.update(bucket=0)
    migration = import_module("csms.core.events.migrations.0002_places")
    with CaptureQueriesContext(connection) as queries:
        migration.fill_buckets(apps, None)
    rows = Event.objects.values_list("cp_id", "bucket")
    assert dict(rows) == {c: crc32(c.encode()) % 4 for c in charge_points}
    assert len(rows) == len(charge_points) * 3
    assert len(queries) == 4  # the charge points, and those of each bucket but the first
    assert not any("CASE" in each["sql"] for each in queries)


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_what_commits_late_comes_behind_what_was_read_meanwhile():
    """Its id is older, but a reader has passed that place: it must not appear where nobody looks again."""
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            record("slow", "CP16", {}, occurred_at=NOON)
            begun.set()
            go_on.wait(30)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert begun.wait(30)
    record("quick", "CP16", {}, occurred_at=NOON)
    assert number_events(now=NOON) == 1
    assert [event.type for event in events_after(0, most=9)] == ["quick"]
    go_on.set()
    thread.join()
    assert number_events(now=NOON) == 1
    assert [(e.type, e.position, e.sequence) for e in events_after(1, most=9)] == [("slow", 2, 2)]


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_only_one_process_numbers_at_a_time_and_none_waits():
    record("t", "CP16", {}, occurred_at=NOON)
    number_events(now=NOON)
    record("t", "CP16", {}, occurred_at=NOON)
    counts: list[int] = []

    def other() -> None:
        counts.append(number_events(now=NOON))
        connection.close()

    with transaction.atomic():
        Reader.objects.select_for_update().get(pk=NAME)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(30)
    assert counts == [0]
    assert number_events(now=NOON) == 1


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_many_who_number_and_many_who_record_leave_no_gap_and_nothing_out():
    def work(cp_id: str) -> None:
        for _ in range(40):
            with transaction.atomic():
                record("t", cp_id, {}, occurred_at=NOON)
                record("t", "shared", {}, occurred_at=NOON)
            number_events(now=NOON, most=7)
        connection.close()

    threads = [threading.Thread(target=work, args=(f"CP{n}",)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    while number_events(now=NOON):
        pass
    assert [event.position for event in events_after(0, most=1000)] == list(range(1, 401))
    for cp_id, events in (("shared", 200), ("CP0", 40)):
        mine = events_after(0, most=1000, cp_ids=[cp_id])
        assert [event.sequence for event in mine] == list(range(1, events + 1))
        assert cp_id == "shared" or [e.id for e in mine] == sorted(e.id for e in mine)
