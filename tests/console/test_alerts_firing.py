"""The tab of open alerts: grouped, filtered by the address, the quiet ones folded, the history paged."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from alerts.alertmanager.selectors import RoutedAlert
from alerts.external.client import Refused, Unreachable
from alerts.external.models import Server
from alerts.incidents.models import Incident
from alerts.prometheus.selectors import PrometheusAlert
from alerts.silences.models import Silence
from console import beside
from console.views import alert_beside, alert_firing
from tests.alerting.conftest import settings
from tests.console.alerts_cast import MINUTE, PATH, hostile_values, make_alert
from tests.console.cast import HOSTILE, make_charge_point

__all__ = ["settings"]


def shown(client: Client, **query: str) -> str:
    return client.get(PATH, query).content.decode()


def test_nothing_fires_says_so_and_when_it_was_looked_for(bob: Client) -> None:
    assert "Nobody has looked yet" in shown(bob)
    make_alert(state="resolved")
    text = shown(bob)
    assert "Nothing fires" in text
    assert "it was looked for <time" in text


def test_open_ones_are_grouped_the_worst_first(bob: Client) -> None:
    charge_point = make_charge_point(name="By the lake")
    make_alert(subject="a", severity="info")
    make_alert(
        subject="b", severity="warning", state="acknowledged", acknowledged_by="carol", assignee="dora"
    )
    make_alert(subject="c", state="pending", fired_at=None)
    make_alert(charge_point, times=3, connector_number=2)
    text = shown(bob)
    groups = ["critical-firing", "critical-pending", "warning-acknowledged", "info-firing"]
    assert [text.index(f'id="group-{group}"') for group in groups] == sorted(
        text.index(f'id="group-{group}"') for group in groups
    )
    for said in ("By the lake", "connector 2", "3 times", "assigned to dora", "acknowledged by carol"):
        assert said in text
    assert '<a href="/inspect/charge-points/CP16">' in text
    station = make_charge_point("CS201", protocol="ocpp2.0.1")
    alert = make_alert(station, connector_number=2001, text="EVSE 1, connector 2 of CS201 is faulted.")
    for page in (shown(bob), bob.get(f"/sys/alerts/{alert.pk}").content.decode()):
        assert "EVSE 1, connector 2 of CS201" in page
        assert "2001" not in page, "it is a number of the house's own"


@pytest.mark.parametrize(
    ("query", "there", "not_there"),
    [
        ({"severity": "critical"}, "One.", "Two."),
        ({"state": "acknowledged"}, "Two.", "One."),
        ({"rule": "connector-faulted"}, "Two.", "One."),
        ({"q": " cp16 "}, "One.", "Two."),
    ],
)
def test_filters_are_in_the_address(bob: Client, query: dict[str, str], there: str, not_there: str) -> None:
    make_alert(make_charge_point(), text="One.")
    make_alert(rule="connector-faulted", severity="warning", state="acknowledged", text="Two.")
    text = shown(bob, **query)
    assert there in text
    assert not_there not in text


def test_an_unknown_charge_point_has_none_and_nonsense_is_left_out(bob: Client) -> None:
    make_alert(text="One.")
    assert "No open alert is like that" in shown(bob, q="nobody")
    assert "One." in shown(bob, severity="nonsense", incident="nonsense", state="\x00")


def test_of_an_incident(bob: Client) -> None:
    now = timezone.now()
    made = {"sharing": 5, "alerting": 5, "fleet_sharing": 5, "fleet": 50}
    incident = Incident.objects.create(label="site", value="Lake", began_at=now, joined_at=now, **made)
    make_alert(text="One.", incident=incident)
    make_alert(text="Two.", rule="other")
    text = shown(bob, incident=str(incident.pk))
    assert "One." in text
    assert "Two." not in text
    assert "part of an incident" in text


def test_quiet_ones_are_folded_and_say_why(bob: Client) -> None:
    now = timezone.now()
    outage = make_alert(rule="site-outage", name="Site outage", subject="site:Lake")
    silence = Silence.objects.create(
        matchers=[{"name": "site", "op": "=", "value": "Lake"}],
        starts_at=now - MINUTE,
        ends_at=now + MINUTE,
        window_from=now - MINUTE,
        window_to=now + MINUTE,
        over_at=now + MINUTE,
        comment=f"works {HOSTILE}",
        by="alice",
        created_at=now,
    )
    make_alert(make_charge_point("CP1"), inhibited_by=outage.pk)
    make_alert(make_charge_point("CP2"), silenced_by=silence.pk)
    make_alert(make_charge_point("CP3"), inhibited_by=uuid4())
    text = shown(bob)
    assert "3 are quiet: nobody is told of them" in text
    assert f'Quiet because of another alert: <a href="/sys/alerts/{outage.pk}">Site outage</a>' in text
    assert "Quiet because of a silence:" in text
    assert "works &lt;script&gt;" in text
    assert "it is kept no longer" in text
    assert HOSTILE not in text


def test_what_others_wrote_is_escaped(alice: Client) -> None:
    make_alert(**hostile_values())
    make_alert(**hostile_values() | {"state": "resolved", "resolved_by": HOSTILE})
    text = shown(alice)
    assert text.count("&lt;script&gt;") > 5
    assert HOSTILE not in text


def test_history_is_paged_and_the_last_comes_first(bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_firing, "HISTORY_SHOWN", 2)
    now = timezone.now()
    for number in range(3):
        make_alert(state="resolved", text=f"Number {number}.", resolved_at=now - (3 - number) * MINUTE)
    first, second = shown(bob), shown(bob, page="2")
    assert first.index("Number 2.") < first.index("Number 1.")
    assert "Number 0." not in first
    assert "Number 0." in second
    assert "Number 1." not in second
    assert "1–2 of 3" in first


def test_those_that_are_over_alone_and_open_ones_alone(bob: Client) -> None:
    make_alert(text="Open.")
    make_alert(text="Over.", state="resolved")
    over, open = shown(bob, state="resolved"), shown(bob, state="firing")
    assert "Over." in over
    assert "Open." not in over
    assert "Open." in open
    assert "Over." not in open


def test_of_very_many_the_worst_are_shown_and_the_others_counted(
    bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_firing, "OPEN_SHOWN", 2)
    for number in range(5):
        make_alert(subject=str(number), severity="warning", text="Mild.")
    make_alert(subject="bad", text="Bad.")
    text = shown(bob)
    assert text.count("Mild.") == 1
    assert "Bad." in text
    assert "4 more are open and not shown here" in text


def test_who_may_only_look_sees_no_button(alice: Client, bob: Client) -> None:
    make_alert()
    assert "/acknowledge" in shown(alice)
    text = shown(bob)
    assert "/acknowledge" not in text
    assert "Your account may look but not look after alerts." in text


def test_one_costs_as_many_queries_as_many(bob: Client, django_assert_num_queries: Any) -> None:
    one = make_alert(make_charge_point("CP1"))
    make_alert(make_charge_point("CP2"), inhibited_by=one.pk)
    make_alert(make_charge_point("CP3"), state="resolved")
    # Session, person, rules of the filter; counts, loud, quiet, what inhibits; three of the history.
    with django_assert_num_queries(10):
        shown(bob)
    for number in range(10, 30):
        make_alert(make_charge_point(f"CP{number}"))
        make_alert(make_charge_point(f"CQ{number}"), inhibited_by=one.pk)
        make_alert(make_charge_point(f"CR{number}"), state="resolved")
    with django_assert_num_queries(10):
        shown(bob)


# --- beside the house -------------------------------------------------------------------------------------------------


def test_servers_that_are_not_set_say_what_they_would_do(bob: Client) -> None:
    text = shown(bob)
    assert text.count(" is not set.</strong>") == 2
    assert "With PROMETHEUS_URL set" in text
    assert "With ALERTMANAGER_URL set" in text


@pytest.fixture
def both_are_set(settings: Callable[..., None]) -> None:
    settings(PROMETHEUS_URL="http://prometheus.test", ALERTMANAGER_URL="http://alertmanager.test")


@pytest.mark.usefixtures("both_are_set")
def test_alerts_of_servers_stand_beside(bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {"alertname": "Hot", "severity": "critical", "instance": HOSTILE}
    since = timezone.now() - timedelta(hours=2)
    hot = PrometheusAlert("Hot", "firing", "critical", labels, {"summary": "It is hot."}, since, "1")
    muted = RoutedAlert("f", "Cold", "page", "suppressed", labels, {}, None, [], ["s"], [])
    monkeypatch.setattr(beside.prometheus, "alerts", lambda now: ([hot] * 60, True))
    monkeypatch.setattr(beside.alertmanager, "alerts", lambda now: ([muted], False))
    text = shown(bob)
    assert text.count("It is hot.") == alert_beside.SHOWN
    assert "The worst 50 are shown." in text
    assert "suppressed" in text
    assert HOSTILE not in text


@pytest.mark.usefixtures("both_are_set")
def test_servers_that_do_not_answer_or_refuse(bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    url = "http://prometheus.test"
    Server.objects.create(
        name="prometheus", url=url, reachable=False, since=now, asked_at=now, why=f"No route. {HOSTILE}"
    )

    def refuse(now: Any) -> Any:
        raise Refused(500, f"too busy {HOSTILE}")

    def unreachable(now: Any) -> Any:
        raise Unreachable("No route.")

    monkeypatch.setattr(beside.prometheus, "alerts", unreachable)
    monkeypatch.setattr(beside.alertmanager, "alerts", refuse)
    text = shown(bob)
    assert "Prometheus is not reachable, since <time" in text
    assert "No route." in text
    assert "Alertmanager: too busy" in text
    assert HOSTILE not in text
