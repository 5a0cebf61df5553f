"""Connections, status history, offline windows and uptime through the API."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargers import connections
from chargers.history.uptime import Span, measure
from chargers.models import ChargePoint, Connection, Process, StatusReport
from chargers.protocol.versions import Version
from csms.core.config import get_config
from csms.core.ids import uuid7, uuid7_floor
from csms.pruning import prune
from tests.api.cast import API, NOON, charge_point
from tests.api.test_paging import pages

CONNECTIONS = f"{API}/connections/"
OF_CP16 = f"{API}/charge-points/CP16"
DAY = "from=2026-03-04T00:00:00Z&to=2026-03-05T00:00:00Z"


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def wrote(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def process(db: None) -> Process:
    return Process.objects.create(host="here ab12", pid=7, started_at=NOON, seen_at=NOON)


@pytest.fixture
def connected(process: Process) -> Any:
    """Makes a connection of a charge point, in minutes after noon; without an end it holds the charge point."""

    def make(charger: ChargePoint, opened: float, closed: float | None = None, **values: Any) -> Connection:
        end = {} if closed is None else {"closed_at": at(closed), "close_code": 1000, "close_reason": "done"}
        values = {"protocol": "ocpp1.6", "peer": "10.0.0.1", "user_agent": "Acme/1"} | end | values
        row = Connection.objects.create(charge_point=charger, process=process, opened_at=at(opened), **values)
        if closed is None:
            ChargePoint.objects.filter(pk=charger.pk).update(connection_id=row.pk)
        return row

    return make


# --- connections ------------------------------------------------------------------------------------------------------


def test_a_connection_tells_from_where_to_whom_and_why_it_ended(
    bob: APIClient, connected: Any, process: Process, django_assert_num_queries: Any
) -> None:
    row = connected(charge_point(), 0, 90, close_code=4001, close_reason="its server process was lost")
    with django_assert_num_queries(3):  # token and its use, connections
        body = bob.get(f"{CONNECTIONS}?{DAY}").json()
    shown = {
        "id": str(row.pk),
        "cp_id": "CP16",
        "opened_at": "2026-03-04T12:00:00.000Z",
        "closed_at": "2026-03-04T13:30:00.000Z",
        "duration_seconds": 5400.0,
        "close_code": 4001,
        "close_reason": "its server process was lost",
        "protocol": "ocpp1.6",
        "peer": "10.0.0.1",
        "user_agent": "Acme/1",
        "process_id": str(process.pk),
        "process": "here ab12:7",
    }
    assert body["results"] == [shown]
    with django_assert_num_queries(3):  # token, charge point, rows
        assert bob.get(f"{OF_CP16}/connections/?{DAY}").json()["results"] == [shown]


def test_connections_are_listed_if_they_were_open_in_the_window(bob: APIClient, connected: Any) -> None:
    cp16 = charge_point()
    for name, (opened, closed) in {"a": (0, 10), "b": (20, 30), "c": (40, 50), "d": (60, None)}.items():
        connected(cp16, opened, closed, user_agent=name)

    def listed(begin: float, end: float) -> str:
        url = f"{CONNECTIONS}?from={wrote(at(begin))}&to={wrote(at(end))}"
        return "".join(row["user_agent"] for row in bob.get(url).json()["results"])

    assert listed(25, 26) == "b"
    assert listed(10, 20) == "a"  # it closed at the very beginning; the end is exclusive
    assert listed(15, 45) == "cb"
    assert listed(31, 39) == ""
    assert listed(500, 501) == "d"


def test_connections_are_filtered(bob: APIClient, connected: Any) -> None:
    cp16, other = charge_point(), charge_point("OTHER")
    connected(cp16, 0, 10, user_agent="a", close_code=1006)
    connected(cp16, 20, None, user_agent="b", protocol="ocpp2.0.1")
    connected(other, 30, 40, user_agent="c", peer="fe80::1")
    cases = {
        "": "cba",
        "&open=true": "b",
        "&open=false": "ca",
        "&cp_id=cp16": "ba",
        "&cp_id=NOBODY": "",
        "&protocol=ocpp2.0.1": "b",
        "&close_code=1006": "a",
        "&peer=fe80::1": "c",
        "&sort=opened_at": "abc",
        "&sort=closed_at": "acb",
        "&sort=-closed_at": "cab",  # what is open comes last either way
    }
    found = {
        q: "".join(r["user_agent"] for r in bob.get(f"{CONNECTIONS}?{DAY}{q}").json()["results"])
        for q in cases
    }
    assert found == cases
    own = bob.get(f"{OF_CP16}/connections/?{DAY}&open=false").json()["results"]
    assert [row["user_agent"] for row in own] == ["a"]


def test_what_is_open_now_is_listed_however_long_ago_it_was_opened(bob: APIClient, connected: Any) -> None:
    row = connected(charge_point(), -60 * 24 * 200)
    assert [r["id"] for r in bob.get(f"{CONNECTIONS}?open=true").json()["results"]] == [str(row.pk)]


def test_newcomers_shift_no_page_of_connections(bob: APIClient, connected: Any) -> None:
    cp16 = charge_point()
    wanted = [str(connected(cp16, 10 * n, 10 * n + 5).pk) for n in range(5)][::-1]
    seen = pages(bob, f"{CONNECTIONS}?{DAY}", lambda number: connected(cp16, 100 + number, 101 + number))
    assert [row["id"] for row in seen] == wanted


def test_what_a_charge_point_writes_is_shown_and_no_formula_in_csv(bob: APIClient, connected: Any) -> None:
    evil = '=HYPERLINK("http://evil")\r\n<script>'
    connected(charge_point(), 0, 10, user_agent=evil, close_reason="@SUM(1)")
    [row] = bob.get(f"{CONNECTIONS}?{DAY}").json()["results"]
    assert (row["user_agent"], row["close_reason"]) == (evil, "@SUM(1)")
    answer = bob.get(f"{CONNECTIONS}?{DAY}&format=csv")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert answer["Content-Type"].startswith("text/csv")
    assert """"'=HYPERLINK(""http://evil"")""" in text
    assert ",'@SUM(1)," in text


# --- status history ---------------------------------------------------------------------------------------------------


def report(charger: ChargePoint, minutes: float, **values: Any) -> StatusReport:
    pk = uuid7_floor(at(minutes))
    values = {"connector_number": 1, "status": "Available", "error_code": "NoError"} | values
    return StatusReport.objects.create(
        id=type(pk)(int=pk.int + charger.pk), charge_point=charger, received_at=at(minutes), **values
    )


def test_a_status_report_has_both_clocks(bob: APIClient, django_assert_num_queries: Any) -> None:
    row = report(
        charge_point(),
        0,
        status="Faulted",
        error_code="OtherError",
        info="=1+1",
        vendor_id="acme",
        vendor_error_code="E\u202e7",
        status_at=NOON - timedelta(hours=3),
    )
    shown = {
        "id": str(row.pk),
        "cp_id": "CP16",
        "connector_id": 1,
        "status": "Faulted",
        "error_code": "OtherError",
        "info": "=1+1",
        "vendor_id": "acme",
        "vendor_error_code": "E\u202e7",
        "status_at": "2026-03-04T09:00:00.000Z",
        "received_at": "2026-03-04T12:00:00.000Z",
    }
    with django_assert_num_queries(3):  # token and its use, reports
        assert bob.get(f"{API}/status-history/?{DAY}").json()["results"] == [shown]
    with django_assert_num_queries(3):  # token, charge point, rows
        assert bob.get(f"{OF_CP16}/status-history/?{DAY}").json()["results"] == [shown]


def test_status_history_is_filtered_and_ends_at_its_bounds(bob: APIClient) -> None:
    cp16, other = charge_point(), charge_point("OTHER")
    report(cp16, 0, info="a", connector_number=0)
    report(cp16, 1, info="b", status="Faulted", error_code="GroundFailure")
    report(other, 2, info="c", status="Charging")
    report(cp16, 60 * 12, info="d")  # midnight
    report(cp16, -60 * 12, info="e")
    cases = {
        "": "cbae",
        "&connector_id=0": "a",
        "&status=Faulted": "b",
        "&status=faulted": "",
        "&error_code=GroundFailure": "b",
        "&cp_id=other": "c",
        "&cp_id=nobody": "",
        "&sort=received_at": "eabc",
    }
    found = {
        q: "".join(r["info"] for r in bob.get(f"{API}/status-history/?{DAY}{q}").json()["results"])
        for q in cases
    }
    assert found == cases
    own = bob.get(f"{OF_CP16}/status-history/?{DAY}&connector_id=1").json()["results"]
    assert [row["info"] for row in own] == ["b", "e"]


def test_newcomers_shift_no_page_of_the_status_history(bob: APIClient) -> None:
    cp16 = charge_point()
    wanted = [str(report(cp16, n).pk) for n in range(5)][::-1]
    seen = pages(bob, f"{API}/status-history/?{DAY}", lambda number: report(cp16, 100 + number))
    assert [row["id"] for row in seen] == wanted


# --- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "days"),
    [
        ("connections/", 31),
        ("charge-points/CP16/connections/", 366),
        ("status-history/", 7),
        ("charge-points/CP16/status-history/", 31),
        ("charge-points/CP16/offline-windows/", 90),
        ("charge-points/CP16/uptime/", 90),
        ("uptime/", 90),
        ("charge-points/CP16/frames/", 7),
        ("frames/", 1),
    ],
)
def test_windows_have_a_bound_and_say_so(bob: APIClient, refusal: Any, path: str, days: int) -> None:
    charge_point()
    url = f"{API}/{path}?to={wrote(NOON)}&from="
    fits = bob.get(url + wrote(NOON - timedelta(days=days)))
    assert fits.json()["window"] == {"from": wrote(NOON - timedelta(days=days)), "to": wrote(NOON)}
    too_long = wrote(NOON - timedelta(days=days, milliseconds=1))
    error = refusal(bob.get(url + too_long), 422, "window_too_large", "from")
    assert f"longer than {days} day" in error["detail"]
    refusal(bob.get(url + wrote(NOON)), 422, "invalid", "from")
    default = bob.get(f"{API}/{path}").json()["window"]
    length = datetime.fromisoformat(default["to"]) - datetime.fromisoformat(default["from"])
    assert length == timedelta(hours=24)


@pytest.mark.parametrize("path", ["connections", "status-history", "offline-windows", "uptime", "frames"])
def test_an_unknown_charge_point_has_no_past(bob: APIClient, refusal: Any, path: str) -> None:
    refusal(bob.get(f"{API}/charge-points/NOBODY/{path}/"), 404, "unknown_charge_point")


# --- offline windows --------------------------------------------------------------------------------------------------


def windows(bob: APIClient, query: str = DAY) -> list[Any]:
    answer = bob.get(f"{OF_CP16}/offline-windows/?{query}")
    assert answer.status_code == 200, answer.json()
    return list(answer.json()["results"])


def test_an_outage_tells_how_the_connection_before_it_ended(
    bob: APIClient, connected: Any, django_assert_num_queries: Any
) -> None:
    cp16 = charge_point()
    row = connected(cp16, 0, 10, close_code=1006, close_reason="<b>gone</b>")
    connected(cp16, 15.5)
    with django_assert_num_queries(6):  # token and its use, charge point, its bounds, connections, a page
        assert windows(bob) == [
            {
                "went_offline_at": wrote(at(10)),
                "came_online_at": wrote(at(15.5)),
                "seconds": 330.0,
                "connection_id": str(row.pk),
                "close_code": 1006,
                "close_reason": "<b>gone</b>",
            }
        ]


def test_an_outage_that_goes_on_is_listed_and_counted(bob: APIClient, connected: Any) -> None:
    cp16 = charge_point()
    connected(cp16, 0, 10)
    [row] = windows(bob)
    assert (row["went_offline_at"], row["came_online_at"]) == (wrote(at(10)), None)
    assert row["seconds"] == pytest.approx((timezone.now() - at(10)).total_seconds(), abs=600)
    # It is listed in every window that it reaches into, up to now.
    assert len(windows(bob, "")) == 1
    assert windows(bob, f"from={wrote(at(-60))}&to={wrote(at(10))}") == []
    body = bob.get(f"{OF_CP16}/uptime/?{DAY}").json()
    assert (body["outages"], body["offline_seconds"]) == (1, 12 * 3600 - 600)


def test_outages_come_whole_newest_first_or_oldest_first(bob: APIClient, connected: Any) -> None:
    cp16 = charge_point()
    for opened, closed in [(0, 10), (20, 30), (40, 50), (60, None)]:
        connected(cp16, opened, closed)
    query = f"from={wrote(at(15))}&to={wrote(at(55))}"
    newest = [(row["went_offline_at"], row["seconds"]) for row in windows(bob, query)]
    assert newest == [(wrote(at(50)), 600.0), (wrote(at(30)), 600.0), (wrote(at(10)), 600.0)]
    oldest = [row["went_offline_at"] for row in windows(bob, f"{query}&sort=went_offline_at")]
    assert oldest == [went for went, _ in newest[::-1]]


def test_a_takeover_is_no_outage(bob: APIClient, connected: Any) -> None:
    cp16 = charge_point()
    connected(cp16, 0, 10)
    connected(cp16, 10, 20)
    connected(cp16, 19, 30)
    connected(cp16, 40, None)
    assert [row["went_offline_at"] for row in windows(bob)] == [wrote(at(30))]


def test_pages_of_outages_are_not_shifted_by_new_ones(bob: APIClient, connected: Any) -> None:
    cp16 = charge_point()
    for n in range(6):
        connected(cp16, 10 * n, 10 * n + 5)

    def newcomer(number: int) -> None:
        connected(cp16, 200 + 10 * number, 205 + 10 * number)

    seen = [row["went_offline_at"] for row in pages(bob, f"{OF_CP16}/offline-windows/?{DAY}", newcomer)]
    assert seen == [wrote(at(10 * n + 5)) for n in range(5, -1, -1)]


def test_after_it_was_retired_nothing_is_an_outage(bob: APIClient, connected: Any) -> None:
    cp16 = charge_point(retired_at=at(60))
    connected(cp16, 0, 10)
    connected(cp16, 20, 61)  # it hangs up when it is told
    assert [row["went_offline_at"] for row in windows(bob)] == [wrote(at(10))]
    body = bob.get(f"{OF_CP16}/uptime/?{DAY}").json()
    assert [body[f"{kind}_seconds"] for kind in ("online", "offline", "unknown")] == [3000, 600, 82800]


def test_a_charge_point_that_never_connected_has_neither(bob: APIClient) -> None:
    charge_point()
    assert windows(bob) == []
    assert bob.get(f"{OF_CP16}/uptime/?{DAY}").json() == {
        "cp_id": "CP16",
        "online": False,
        "known_since": None,
        "online_seconds": 0.0,
        "offline_seconds": 0.0,
        "unknown_seconds": 86400.0,
        "share": None,
        "outages": 0,
        "longest_outage_seconds": 0.0,
        "window": {"from": "2026-03-04T00:00:00.000Z", "to": "2026-03-05T00:00:00.000Z"},
    }


def test_too_many_connections_are_not_looked_at_together(
    bob: APIClient, connected: Any, refusal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chargers.history.selectors.CONNECTIONS_MAX", 3)
    cp16 = charge_point()
    for n in range(4):
        connected(cp16, 10 * n, 10 * n + 5)
    answer = bob.get(f"{OF_CP16}/offline-windows/?{DAY}")
    assert "More than 3" in refusal(answer, 422, "window_too_large", "from")["detail"]


def test_a_page_of_uptime_looks_at_so_many_connections_and_a_file_at_all(
    bob: APIClient, connected: Any, refusal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chargers.history.selectors.TOGETHER_MAX", 3)
    chargers = [charge_point(cp_id) for cp_id in ("A", "B", "C")]
    for charger in chargers:
        for n in range(3):
            connected(charger, 10 * n, 10 * n + 5)
    url = f"{API}/uptime/?{DAY}"
    assert "More than 3" in refusal(bob.get(url), 422, "window_too_large", "from")["detail"]
    alone = [bob.get(f"{url}&q={cp_id}").json()["results"][0] for cp_id in ("A", "B", "C")]
    answer = bob.get(f"{url}&format=ndjson")
    lines = b"".join(answer.streaming_content).splitlines()  # type: ignore[attr-defined]
    assert [json.loads(line) for line in lines] == alone
    connected(chargers[0], 40, 45)
    refusal(bob.get(f"{API}/charge-points/A/uptime/?{DAY}"), 422, "window_too_large", "from")


def test_what_a_lost_process_held_ends_when_the_loss_is_noticed(bob: APIClient) -> None:
    now = timezone.now().replace(microsecond=0)
    cp16 = charge_point()
    guest = connections.admit("CP16", now=now)

    def connect(minutes_ago: float) -> UUID:
        moment = now - timedelta(minutes=minutes_ago)
        process = Process.objects.create(host="gone", pid=1, started_at=moment, seen_at=moment)
        opened = connections.open_connection(
            guest,
            connection_id=uuid7(),
            process_id=process.pk,
            version=Version.V16,
            peer="10.0.0.1",
            user_agent="",
            now=moment,
        )
        return opened.connection_id

    connect(60)
    connections.sweep_processes(now=now - timedelta(minutes=50))
    connect(20)
    connect(10)  # takes over: no outage
    [row] = bob.get(f"{OF_CP16}/offline-windows/").json()["results"]
    assert (row["went_offline_at"], row["came_online_at"]) == (
        wrote(now - timedelta(minutes=50)),
        wrote(now - timedelta(minutes=20)),
    )
    assert (row["close_code"], row["close_reason"]) == (4001, "its server process was lost")
    lost, replaced, held = bob.get(f"{CONNECTIONS}?cp_id={cp16.cp_id}&sort=opened_at").json()["results"]
    assert (lost["close_code"], replaced["close_code"], held["close_code"]) == (4001, 4000, None)


def test_after_retention_the_past_is_known_as_far_as_it_is_kept(bob: APIClient, connected: Any) -> None:
    cp16 = charge_point()
    connected(cp16, -9000, -8000)
    connected(cp16, -7000, -6000)
    connected(cp16, 60, None)
    days = get_config().retain_connections_days
    prune(get_config(), now=at(-5000) + timedelta(days=days))
    body = bob.get(f"{OF_CP16}/uptime/?{DAY}").json()
    # Of the outage that reaches into what is kept nothing is lost; what was before its connection is unknown.
    assert body["known_since"] == wrote(at(-7000))
    assert (body["offline_seconds"], body["outages"]) == (13 * 3600.0, 1)
    before = f"from={wrote(at(-9500))}&to={wrote(at(-6500))}"
    body = bob.get(f"{OF_CP16}/uptime/?{before}").json()
    assert (body["unknown_seconds"], body["online_seconds"]) == (2500 * 60.0, 500 * 60.0)


# --- uptime -----------------------------------------------------------------------------------------------------------


def test_uptime_counts_from_the_first_connection_on(
    bob: APIClient, connected: Any, django_assert_num_queries: Any
) -> None:
    cp16 = charge_point()
    connected(cp16, 0, 60)
    connected(cp16, 90, 120)
    connected(cp16, 121, None)
    with django_assert_num_queries(5):  # token and its use, charge point, its bounds, connections
        body = bob.get(f"{OF_CP16}/uptime/?{DAY}").json()
    assert body == {
        "cp_id": "CP16",
        "online": True,
        "known_since": "2026-03-04T12:00:00.000Z",
        "online_seconds": 43200.0 - 31 * 60,
        "offline_seconds": 31 * 60.0,
        "unknown_seconds": 43200.0,
        "share": "0.956944",
        "outages": 2,
        "longest_outage_seconds": 1800.0,
        "window": {"from": "2026-03-04T00:00:00.000Z", "to": "2026-03-05T00:00:00.000Z"},
    }


def test_connections_before_the_window_tell_what_it_began_with(bob: APIClient, connected: Any) -> None:
    cp16 = charge_point()
    connected(cp16, -5000, -4000)
    connected(cp16, -3000, -2000)
    connected(cp16, 0, None)
    body = bob.get(f"{OF_CP16}/uptime/?{DAY}").json()
    assert [body[f"{kind}_seconds"] for kind in ("online", "offline", "unknown")] == [43200, 43200, 0]
    assert (body["outages"], body["share"]) == (1, "0.500000")
    assert body["known_since"] == wrote(at(-5000))


def test_one_that_came_back_after_the_window_was_offline_in_it(bob: APIClient, connected: Any) -> None:
    cp16 = charge_point()
    connected(cp16, -5000, 0)
    connected(cp16, 5000, None)
    [row] = windows(bob)
    assert (row["came_online_at"], row["seconds"]) == (wrote(at(5000)), 300_000.0)
    assert bob.get(f"{OF_CP16}/uptime/?{DAY}").json()["longest_outage_seconds"] == 43200.0


def test_the_fleet_s_uptime_is_that_of_each(
    bob: APIClient, connected: Any, django_assert_num_queries: Any
) -> None:
    histories = {
        "A": [(0, None)],
        "B": [(0, 60)],
        "C": [],
        "D": [(-3000, -2000), (0, 30), (29, 60), (90, None)],
        "E": [(-3000, None)],
    }
    for cp_id, spans in histories.items():
        charger = charge_point(cp_id, site="Yard" if cp_id < "C" else "")
        for opened, closed in spans:
            connected(charger, opened, closed)
    charge_point("OLD", retired_at=at(-9000))
    url = f"{API}/uptime/?{DAY}"
    with django_assert_num_queries(4):  # token and its use, charge points, connections
        rows = bob.get(url).json()["results"]
    for row in rows:
        alone = bob.get(f"{API}/charge-points/{row['cp_id']}/uptime/?{DAY}").json()
        assert row == {name: value for name, value in alone.items() if name != "window"}
    assert {row["cp_id"]: row["share"] for row in rows} == {
        "A": "1.000000", "B": "0.083333", "C": None, "D": "0.479166", "E": "1.000000",
    }  # fmt: skip
    cases = {
        "&sort=share": "BDAEC",
        "&sort=-share": "EADBC",
        "&sort=-offline_seconds": "DBECA",
        "&sort=-cp_id": "EDCBA",
        "&online=false": "BC",
        "&site=yard": "AB",
        "&q=e": "E",
        "&retired=true": "OLD",
    }
    found = {q: "".join(r["cp_id"] for r in bob.get(url + q).json()["results"]) for q in cases}
    assert found == cases
    with django_assert_num_queries(3):
        assert bob.get(f"{url}&sort=share&limit=1").json()["results"][0]["cp_id"] == "B"
    assert "".join(row["cp_id"] for row in pages(bob, f"{url}&sort=share")) == "BDAEC"
    assert "".join(row["cp_id"] for row in pages(bob, f"{url}&sort=-offline_seconds")) == "DBECA"


def test_the_fleet_s_uptime_as_csv(bob: APIClient, connected: Any) -> None:
    connected(charge_point(), 0, None)
    charge_point("CP17")
    answer = bob.get(f"{API}/uptime/?{DAY}&format=csv")
    head, *lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert head.startswith("cp_id,online,known_since,online_seconds")
    assert lines == [
        "CP16,true,2026-03-04T12:00:00.000Z,43200.0,0.0,43200.0,1.000000,0,0.0",
        "CP17,false,,0.0,0.0,86400.0,,0,0.0",
    ]


def test_what_is_shown_agrees_with_the_arithmetic(bob: APIClient, connected: Any) -> None:
    """Windows that begin and end everywhere among connections that touch, overlap and leave gaps."""
    cp16 = charge_point()
    minutes = [(0, 10), (10, 20), (18, 25), (30, 31), (31.5, 40), (60, 61), (61, 61), (70, None)]
    rows = [connected(cp16, *one) for one in minutes]
    spans = [Span(row.opened_at, row.closed_at) for row in rows]
    for since in range(-5, 80, 7):
        for until in range(since + 1, 90, 11):
            body = bob.get(f"{OF_CP16}/uptime/?from={wrote(at(since))}&to={wrote(at(until))}").json()
            expected = measure(spans, since=at(since), until=at(until), horizon=timezone.now())
            assert body["online_seconds"] == expected.online.total_seconds(), (since, until)
            assert (body["outages"], body["unknown_seconds"]) == (
                expected.outages,
                expected.unknown.total_seconds(),
            )
            listed = windows(bob, f"from={wrote(at(since))}&to={wrote(at(until))}")
            assert len(listed) == expected.outages
