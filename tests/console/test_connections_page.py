"""The connections of a charge point: when it was online, how each ended, who was turned away in its name."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from chargers.history import selectors
from chargers.history.uptime import Span
from chargers.models import ChargePoint, Connection, Process, RefusedHandshake
from console.views import charge_point_connections as view
from console.views.charge_point_connections import Stretch, Week, midnights
from tests.console.cast import HOSTILE, NOW, make_charge_point, person, signed_in

PAGE = "/inspect/charge-points/CP16/connections"
HOUR = timedelta(hours=1)


def text(client: Client, path: str = PAGE) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def make_connection(
    charge_point: ChargePoint, opened: float, closed: float | None = None, **values: Any
) -> Connection:
    """A connection from so many hours ago to so many hours ago."""
    now = timezone.now()
    process, _ = Process.objects.get_or_create(
        host="yard", pid=42, defaults={"started_at": now, "seen_at": now}
    )
    values = {"protocol": "ocpp1.6", "peer": "192.0.2.7", "process": process} | values
    return Connection.objects.create(
        charge_point=charge_point,
        opened_at=now - opened * HOUR,
        closed_at=None if closed is None else now - closed * HOUR,
        **values,
    )


@pytest.fixture
def cp16(db: None) -> ChargePoint:
    return make_charge_point("CP16")


def test_a_compressed_connection_says_so_and_a_plain_one_does_not(alice: Client, cp16: ChargePoint) -> None:
    plain = make_connection(cp16, 5, 2)
    make_connection(cp16, 1, protocol="ocpp2.0.1", compressed=True)
    assert not plain.compressed
    page = text(alice)
    assert page.count(">compressed</small>") == 1
    assert page.index(">compressed</small>") < page.index("OCPP 1.6")


def test_each_connection_says_how_long_it_was_and_why_it_ended(alice: Client, cp16: ChargePoint) -> None:
    make_connection(cp16, 5, 2, close_code=1006, close_reason="", user_agent="Acme/1")
    open_one = make_connection(cp16, 1)
    cp16.connection_id = open_one.pk
    cp16.save()
    page = text(alice)
    assert "3 h 0 min" in page
    assert "the line was lost" in page
    assert "yard:42" in page
    assert "192.0.2.7" in page
    assert "Acme/1" in page
    assert "This connection holds the charge point" in page
    assert f"/inspect/charge-points/CP16/frames?connection={open_one.pk}" in page
    assert 'aria-current="page">Connections</a>' in page


def test_a_connection_without_end_that_holds_nothing_says_so(alice: Client, cp16: ChargePoint) -> None:
    make_connection(cp16, 1)
    assert "Not closed" in text(alice)


def test_all_pages_together_show_each_connection_once(
    alice: Client, cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "SESSIONS_SHOWN", 3)
    made = [make_connection(cp16, 20 - number, 19.5 - number) for number in range(8)]
    twins = Connection.objects.filter(pk__in=[one.pk for one in made[:4]])
    twins.update(opened_at=made[0].opened_at)  # opened at the same moment
    seen: list[str] = []
    path: str | None = PAGE
    while path is not None:
        page = text(alice, path)
        seen += re.findall(r"frames\?connection=([0-9a-f-]+)", page)
        more = re.search(r'rel="next" href="([^"]+)"', page)
        path = PAGE + more[1].replace("&amp;", "&") if more else None
    assert len(seen) == 8
    assert set(seen) == {str(one.pk) for one in made}


def test_the_week_is_drawn_day_by_day(settings: Any) -> None:
    settings.TIME_ZONE = "UTC"
    day = NOW.replace(hour=0)
    spans = [
        Span(day - timedelta(days=2, hours=-6), day - timedelta(hours=12)),
        Span(day - timedelta(hours=6), day - timedelta(hours=5.999)),  # short, between two outages
        Span(day + timedelta(hours=3), None),
    ]
    week = Week(spans, NOW, now=NOW)
    assert len(week.days) == 7
    assert week.days[0].share is None
    assert week.days[0].stretches[0].kind == "unknown"
    first, second, today = week.days[-3:]
    assert first.stretches == [Stretch("unknown", 0, 360)]
    assert first.share == 100
    assert second.stretches == [Stretch("offline", 720, 720)] or [part.kind for part in second.stretches] == [
        "offline",
        "offline",
    ]
    assert today.stretches == [Stretch("offline", 0, 180), Stretch("unknown", 720, 721)]
    assert today.share == 75
    assert week.uptime.outages == 2


def test_many_short_outages_are_no_more_than_the_minutes_of_a_day(settings: Any) -> None:
    settings.TIME_ZONE = "UTC"
    begin = NOW - timedelta(hours=12)
    spans = [
        Span(begin + timedelta(seconds=10 * n), begin + timedelta(seconds=10 * n + 5)) for n in range(4000)
    ]
    today = Week(spans, NOW, now=NOW).days[-1]
    assert len([part for part in today.stretches if part.kind == "offline"]) <= 1440
    for one, other in zip(today.stretches, today.stretches[1:], strict=False):
        assert one.begin + one.length <= other.begin


def test_a_day_has_as_many_hours_as_it_has_there(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    timezone.activate(ZoneInfo("Europe/Berlin"))
    try:
        bounds = list(midnights(datetime(2026, 10, 25, 18, tzinfo=ZoneInfo("Europe/Berlin")), 3))
    finally:
        timezone.deactivate()
    assert [end - start for start, end in zip(bounds, bounds[1:], strict=False)] == [24 * HOUR, 25 * HOUR]


def test_the_page_says_the_share_and_the_outages(alice: Client, cp16: ChargePoint) -> None:
    make_connection(cp16, 100, 50)
    make_connection(cp16, 40, 10)
    make_connection(cp16, 9)
    page = text(alice)
    assert "Online in the last 7 days" in page
    assert "<dd>2</dd>" in page
    assert "10 h 0 min" in page
    assert page.count("uptime-bar") == 7


def test_without_connections_it_says_where_to_point_it(bob: Client, cp16: ChargePoint) -> None:
    page = text(bob)
    assert "Nothing is known" in page
    assert "/ocpp/CP16" in page
    assert "It was never turned away" in page


def test_a_charge_point_that_comes_and_goes_too_often_says_so(
    alice: Client, cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "CONNECTIONS_MAX", 2)
    for hours in (6, 5, 4):
        make_connection(cp16, hours, hours - 0.5)
    assert "It connected so often" in text(alice)


def test_refusals_stand_with_their_reasons(alice: Client, cp16: ChargePoint) -> None:
    for identity in ("cp16", "OTHER"):
        RefusedHandshake.objects.create(
            identity=identity,
            peer="192.0.2.9",
            reason="wrong_password",
            detail=HOSTILE,
            http_status=401,
            count=3,
            first_at=NOW,
            last_at=NOW,
        )
    page = text(alice)
    assert page.count("The password is wrong") == 1
    assert "192.0.2.9" in page


def test_whatever_was_said_is_only_text(alice: Client, cp16: ChargePoint) -> None:
    make_connection(cp16, 5, 4, close_reason=HOSTILE, user_agent=HOSTILE, peer="192.0.2.7")
    make_connection(cp16, 3, 2, close_reason="\u202eevil")
    page = text(alice)
    assert HOSTILE not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page


def test_who_may_not_look_sees_nothing(client: Client, cp16: ChargePoint, charlie: Any) -> None:
    assert client.get(PAGE).status_code == 302
    assert signed_in(charlie).get(PAGE).status_code == 302
    bob = signed_in(person("bob", "viewer"))
    assert bob.get("/inspect/charge-points/cp16/connections")["Location"] == PAGE
    assert bob.get("/inspect/charge-points/NOBODY/connections").status_code == 404
    assert bob.get(f"{PAGE}?before=x").status_code == 200


@pytest.mark.parametrize("count", [1, 30])
def test_the_queries_do_not_grow_with_the_connections(
    cp16: ChargePoint, count: int, django_assert_num_queries: Any
) -> None:
    alice = signed_in(person("alice", "operator"))
    for number in range(count):
        make_connection(cp16, number + 1, number + 0.5)
    text(alice)
    # session, person, charge point, its bounds and connections, sessions, refusals
    with django_assert_num_queries(7):
        text(alice)
