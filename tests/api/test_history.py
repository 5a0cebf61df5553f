"""Connections and status history through the API."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.models import ChargePoint, Process, StatusReport
from csms.core.ids import uuid7_floor
from tests.api.cast import API, NOON, charge_point
from tests.api.history_cast import CONNECTIONS, DAY, OF_CP16, at, connected, process, wrote
from tests.api.test_paging import pages

__all__ = ["process", "connected"]  # fixtures


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
        "compressed": False,
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
