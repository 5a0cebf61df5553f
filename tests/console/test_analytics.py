"""How the network did: the same sums as the API's, each stage of a driver's way, the worst first, days of the house."""

import csv
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from chargers.models import ChargePoint, Connection, Process, StatusReport
from csms.core.ids import uuid7_floor
from csms.core.time_zones import days as day_edges
from tests.console.cast import HOSTILE, make_charge_point, make_connector
from transactions.figures import days
from transactions.figures.analysis import Analysis, Window
from transactions.models import Transaction

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PATH = "/inspect/analytics"


def session(
    charge_point: ChargePoint,
    begun: datetime,
    *,
    minutes: int | None = 60,
    wh: int | None = 10_000,
    **more: object,
) -> Transaction:
    ended = {"status": "ended", "stopped_at": begun + timedelta(minutes=minutes or 0), "energy_wh": wh}
    values = (
        {"authorization": "Accepted", "end_source": "reported"}
        | (ended if minutes is not None else {})
        | more
    )
    return Transaction.objects.create(
        transaction_id=str(Transaction.objects.count() + 1),
        charge_point=charge_point,
        connector_number=1,
        id_token="DRIVER1",
        started_at=begun,
        **values,
    )


def analysis(now: datetime = NOW, back: int = 7, site: str | None = None) -> Analysis:
    return Analysis(Window(day_edges(now - back * 24 * HOUR, now, BERLIN), BERLIN, site), now=now)


def test_a_session_at_midnight_belongs_to_the_day_of_the_house() -> None:
    cp16 = make_charge_point()
    session(cp16, datetime(2026, 5, 3, 22, 30, tzinfo=UTC), wh=5000)  # 0:30 on the fourth, in Berlin
    last = analysis().steps[-1]
    assert (last.sessions, last.energy_wh) == (1, 5000)
    assert last.at == datetime(2026, 5, 3, 22, 0, tzinfo=UTC)


def test_the_sums_are_those_of_the_api(alice: Client) -> None:
    cp16, cs201 = make_charge_point(site="Harbour"), make_charge_point("CS201", site="Station")
    now = timezone.now()
    for number in range(5):
        session(cp16, now - number * 20 * HOUR, wh=1000 + number)
        session(cs201, now - number * 30 * HOUR, wh=7)
    query = {"from": (now - timedelta(days=6)).isoformat(), "to": now.isoformat(), "site": "Harbour"}
    rows = alice.get("/api/v1/transactions/aggregates/", query).json()["results"]
    ours = Analysis(
        Window(day_edges(now - timedelta(days=6), now, ZoneInfo("UTC")), ZoneInfo("UTC"), "Harbour"), now=now
    )
    theirs = [(row["sessions_started"], row["energy_wh"], row["duration_seconds"]) for row in rows]
    assert [(step.sessions, step.energy_wh, step.seconds) for step in ours.steps] == theirs
    assert ours.energy_wh == sum(wh for _, wh, _ in theirs) > 0


def test_use_is_the_time_of_sessions_by_the_time_of_connectors() -> None:
    cp16 = make_charge_point(created_at=NOW - timedelta(days=9))
    make_connector(cp16, 0)
    make_connector(cp16, 1)
    make_connector(cp16, 2)
    session(cp16, NOW - 5 * HOUR, minutes=120)
    session(cp16, NOW - HOUR, minutes=None)  # runs for an hour
    found = analysis(back=0)
    assert found.connectors == 2
    passed = (NOW - datetime(2026, 5, 3, 22, 0, tzinfo=UTC)).total_seconds() * 2
    assert found.utilisation == pytest.approx(3 * 3600 / passed)


def test_use_is_by_the_time_that_is_known_as_the_uptime_is() -> None:
    """A house of two days does not have thirty; a connector that came today was not idle before."""
    old, new = make_charge_point(created_at=NOW - timedelta(days=9)), make_charge_point("CS201")
    process = Process.objects.create(host="here", pid=1, started_at=NOW, seen_at=NOW)
    for charge_point, back in ((old, 48), (new, 3)):
        make_connector(charge_point)
        opened = {"protocol": "ocpp1.6", "opened_at": NOW - back * HOUR}
        Connection.objects.create(charge_point=charge_point, process=process, **opened)
    session(old, NOW - 10 * HOUR, minutes=5 * 60 + 6)
    found = analysis(back=30)
    assert found.connectors == 2
    assert found.utilisation == pytest.approx(5.1 / (48 + 3))
    by_day = [step.utilisation for step in found.steps]
    assert by_day[:-3] == [None] * (len(by_day) - 3)  # nobody knows, which is not nought
    assert by_day[-3:] == pytest.approx([0, 0, 5.1 / (14 + 3)])


def test_days_before_the_house_are_not_missing_and_the_age_of_the_figures_is_told_always(bob: Client) -> None:
    now = timezone.now()
    make_connector(make_charge_point(created_at=now - timedelta(days=4)))
    assert "5 days were not added up yet" in bob.get(PATH).content.decode()
    days.make_days(now=now, zone=ZoneInfo("UTC"))
    page = bob.get(PATH).content.decode()
    assert "3 days were not added up yet" in page
    assert "Cars, faults and uptime as of" in page
    for _ in range(2):
        days.make_days(now=now, zone=ZoneInfo("UTC"))
    page = bob.get(PATH).content.decode()
    assert "added up yet" not in page
    assert "Cars, faults and uptime as of" in page


def test_each_stage_of_a_drivers_way_is_a_part_of_the_one_before() -> None:
    cp16 = make_charge_point(created_at=NOW - timedelta(days=3))
    for number in range(9):  # nine cars, two of which nobody let charge
        for status, minute in (("Preparing", 0), ("Available", 30)):
            at = NOW - timedelta(hours=9 - number, minutes=-minute)
            StatusReport.objects.create(
                pk=uuid7_floor(at), charge_point=cp16, connector_number=1, status=status, received_at=at
            )
    begun = NOW - 6 * HOUR
    session(cp16, begun)
    session(cp16, begun, stop_reason="EVDisconnected")
    session(cp16, begun, stop_reason="PowerLoss")
    session(cp16, begun, end_source="inferred")
    session(cp16, begun, wh=0)
    session(cp16, begun, authorization="Invalid")
    session(cp16, begun, minutes=None)
    days.make_days(now=NOW, zone=BERLIN)
    found = analysis(back=0).funnel
    assert (found.plugged, found.authorised, found.charged, found.clean, found.running) == (8, 5, 4, 2, 1)


def test_best_and_worst_are_named_and_those_without_a_session_counted() -> None:
    best, least = make_charge_point("BEST"), make_charge_point("LEAST")
    make_charge_point("IDLE")
    make_charge_point("GONE", retired_at=NOW)
    session(best, NOW - HOUR, wh=9000)
    session(least, NOW - HOUR, wh=100)
    found = analysis()
    assert [row.cp_id for row in found.top] == ["BEST", "LEAST"]
    assert [row.cp_id for row in found.bottom] == ["IDLE", "LEAST", "BEST"]
    assert found.idle == 1


def test_the_page_tells_it_to_whoever_may_look_and_to_nobody_else(bob: Client, client: Client) -> None:
    assert client.get(PATH).status_code == 302
    assert "Nothing to analyse yet" in bob.get(PATH).content.decode()
    cp16 = make_charge_point(site=HOSTILE, created_at=timezone.now() - timedelta(days=3))
    make_connector(cp16)
    session(cp16, timezone.now() - 2 * HOUR)
    days.make_days(now=timezone.now(), zone=ZoneInfo("UTC"))
    for query in (
        "",
        "?range=7",
        "?range=90",
        "?by=hour&range=7",
        "?site=" + HOSTILE,
        "?since=2020-01-01&until=2020-02-01",
    ):
        page = bob.get(PATH + query).content.decode()
        assert HOSTILE not in page, query
        assert "days of UTC" in page, query
    assert "10.00" in bob.get(PATH).content.decode()


def test_no_more_is_looked_at_than_was_promised(bob: Client) -> None:
    make_connector(make_charge_point())
    page = bob.get(PATH + "?since=2020-01-01").content.decode()
    assert "At most 92 days are looked at together" in page
    assert "At most 8 days" in bob.get(PATH + "?by=hour").content.decode()
    for odd in (
        "?since=9998-12-31",
        "?until=1970-01-01",
        "?range=all&by=year&site=nowhere",
        "?since=yesterday",
    ):
        assert bob.get(PATH + odd).status_code == 200


def test_the_figures_can_be_taken_along(bob: Client) -> None:
    cp16 = make_charge_point()
    make_connector(cp16)
    session(cp16, timezone.now() - 2 * HOUR, wh=1234)

    def rows(query: str) -> list[dict[str, str]]:
        answer = bob.get(f"{PATH}?export=csv&{query}")
        assert answer["Content-Type"].startswith("text/csv")
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        return list(csv.DictReader(text.splitlines()))

    by_day = rows("range=7")
    assert len(by_day) == 7
    assert sum(int(row["Energy (Wh)"]) for row in by_day) == 1234
    assert rows("of=charge-points")[0]["Charge point"] == "CP16"


def test_it_costs_the_same_for_one_session_and_for_thirty(bob: Client, django_assert_max_num_queries) -> None:
    now = timezone.now()
    for number in range(30):
        cp = make_charge_point(f"CP{number}", site=f"Site {number}")
        make_connector(cp)
        session(cp, now - number * HOUR)
        if number in (0, 29):
            with django_assert_max_num_queries(18):
                bob.get(PATH)
