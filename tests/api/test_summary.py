"""The network in a few figures."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from chargers.models import Process, RefusedHandshake
from csms.core.ids import uuid7_floor
from tests.alerts.cast import an_alert
from tests.api.cast import API, charge_point, command, connector, ended, online, reading, session

URL = f"{API}/summary/"
NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def _now() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def test_an_empty_network_is_all_zeros(bob: APIClient, _now: None) -> None:
    found = bob.get(URL).json()
    assert found == {
        "at": "2026-03-04T09:30:00.000Z",
        "time_zone": "UTC",
        "charge_points": dict.fromkeys(
            ["known", "online", "offline", "pending", "charging", "faulted", "warning"], 0
        ),
        "connectors": dict.fromkeys(
            [
                "Available",
                "Preparing",
                "Charging",
                "SuspendedEVSE",
                "SuspendedEV",
                "Finishing",
                "Reserved",
                "Unavailable",
                "Faulted",
                "Occupied",
                "other",
            ],
            0,
        ),
        "transactions": {"active": 0, "charging": 0, "superseded": 0, "uncertain": 0, "power_w": None},
        "today": {"from": "2026-03-04T00:00:00.000Z", "sessions": 0, "energy_wh": 0},
        "last_24_hours": {
            "from": "2026-03-03T09:30:00.000Z",
            "sessions": 0,
            "energy_wh": 0,
            "orphans": 0,
            "with_anomalies": 0,
            "refused_handshakes": 0,
        },
        "alerts": {
            "firing": 0,
            "acknowledged": 0,
            "pending": 0,
            "by_severity": {"critical": 0, "warning": 0, "info": 0},
            "evaluated_at": None,
        },
        "open_commands": 0,
        "servers": [],
    }


def test_charge_points_and_connectors_are_counted(bob: APIClient) -> None:
    good, bad, waiting = (
        online(charge_point("A")),
        charge_point("B"),
        charge_point("C", registration="pending"),
    )
    gone = online(charge_point("D", retired_at=NOW))
    unwanted = charge_point("E", registration="rejected")
    connector(good, 0, "Available")
    connector(good, 1, "Charging")
    connector(good, 2, "Charging")
    connector(bad, 0, "Faulted")
    connector(bad, 1, "Faulted")
    connector(bad, 2, "Charging", error_code="HighTemperature")
    connector(waiting, 1, "Available", error_code="WeakSignal")
    connector(waiting, 2, "=HYPERLINK()")
    connector(waiting, 3, "")
    connector(waiting, 4, "Occupied")
    for one in (gone, unwanted):
        connector(one, 1, "Faulted")
    found = bob.get(URL).json()
    assert found["charge_points"] == {
        "known": 3,
        "online": 1,
        "offline": 2,
        "pending": 1,
        "charging": 2,
        "faulted": 1,
        "warning": 2,
    }
    counts = {status: count for status, count in found["connectors"].items() if count}
    assert counts == {"Charging": 3, "Faulted": 1, "Available": 1, "Occupied": 1, "other": 2}


def test_what_charges_now_and_what_was_delivered(bob: APIClient, _now: None) -> None:
    cp16 = charge_point()
    fresh = iter(uuid7_floor(NOW - timedelta(seconds=second)) for second in range(1, 9))

    def at(moment: datetime) -> dict[str, Any]:
        return {"id": uuid7_floor(moment), "started_at": moment}

    running = session(cp16, **at(NOW - HOUR))
    reading(cp16, running, id=next(fresh), energy_wh=3500, power_w=11000.5, sampled_at=NOW)
    overtaken = session(cp16, **at(NOW - 2 * HOUR), superseded=True)
    reading(cp16, overtaken, id=next(fresh), energy_wh=1040, power_w=9.0, sampled_at=NOW)
    over = session(cp16, **at(NOW - 11 * HOUR), end_seen_at=NOW, end_evidence="available")  # yesterday
    reading(cp16, over, id=next(fresh), energy_wh=1600, power_w=7.0, sampled_at=NOW)
    silent = session(cp16, **at(NOW - 3 * HOUR))
    reading(cp16, silent, id=uuid7_floor(NOW - HOUR), energy_wh=1003, power_w=5000.0, sampled_at=NOW - HOUR)
    ended(cp16, **at(NOW - 4 * HOUR), stopped_at=NOW, energy_wh=10_000, anomalies=["stop_differs"])
    ended(cp16, **at(NOW - 20 * HOUR), stopped_at=NOW, energy_wh=200_000)
    ended(cp16, **at(NOW - 25 * HOUR), stopped_at=NOW, energy_wh=7, anomalies=["stop_inferred"])
    # Told now, it happened long ago.
    ended(cp16, started_at=NOW - 90 * HOUR, id=uuid7_floor(NOW), orphan=True, anomalies=["start_lost"])
    found = bob.get(URL).json()
    assert found["transactions"] == {
        "active": 4,
        "charging": 2,
        "superseded": 1,
        "uncertain": 1,
        "power_w": 11000.5,
    }
    assert found["today"] == {
        "from": "2026-03-04T00:00:00.000Z",
        "sessions": 4,
        "energy_wh": 2500 + 40 + 3 + 10_000,
    }
    last = found["last_24_hours"]
    assert (last["sessions"], last["energy_wh"]) == (6, 2500 + 40 + 3 + 10_000 + 600 + 200_000)
    assert (last["orphans"], last["with_anomalies"]) == (1, 2)


@pytest.mark.parametrize(
    ("now", "zone", "since"),
    [
        ("2026-03-04T09:30:00+00:00", "Europe/Berlin", "2026-03-03T23:00:00.000Z"),
        ("2026-03-04T23:30:00+00:00", "Europe/Berlin", "2026-03-04T23:00:00.000Z"),
        ("2026-03-29T12:00:00+00:00", "Europe/Berlin", "2026-03-28T23:00:00.000Z"),  # a day of 23 hours
        ("2026-10-25T22:59:00+00:00", "Europe/Berlin", "2026-10-24T22:00:00.000Z"),  # begun 24:59 hours ago
        ("2026-03-04T09:30:00+00:00", "Pacific/Kiritimati", "2026-03-03T10:00:00.000Z"),
        ("2026-03-04T09:30:00+00:00", "America/Los_Angeles", "2026-03-04T08:00:00.000Z"),
    ],
)
def test_today_begins_at_midnight_of_the_zone(bob: APIClient, now: str, zone: str, since: str) -> None:
    with time_machine.travel(datetime.fromisoformat(now), tick=False):
        cp16, midnight = charge_point(), datetime.fromisoformat(since)
        ended(cp16, started_at=midnight, energy_wh=1)
        ended(cp16, started_at=midnight - timedelta(microseconds=1), energy_wh=20)
        found = bob.get(URL, {"time_zone": zone}).json()
    assert found["time_zone"] == zone
    assert found["today"] == {"from": since, "sessions": 1, "energy_wh": 1}


def test_the_day_is_that_of_the_setting_unless_another_is_named(
    bob: APIClient, settings: Any, _now: None
) -> None:
    settings.TIME_ZONE = "Asia/Kolkata"
    assert bob.get(URL).json()["today"]["from"] == "2026-03-03T18:30:00.000Z"
    assert bob.get(URL).json()["time_zone"] == "Asia/Kolkata"
    assert bob.get(f"{URL}?time_zone=UTC").json()["today"]["from"] == "2026-03-04T00:00:00.000Z"


def test_commands_refusals_and_servers(bob: APIClient) -> None:
    cp16, now = online(charge_point()), timezone.now()
    Process.objects.create(host="gone", pid=9, started_at=NOW, seen_at=NOW, ended_at=NOW)
    Process.objects.create(host="idle", pid=2, started_at=now, seen_at=now)
    for status in ("queued", "sent", "accepted", "timed_out"):
        command(cp16, status=status)
    for ago in (1, 25):
        RefusedHandshake.objects.create(
            identity=f"X{ago}",
            reason="unknown",
            http_status=404,
            first_at=now - 99 * HOUR,
            last_at=now - ago * HOUR,
        )
    found = bob.get(URL).json()
    assert found["open_commands"] == 2
    assert found["last_24_hours"]["refused_handshakes"] == 1
    assert [(server["host"], server["pid"], server["connections"]) for server in found["servers"]] == [
        ("here", 1, 1),
        ("idle", 2, 0),
    ]


def test_open_alerts_are_counted(bob: APIClient) -> None:
    for number, state in enumerate(["firing", "firing", "acknowledged", "pending"]):
        an_alert(charge_point(f"CP{number}"), state=state, severity="critical" if number else "warning")
    an_alert(charge_point("CP9"), state="resolved", resolved_at=NOW)
    assert bob.get(URL).json()["alerts"] == {
        "firing": 2,
        "acknowledged": 1,
        "pending": 1,
        "by_severity": {"critical": 1, "warning": 1, "info": 0},
        "evaluated_at": "2026-03-04T12:15:00.000Z",
    }


@pytest.mark.parametrize("zone", ["Mars", "", "Europe/../UTC", "a%00b", "~"])
def test_a_zone_that_is_none_is_refused(bob: APIClient, refusal: Any, zone: str) -> None:
    refusal(bob.get(f"{URL}?time_zone={zone}"), 422, "invalid", "time_zone")


def test_it_takes_twelve_queries_however_much_there_is(
    bob: APIClient, django_assert_num_queries: Any
) -> None:
    for number in range(4):
        cp = online(charge_point(f"CP{number}"))
        connector(cp, 1, "Charging")
        reading(cp, session(cp))
        ended(cp)
        command(cp)
        an_alert(cp)
    bob.get(URL)
    # The token; charge points, their faults, connectors, active, since, newly odd, commands, refusals, alerts, when
    # these were looked for, processes.
    with django_assert_num_queries(12):
        assert bob.get(URL).json()["transactions"]["active"] == 4
