"""Days that are over are summed up once, and what is shown is as exact as if all were summed up now, however late."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargers.models import ChargePoint, Connection, Process
from csms.core.time_zones import days as day_edges
from csms.core.time_zones import midnight
from tests.console.cast import make_charge_point, make_connector
from transactions.figures import minutes, whole_days
from transactions.figures.analysis import Analysis, Window
from transactions.figures.models import ChargePointDay, FirstSeen, Late, WholeDay
from transactions.figures.sums import NOTHING, SESSIONS, whole
from transactions.models import Transaction
from transactions.services import _adopt

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TODAY = date(2026, 5, 4)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
numbers = count(1)


@pytest.fixture(autouse=True)
def house_in_berlin(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    monkeypatch.setattr(whole_days.timezone, "now", lambda: NOW)


def session(charge_point: ChargePoint, begun: datetime, **more: Any) -> Transaction:
    values = {
        "status": "ended",
        "stopped_at": begun + HOUR,
        "energy_wh": 1000,
        "authorization": "Accepted",
        "end_source": "reported",
    }
    return Transaction.objects.create(
        transaction_id=str(next(numbers)),
        charge_point=charge_point,
        connector_number=1,
        started_at=begun,
        **(values | more),
    )


def keep(now: datetime = NOW) -> None:
    while whole_days.keep_days(now=now, zone=BERLIN):
        pass


def look(site: str | None = None, back: int = 6) -> Analysis:
    return Analysis(Window(day_edges(NOW - back * DAY, NOW, BERLIN), BERLIN, site), now=NOW)


def seen(analysis: Analysis) -> dict[str, Any]:
    names = (
        "steps",
        "sessions",
        "energy_wh",
        "seconds",
        "utilisation",
        "use",
        "funnel",
        "idle",
        "top",
        "bottom",
    )
    return {name: getattr(analysis, name) for name in names} | {"all": analysis.every_charge_point()}


def summed_now(site: str | None = None) -> dict[str, Any]:
    """What is seen when nothing is kept."""
    kept = list(WholeDay.objects.all())
    WholeDay.objects.all().delete()
    found = seen(look(site))
    WholeDay.objects.bulk_create(kept)
    return found


sessions = st.lists(
    st.fixed_dictionaries(
        {
            "charge_point": st.integers(0, 2),
            "minutes": st.integers(-9 * 1440, 0),
            "energy_wh": st.sampled_from([None, 0, 7, 10**12]),
            "status": st.sampled_from(["active", "ended"]),
            "orphan": st.booleans(),
            "superseded": st.booleans(),
            "authorization": st.sampled_from(["", "Accepted", "Invalid"]),
            "stop_reason": st.sampled_from(["", "Local", "PowerLoss"]),
            "end_source": st.sampled_from(["reported", "inferred"]),
        }
    ),
    max_size=12,
)
changes = st.lists(
    st.tuples(st.integers(0, 20), st.sampled_from(["energy", "end", "delete", "adopt", "new", "keep"])),
    max_size=5,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=sessions, then=changes)
def test_what_is_kept_is_what_would_be_summed_up_now_whatever_changes(
    db: None, rows: list[dict[str, Any]], then: list[tuple[int, str]]
) -> None:
    for model in (ChargePointDay, WholeDay, Late, FirstSeen, Transaction, ChargePoint):
        model.objects.all().delete()
    points = [
        make_charge_point(name, site=site, created_at=NOW - 20 * DAY)
        for name, site in (("A", "Harbour"), ("B", "Harbour"), ("C", ""))
    ]

    def tell(row: dict[str, Any]) -> None:
        begun = NOW + timedelta(minutes=row["minutes"])
        ended = {"stopped_at": begun + HOUR} if row["status"] == "ended" else {"stopped_at": None}
        more = {name: value for name, value in row.items() if name not in ("charge_point", "minutes")}
        session(points[row["charge_point"]], begun, **more, **ended)

    for row in rows:
        tell(row)
    keep()
    for number, change in then:
        every = list(Transaction.objects.order_by("pk"))
        if change == "keep":
            keep()
        elif change == "new" and rows:
            tell(rows[number % len(rows)])
        elif every:
            row = every[number % len(every)]
            if change == "energy":
                row.energy_wh = 77
                row.save()
            elif change == "end":
                row.end_seen_at = NOW
                row.save(update_fields=["end_seen_at"])
            elif change == "delete":
                row.delete()
            elif row.status == "ended":  # its start becomes known only now, and it was on another day
                _adopt(row, {"started_at": row.started_at - DAY, "start_received_at": NOW, "offline": True})
        for site in (None, "Harbour"):
            assert seen(look(site)) == summed_now(site)
    keep()
    assert not Late.objects.exists()
    for site in (None, "Harbour"):
        assert seen(look(site)) == summed_now(site)


def test_a_day_that_changed_is_read_until_it_is_made_anew() -> None:
    cp16 = make_charge_point(created_at=NOW - 3 * DAY)
    late = session(cp16, NOW - 2 * DAY)
    keep()
    assert {row.day for row in WholeDay.objects.all()} == {TODAY - DAY, TODAY - 2 * DAY, TODAY - 3 * DAY}
    late.refresh_from_db()
    late.energy_wh = 5
    late.save()
    kept = whole_days.kept_days(midnight(TODAY - 3 * DAY, BERLIN), NOW, BERLIN)
    assert set(kept) == {TODAY - DAY, TODAY - 3 * DAY}
    assert look().energy_wh == 5
    assert whole_days.keep_days(now=NOW, zone=BERLIN) == 1
    assert not Late.objects.exists()
    assert WholeDay.objects.get(day=TODAY - 2 * DAY).wh == 5


def test_a_session_of_today_leaves_no_mark_and_neither_does_what_is_not_summed_up(
    django_assert_num_queries: Any,
) -> None:
    today, earlier = session(make_charge_point(), NOW - HOUR), session(make_charge_point("B"), NOW - DAY)
    Late.objects.all().delete()
    with django_assert_num_queries(1):
        today.save()
    with django_assert_num_queries(1):
        earlier.save(update_fields=["anomalies"])
    assert not Late.objects.exists()
    with django_assert_num_queries(2):
        earlier.save()
    assert [row.started_at for row in Late.objects.all()] == [earlier.started_at]


def test_a_day_is_kept_when_what_was_changed_on_it_is_surely_stored() -> None:
    make_charge_point(created_at=NOW - 2 * HOUR)
    end = midnight(TODAY + DAY, BERLIN)
    assert whole_days.keep_days(now=end + whole_days.QUIET - timedelta(seconds=1), zone=BERLIN) == 0
    assert whole_days.keep_days(now=end + whole_days.QUIET, zone=BERLIN) == 1


def test_a_house_that_moves_forgets_the_days_that_it_had() -> None:
    session(make_charge_point(created_at=NOW - 2 * DAY), NOW - DAY)
    keep()
    whole_days.keep_days(now=NOW, zone=ZoneInfo("UTC"))
    assert {row.zone for row in (*WholeDay.objects.all(), *ChargePointDay.objects.all())} == {"UTC"}


def test_days_are_forgotten_when_they_are_old() -> None:
    session(make_charge_point(created_at=NOW - 2 * DAY), NOW - DAY)
    keep()
    keep(NOW + whole_days.KEPT - 5 * DAY)
    assert WholeDay.objects.filter(day=TODAY - DAY).exists()
    keep(NOW + whole_days.KEPT + DAY)
    assert not WholeDay.objects.filter(day=TODAY - DAY).exists()
    assert not ChargePointDay.objects.exists()


def test_what_was_noted_each_minute_is_kept_with_its_day() -> None:
    make_connector(make_charge_point(created_at=NOW - 2 * DAY), 1, "Charging")
    for back in (30 * HOUR, 29 * HOUR, HOUR):
        minutes.take_minute(now=NOW - back)
    before = look().use
    keep()
    assert WholeDay.objects.get(day=TODAY - DAY).noted == 2
    assert look().use == before == minutes.Use(3, 1.0, 1.0)


def test_the_first_connection_is_noted_once_and_found_without_it_too() -> None:
    cp16 = make_charge_point(created_at=NOW - 5 * DAY)
    make_connector(cp16)
    process = Process.objects.create(host="here", pid=1, started_at=NOW, seen_at=NOW)
    for back in (2, 1):
        Connection.objects.create(
            charge_point=cp16, process=process, protocol="ocpp1.6", opened_at=NOW - back * DAY
        )
    before = [step.utilisation for step in look().steps]
    keep()
    assert FirstSeen.objects.get().at == NOW - 2 * DAY
    assert [step.utilisation for step in look().steps] == before


def test_to_look_costs_the_same_whatever_is_kept(django_assert_max_num_queries: Any) -> None:
    points = [make_charge_point(f"CP{number}", created_at=NOW - 9 * DAY) for number in range(30)]
    for nth, point in enumerate(points):
        make_connector(point)
        session(point, NOW - nth * 5 * HOUR)
    for _ in range(2):
        with django_assert_max_num_queries(12):
            seen(look())
        keep()
    with CaptureQueriesContext(connection) as queries:
        look().sessions  # noqa: B018
    assert len(queries) == 3
    assert len([one for one in queries if "transactions_transaction" in one["sql"]]) == 1


def test_nothing_adds_up_to_nothing() -> None:
    assert whole(Transaction.objects.aggregate(**SESSIONS)) == NOTHING
