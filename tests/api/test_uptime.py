"""Uptime through the API."""

from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from chargers.history.uptime import Span, measure
from tests.api.cast import API, charge_point
from tests.api.history_cast import DAY, OF_CP16, at, connected, process, windows, wrote
from tests.api.test_paging import pages

__all__ = ["process", "connected"]  # fixtures


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
