"""What a process remembers of days that are over is never older than what the database keeps, whoever changed it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargers.models import ChargePoint
from csms.core.time_zones import days as day_edges
from csms.core.time_zones import hours
from tests.console.cast import make_charge_point
from transactions.figures import analysis, ranking, whole_days
from transactions.figures.analysis import Analysis, Window
from transactions.figures.memory import Memory
from transactions.figures.models import ChargePointDay, Day, Late, Trouble, WholeDay
from transactions.models import Transaction

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TODAY = date(2026, 5, 4)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
numbers = count(1)


@pytest.fixture(autouse=True)
def house(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TIME_ZONE = "UTC"
    monkeypatch.setattr("transactions.figures.whole_days.timezone.now", lambda: NOW)


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Callable[[Memory], None]:
    """Go on as a process with this memory."""

    def become(memory: Memory) -> None:
        for room in (analysis, ranking):
            monkeypatch.setattr(room, "memory", memory)

    return become


def session(charge_point: ChargePoint, begun: datetime, wh: int = 1000) -> Transaction:
    return Transaction.objects.create(
        transaction_id=str(next(numbers)),
        charge_point=charge_point,
        connector_number=1,
        started_at=begun,
        status="ended",
        stopped_at=begun + HOUR,
        energy_wh=wh,
    )


def keep() -> None:
    while whole_days.keep_days(now=NOW, zone=UTC_ZONE):
        pass


def look(site: str | None = None, back: int = 6) -> Analysis:
    return Analysis(Window(day_edges(NOW - back * DAY, NOW, UTC_ZONE), UTC_ZONE, site), now=NOW)


def top(site: str | None = None) -> list[tuple[str, int]]:
    return [(row.cp_id, row.energy_wh) for row in look(site).top]


def add_up(day: date, made_at: datetime, site: str = "") -> None:
    nothing = {"plugged": 0, "faults": 0, "known_seconds": 0, "offline_seconds": 0, "made_at": made_at}
    Day.objects.update_or_create(day=day, zone="UTC", site=site, defaults=nothing)


def trouble(charge_point: ChargePoint, day: date, made_at: datetime, **values: int) -> None:
    """Make a day as `days.make_day` does: what went wrong, and when it was added up."""
    add_up(day, made_at)
    values = {"faults": 0, "offline_seconds": 0} | values
    Trouble.objects.update_or_create(day=day, zone="UTC", charge_point=charge_point, defaults=values)


# --- the ranking ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("back", [1, 2, 3, 5])
def test_a_late_change_is_seen_though_the_ranking_was_remembered(back: int) -> None:
    first, second = make_charge_point("A", created_at=NOW - 9 * DAY), make_charge_point("B")
    late = session(first, NOW - back * DAY, 500)
    session(second, NOW - 4 * DAY, 700)
    keep()
    assert top() == top() == [("B", 700), ("A", 500)]
    late.energy_wh = 900
    late.save()
    assert Late.objects.exists()
    assert top() == [("A", 900), ("B", 700)]  # summed up by whoever looks
    keep()
    assert not Late.objects.exists()
    assert top() == [("A", 900), ("B", 700)]  # kept anew


@pytest.mark.django_db
def test_a_change_that_another_process_made_and_kept_is_seen(become: Callable[[Memory], None]) -> None:
    ours, theirs = Memory(), Memory()
    first, second = make_charge_point("A", created_at=NOW - 9 * DAY), make_charge_point("B")
    late = session(first, NOW - 3 * DAY, 500)
    session(second, NOW - DAY, 700)
    keep()
    become(ours)
    assert top() == [("B", 700), ("A", 500)]
    become(theirs)
    late.energy_wh = 900
    late.save()
    keep()
    assert top() == [("A", 900), ("B", 700)]
    become(ours)
    assert not Late.objects.exists()  # nothing tells of the change but the day itself
    assert top() == [("A", 900), ("B", 700)]


@pytest.mark.django_db
def test_what_is_remembered_is_not_read_again_and_of_a_day_that_changed_only_the_newest_are() -> None:
    charge_point = make_charge_point(created_at=NOW - 9 * DAY)
    late = [session(charge_point, NOW - back * DAY) for back in range(6)][1]
    keep()

    def read() -> list[str]:
        """The days of charge points that are read for the ranking."""
        with CaptureQueriesContext(connection) as queries:
            assert look().idle == 0
        return [one["sql"] for one in queries if ChargePointDay._meta.db_table in one["sql"]]

    assert len(read()) == 2
    assert read() == []
    late.energy_wh = 5
    late.save()
    keep()
    [newest] = read()
    assert str(TODAY - DAY) in newest
    assert str(TODAY - 3 * DAY) not in newest
    assert top() == [("CP16", 5005)]


@pytest.mark.django_db
def test_who_is_in_service_and_what_it_is_called_is_not_remembered() -> None:
    one, other = (make_charge_point(name, created_at=NOW - 9 * DAY) for name in ("A", "B"))
    session(one, NOW - 2 * DAY)
    session(other, NOW - 2 * DAY, 10)
    keep()
    assert [row.cp_id for row in look().bottom] == ["B", "A"]
    ChargePoint.objects.filter(pk=other.pk).update(retired_at=NOW)
    ChargePoint.objects.filter(pk=one.pk).update(cp_id="NEW")
    make_charge_point("IDLE")
    found = look()
    assert [row.cp_id for row in found.bottom] == ["IDLE", "NEW"]
    assert [row.cp_id for row in found.top] == ["NEW", "B"]
    assert found.idle == 1


@pytest.mark.django_db
def test_of_a_site_nothing_is_remembered_as_charge_points_move() -> None:
    moving = make_charge_point("A", site="Harbour", created_at=NOW - 9 * DAY)
    session(moving, NOW - 2 * DAY, 500)
    trouble(moving, TODAY - DAY, NOW, faults=3)
    for day in (TODAY - DAY, TODAY):
        for site in ("Harbour", "Station"):
            add_up(day, NOW, site)
    keep()
    assert top("Harbour") == [("A", 500)]
    assert look("Harbour", back=1).most_faults == [("A", 3)]
    ChargePoint.objects.filter(pk=moving.pk).update(site="Station")
    assert top("Harbour") == []
    assert look("Harbour", back=1).most_faults == []
    assert top("Station") == [("A", 500)]
    assert look("Station", back=1).most_faults == [("A", 3)]


figures = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 4), st.sampled_from([0, 1, 2, 9])), max_size=14
)


@pytest.mark.django_db
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sessions=figures, out=st.sets(st.integers(0, 7)))
def test_the_few_that_are_told_are_the_first_of_all(
    db: None, sessions: list[tuple[int, int, int]], out: set[int]
) -> None:
    for model in (ChargePointDay, WholeDay, Late, Transaction, ChargePoint):
        model.objects.all().delete()
    points = [
        make_charge_point(f"{nth}", created_at=NOW - 9 * DAY, retired_at=NOW - DAY if nth in out else None)
        for nth in range(8)
    ]
    for nth, back, wh in sessions:
        session(points[nth], NOW - back * DAY - HOUR, wh)
    keep()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "LISTED", 2)
        found = look()
        told = found.top, found.bottom, found.idle
    every = found.every_charge_point()  # which leaves none out
    assert {row.cp_id for row in every} == {
        str(nth) for nth in range(8) if nth not in out or any(one[0] == nth for one in sessions)
    }
    done = [row for row in every if row.sessions]
    here = [row for row in every if int(row.cp_id) not in out]
    most = sorted(done, key=lambda row: (-row.energy_wh, -row.sessions, row.cp_id))
    least = sorted(here, key=lambda row: (row.energy_wh, row.sessions, row.cp_id))
    assert told == (most[:2], least[:2], sum(not row.sessions for row in here))


# --- hours ------------------------------------------------------------------------------------------------------------


def by_hour(site: str | None = None) -> list[tuple[datetime, int]]:
    found = Analysis(Window(hours(NOW - 3 * DAY, NOW, UTC_ZONE), UTC_ZONE, site), now=NOW)
    return [(step.at, step.energy_wh) for step in found.steps if step.sessions]


@pytest.mark.django_db
def test_hours_of_days_that_are_kept_are_remembered_until_one_of_them_changes() -> None:
    charge_point = make_charge_point(site="Harbour", created_at=NOW - 9 * DAY)
    at = NOW.replace(hour=3)
    late = session(charge_point, at - DAY, 500)
    session(charge_point, at - 2 * DAY, 700)
    session(charge_point, NOW - 4 * DAY, 1)  # before them
    keep()
    before = [(at - 2 * DAY, 700), (at - DAY, 500)]
    assert by_hour() == by_hour() == by_hour("Harbour") == before
    session(charge_point, at, 20)  # today
    assert by_hour() == [*before, (at, 20)]
    with CaptureQueriesContext(connection) as queries:
        by_hour()
    assert len([one for one in queries if Transaction._meta.db_table in one["sql"]]) == 1
    late.energy_wh = 900
    late.save()
    for _ in range(2):  # while it is summed up by whoever looks, and when it is kept anew
        assert by_hour() == by_hour("Harbour") == [(at - 2 * DAY, 700), (at - DAY, 900), (at, 20)]
        keep()
    assert not Late.objects.exists()
    ChargePoint.objects.filter(pk=charge_point.pk).update(site="Station")
    assert by_hour("Harbour") == []


# --- what went wrong --------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_troubles_are_read_again_when_one_of_their_days_was_made_anew(
    become: Callable[[Memory], None],
) -> None:
    one, other = (make_charge_point(name, created_at=NOW - HOUR) for name in ("A", "B"))
    trouble(one, TODAY - DAY, NOW - DAY)
    trouble(one, TODAY, NOW - HOUR, faults=1, offline_seconds=100)
    ours = Memory()
    become(ours)
    assert look(back=1).most_faults == [("A", 1)]
    with CaptureQueriesContext(connection) as queries:
        assert look(back=1).longest_offline == [("A", 100)]
    assert not [one for one in queries if Trouble._meta.db_table in one["sql"]]
    become(Memory())  # another process adds up the day
    trouble(other, TODAY, NOW, faults=2, offline_seconds=300)
    become(ours)
    assert look(back=1).most_faults == [("B", 2), ("A", 1)]
    assert look(back=1).longest_offline == [("B", 300), ("A", 100)]


@pytest.mark.django_db
def test_troubles_whose_day_is_gone_are_not_told_from_memory() -> None:
    charge_point = make_charge_point(created_at=NOW - 9 * DAY)
    for back in range(3):
        trouble(charge_point, TODAY - back * DAY, NOW, faults=1)
    assert look(back=2).most_faults == [("CP16", 3)]
    Day.objects.filter(
        day=TODAY - 2 * DAY
    ).delete()  # as it is when it is old: first the day, then its troubles
    assert look(back=2).most_faults == [("CP16", 3)]
    Trouble.objects.filter(day=TODAY - 2 * DAY).delete()
    assert look(back=2).most_faults == [("CP16", 2)]


# --- the memory itself ------------------------------------------------------------------------------------------------


def made(rows: int) -> Callable[[], list[int]]:
    return lambda: [0] * rows


def never() -> list[int]:
    raise AssertionError("it was to be remembered")


def test_a_value_is_made_once() -> None:
    memory = Memory()
    assert memory.find("a", made(2)) is memory.find("a", never)
    memory.forget()
    assert memory.find("a", made(1)) == [0]


def test_a_memory_is_bounded_and_forgets_what_was_not_asked_for_longest() -> None:
    memory = Memory(most=5)
    for key in ("a", "b"):
        memory.find(key, made(2))
    memory.find("a", never)
    memory.find("c", made(2))
    assert memory.find("b", made(1)) == [0]  # it was forgotten, and one row fits in
    memory.find("a", never)
    memory.find("c", never)


def test_what_has_more_rows_than_all_may_have_is_told_and_not_kept() -> None:
    memory = Memory(most=3)
    assert memory.find("whole", made(4)) == [0] * 4
    assert memory.find("whole", made(3)) == [0] * 3
    assert memory.find("whole", never) == [0] * 3


def test_a_value_that_another_thread_made_meanwhile_counts_once() -> None:
    memory = Memory(most=4)

    def slowly() -> list[int]:
        memory.find("a", made(2))
        return [1, 1]

    assert memory.find("a", slowly) == [1, 1]
    memory.find("b", made(2))
    assert memory.find("a", never) == [0, 0]
