"""Offline windows through the API."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargers import connections
from chargers.models import Process
from chargers.protocol.versions import Version
from csms.core.config import get_config
from csms.core.ids import uuid7
from csms.pruning import prune
from tests.api.cast import API, charge_point
from tests.api.history_cast import CONNECTIONS, DAY, OF_CP16, at, connected, process, windows, wrote
from tests.api.test_paging import pages

__all__ = ["process", "connected"]  # fixtures


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
