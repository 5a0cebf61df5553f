"""The network over time: a row a minute whoever takes it, gaps where nothing ran, days made from their reports."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargers.models import ChargePoint, Connection, Frame, Process, StatusReport
from csms import pruning
from csms.core.config import get_config
from csms.core.ids import uuid7_floor
from tests.console.cast import make_charge_point, make_connector
from transactions.figures import days, minutes
from transactions.figures.models import Day, Minute, Trouble
from transactions.models import Transaction

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 5, 4, 12, 0, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


def frame(at: datetime) -> Frame:
    return Frame.objects.create(
        pk=uuid7_floor(at),
        charge_point=make_or_get(),
        connection_id=uuid4(),
        at=at,
        direction="in",
        verdict="ok",
        text="[]",
    )


def make_or_get():  # type: ignore[no-untyped-def]
    from chargers.models import ChargePoint

    return ChargePoint.objects.first() or make_charge_point()


def report(charge_point, at: datetime, status: str, number: int = 1) -> None:  # type: ignore[no-untyped-def]
    StatusReport.objects.create(
        pk=uuid7_floor(at), charge_point=charge_point, connector_number=number, status=status, received_at=at
    )


def session(charge_point, at: datetime, **more: object) -> Transaction:  # type: ignore[no-untyped-def]
    return Transaction.objects.create(
        transaction_id=str(Transaction.objects.count() + 1),
        charge_point=charge_point,
        connector_number=1,
        started_at=at,
        **more,
    )


def test_a_minute_is_noted_once_however_many_workers_look() -> None:
    cp16 = make_charge_point(connection_id=uuid4())
    make_connector(cp16, 0)
    make_connector(cp16, 1, "Charging")
    make_connector(cp16, 2, "SuspendedEV")
    broken = make_charge_point("BROKEN")
    make_connector(broken, 1, "Faulted", error_code="GroundFailure")
    session(cp16, NOW - HOUR)
    frame(NOW - timedelta(seconds=15))
    frame(NOW - timedelta(seconds=5))  # may not be stored whole yet: it belongs to the next minute
    assert minutes.take_minute(now=NOW)
    assert not minutes.take_minute(now=NOW + timedelta(seconds=15))
    assert minutes.take_minute(now=NOW + timedelta(seconds=60))
    first, second = Minute.objects.order_by("at")
    assert first.at == datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    assert (first.known, first.online, first.faulted) == (2, 1, 1)
    assert (first.connectors, first.charging, first.occupied) == (3, 1, 2)
    assert (first.sessions, first.power_w, first.messages) == (1, None, 1)
    assert second.messages == 1


def test_to_note_a_minute_costs_the_same_for_one_charge_point_and_for_thirty() -> None:
    costs = []
    for number in (1, 30):
        for nth in range(number):
            make_connector(make_charge_point(f"CP{number}-{nth}"), 1, "Charging")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            minutes.take_minute(now=NOW + timedelta(minutes=number))
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 10


def test_where_nothing_ran_a_curve_has_a_gap() -> None:
    for minute in (0, 1, 2, 30):
        minutes.take_minute(now=NOW + timedelta(minutes=minute))
    found = minutes.points(since=NOW - HOUR, until=NOW + HOUR)
    kinds = ["gap" if isinstance(each, datetime) else each.at.minute for each in found]
    assert kinds == [0, "gap", 30]


def test_figures_go_when_they_are_old() -> None:
    minutes.take_minute(now=NOW)
    make_charge_point(created_at=NOW - HOUR)
    days.make_days(now=NOW, zone=BERLIN)
    pruning.prune(get_config(), now=NOW + timedelta(days=399))
    assert Minute.objects.exists()
    assert Day.objects.exists()
    pruning.prune(get_config(), now=NOW + timedelta(days=402))
    assert not Minute.objects.exists()
    assert not Day.objects.exists()


def test_a_day_tells_of_cars_faults_and_outages_in_the_zone_of_the_house() -> None:
    cp16 = make_charge_point(site="Harbour", created_at=NOW - timedelta(days=2))
    process = Process.objects.create(host="here", pid=1, started_at=NOW, seen_at=NOW)
    begun = datetime(2026, 5, 3, 22, 0, tzinfo=UTC)  # midnight in Berlin
    Connection.objects.create(
        charge_point=cp16,
        process=process,
        protocol="ocpp1.6",
        opened_at=begun - HOUR,
        closed_at=begun + 2 * HOUR,
    )
    Connection.objects.create(
        charge_point=cp16, process=process, protocol="ocpp1.6", opened_at=begun + 3 * HOUR
    )
    report(cp16, begun - HOUR, "Preparing")  # plugged in before: not a car of today
    report(cp16, begun + timedelta(minutes=1), "Charging")
    report(cp16, begun + 2 * HOUR, "Available")
    report(cp16, begun + 3 * HOUR, "Preparing")
    report(cp16, begun + 3.1 * HOUR, "Preparing")  # said twice
    report(cp16, begun + 4 * HOUR, "Faulted")
    report(cp16, begun + 4.1 * HOUR, "Faulted")
    days.make_day(date(2026, 5, 4), now=NOW, zone=BERLIN)
    day = Day.objects.get(site="Harbour")
    assert (day.plugged, day.faults, day.offline_seconds) == (1, 1, 3600)
    assert day.known_seconds == (NOW - begun).total_seconds()
    [trouble] = Trouble.objects.all()
    assert (trouble.faults, trouble.offline_seconds) == (1, 3600)

    # Made again, it is the same; a charge point that moved takes its day along.
    cp16.site = "Station"
    cp16.save()
    days.make_day(date(2026, 5, 4), now=NOW, zone=BERLIN)
    assert {row.site for row in Day.objects.all()} == {"", "Station"}
    assert Trouble.objects.count() == 1
    assert (
        days.by_day(date(2026, 5, 4), date(2026, 5, 4), zone=BERLIN, site="Station")[date(2026, 5, 4)][
            "plugged"
        ]
        == 1
    )
    [troubled] = days.troubles(date(2026, 5, 1), date(2026, 5, 4), zone=BERLIN, site="Station")
    assert troubled == (cp16.pk, 1, 3600)


TODAY = date(2026, 5, 4)
BEGUN = datetime(2026, 5, 3, 22, 0, tzinfo=UTC)  # midnight in Berlin


def test_a_day_that_lasts_is_gone_on_with_from_the_last_report_counted() -> None:
    cp16 = make_charge_point()
    report(cp16, BEGUN + HOUR, "Preparing")
    report(cp16, BEGUN + 1.1 * HOUR, "Faulted", 0)
    days.make_day(TODAY, now=BEGUN + 2 * HOUR, zone=BERLIN)
    StatusReport.objects.all().delete()  # so that only who remembers them still counts them
    report(cp16, BEGUN + 3 * HOUR, "Charging")  # the same car
    report(cp16, BEGUN + 3.1 * HOUR, "Faulted", 0)  # the same fault
    report(cp16, BEGUN + 4 * HOUR, "Available")
    report(cp16, BEGUN + 5 * HOUR, "Charging")
    days.make_day(TODAY, now=BEGUN + 6 * HOUR, zone=BERLIN)
    row = Day.objects.get()
    assert (row.plugged, row.faults) == (2, 1)
    # In another zone it is another day; and once it is over it is counted as a whole.
    days.make_day(date(2026, 5, 3), now=BEGUN + 1.9 * HOUR, zone=ZoneInfo("UTC"))
    assert Day.objects.get(zone="UTC").plugged == 0
    StatusReport.objects.all().delete()
    days.make_day(TODAY, now=BEGUN + 25 * HOUR, zone=BERLIN)
    assert Day.objects.get(day=TODAY).plugged == 0


states = st.sampled_from(["Available", "Preparing", "Charging", "Finishing", "Faulted", ""])
reports = st.lists(st.tuples(st.integers(-300, 700), st.integers(0, 2), states), max_size=25)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=reports, looks=st.lists(st.integers(1, 700), max_size=4))
def test_however_often_a_day_is_looked_at_it_adds_up_to_the_same(
    db: None, reports: list[tuple[int, int, str]], looks: list[int]
) -> None:
    for model in (StatusReport, Trouble, Day, ChargePoint):
        model.objects.all().delete()
    days.forget_lasting()
    cp16 = make_charge_point()
    for nth, (minute, number, status) in enumerate(reports):
        report(cp16, BEGUN + timedelta(minutes=minute, milliseconds=nth), status, number)

    def look(minute: int) -> tuple[int, int]:
        days.make_day(TODAY, now=BEGUN + timedelta(minutes=minute), zone=BERLIN)
        row = Day.objects.get()
        return row.plugged, row.faults

    for minute in sorted(looks):
        look(minute)
    gone_on_with = look(710)
    days.forget_lasting()
    assert look(710) == gone_on_with
    assert look(25 * 60) == gone_on_with  # it is over


def test_where_no_connector_tells_of_cars_the_sessions_are_counted() -> None:
    cp16 = make_charge_point()
    session(cp16, NOW - HOUR)
    session(cp16, NOW - HOUR / 2)
    days.make_day(date(2026, 5, 4), now=NOW, zone=BERLIN)
    assert Day.objects.get().plugged == 2


def test_days_that_are_missing_are_made_newest_first_and_a_day_that_is_over_once_more() -> None:
    make_charge_point(created_at=NOW - timedelta(days=3))
    assert days.make_days(now=NOW, zone=BERLIN) == 2
    assert {row.day for row in Day.objects.all()} == {date(2026, 5, 4), date(2026, 5, 3)}
    assert days.make_days(now=NOW, zone=BERLIN) == 2
    assert days.make_days(now=NOW, zone=BERLIN) == 0
    later = NOW + days.AGAIN
    assert days.make_days(now=later, zone=BERLIN) == 1  # the day that lasts
    tomorrow = datetime(2026, 5, 4, 23, 30, tzinfo=UTC)  # in Berlin it is over for an hour and a half
    assert days.make_days(now=tomorrow, zone=BERLIN) == 2
    assert Day.objects.get(day=date(2026, 5, 4)).made_at == tomorrow
    assert days.make_days(now=tomorrow + 2 * days.AGAIN, zone=BERLIN) == 1
    assert Day.objects.get(day=date(2026, 5, 4)).made_at == tomorrow
