"""What every page says while something critical fires that nobody looks after, and that pages are told of it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from alerts import life
from console import alarms
from csms.core import live
from tests.console.alerts_cast import PATH, make_alert
from tests.console.cast import make_charge_point

BANNER = 'class="alarm"'


@pytest.fixture(autouse=True)
def _counted_anew(_alarms_were_counted: None) -> None:
    alarms.forget_alarms()


@pytest.mark.parametrize("path", ["/", "/inspect/charge-points", PATH, "/sys/tokens", "/sys/config"])
def test_every_page_says_so(bob: Client, path: str) -> None:
    make_alert()
    make_alert(subject="another")
    text = bob.get(path).content.decode()
    assert "2 critical alerts fire, and nobody looks after them yet" in text
    assert 'href="/sys/alerts?severity=critical&amp;state=firing"' in text
    assert 'data-live="alerts" data-live-every="60" data-live-from="/sys/alerts/alarm"' in text


@pytest.mark.parametrize(
    "values",
    [
        {"severity": "warning"},
        {"state": "acknowledged"},
        {"state": "pending"},
        {"state": "resolved"},
        {"inhibited_by": uuid4()},
        {"silenced_by": uuid4()},
    ],
)
def test_what_is_no_alarm(bob: Client, values: dict[str, Any]) -> None:
    make_alert(**values)
    assert BANNER not in bob.get("/").content.decode()


def test_it_is_counted_once_for_all_in_some_seconds(
    db: None, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(alarms, "KEPT_FOR", timedelta(seconds=5))
    make_alert()
    now = timezone.now()
    with django_assert_num_queries(1):
        assert [alarms.alarms(now=now + timedelta(seconds=second)) for second in range(5)] == [1] * 5
    make_alert(subject="another")
    with django_assert_num_queries(1):
        assert alarms.alarms(now=now + timedelta(seconds=5)) == 2
    with django_assert_num_queries(1):  # a clock that was put back keeps nothing alive
        assert alarms.alarms(now=now - timedelta(seconds=1)) == 2


def test_a_page_that_is_told_gets_what_is_so_now(bob: Client) -> None:
    assert BANNER not in bob.get("/").content.decode()
    make_alert()
    answer = bob.get("/sys/alerts/alarm", headers={"Live": "alarm"})
    assert answer.content.decode().startswith('<div id="alarm"><a class="alarm"')
    assert "1 critical alert fires" in bob.get("/").content.decode()


def test_who_acknowledges_sees_at_once_that_it_is_over(alice: Client) -> None:
    alert = make_alert()
    assert BANNER in alice.get("/").content.decode()
    text = alice.post(f"{PATH}/{alert.pk}/acknowledge", follow=True).content.decode()
    assert BANNER not in text


def test_who_may_not_look_is_told_nothing(db: None) -> None:
    make_alert()
    answer = Client().get("/sys/alerts/alarm", headers={"Live": "alarm"})
    assert answer.status_code == 401
    assert BANNER not in Client().get("/sign-in").content.decode()


@pytest.mark.parametrize("step", ["acknowledge", "assign", "note", "resolve"])
def test_open_pages_are_told_what_people_do(
    db: None, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any, step: str
) -> None:
    heard: set[str] = set()
    monkeypatch.setattr(live, "publish", heard.update)
    alert, now = make_alert(), timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        match step:
            case "acknowledge":
                life.acknowledge_alert(alert.pk, by="alice", now=now)
            case "assign":
                life.assign_alert(alert.pk, "dora", by="alice", now=now)
            case "note":
                life.note_alert(alert.pk, "the fuse", by="alice", now=now)
            case "resolve":
                life.resolve_alert(alert.pk, by="alice", reason="done", now=now)
    assert {"alerts", f"audit:alert:{alert.pk}"} <= heard


def test_the_page_of_a_charge_point_shows_its_open_alerts(bob: Client) -> None:
    charge_point = make_charge_point()
    make_alert(charge_point, text="It burns.", inhibited_by=uuid4())
    make_alert(charge_point, text="It burned.", state="resolved")
    make_alert(make_charge_point("CP2"), text="Another burns.")
    text = bob.get("/inspect/charge-points/CP16").content.decode()
    assert "It burns." in text
    assert 'href="/sys/alerts?q=CP16"' in text
    assert "It burned." not in text
    assert "Another burns." not in text


def test_the_dashboard_leads_to_each_alert(bob: Client) -> None:
    alert = make_alert()
    text = bob.get("/").content.decode()
    assert f'href="/sys/alerts/{alert.pk}"' in text
    assert 'class="tile tile-bad" href="/sys/alerts"' in text


def test_the_palette_finds_the_page(bob: Client) -> None:
    assert "/sys/alerts" in bob.get("/search", {"q": "alerts"}).content.decode()
