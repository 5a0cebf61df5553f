"""The tab of incidents: what alerts share, and how soon alerts were looked after."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.incidents.models import Incident
from console.views import alert_incidents
from tests.console.alerts_cast import MINUTE, PATH, make_alert
from tests.console.cast import HOSTILE, make_charge_point


def shown(client: Client, **query: str) -> str:
    return client.get(PATH, {"tab": "incidents"} | query).content.decode()


def make_incident(number: int = 0, alerts: int = 1, **values: Any) -> Incident:
    began = timezone.now() - number * MINUTE
    counted = {"sharing": 7, "alerting": 9, "fleet_sharing": 12, "fleet": 10_000}
    values = (
        {"label": "site", "value": f"Lake {number}", "began_at": began, "joined_at": began} | counted | values
    )
    incident = Incident.objects.create(**values)
    for which in range(alerts):
        make_alert(make_charge_point(f"I{number}-{which}"), incident=incident)
    return incident


def test_no_incident_says_what_one_would_be(bob: Client) -> None:
    text = shown(bob)
    assert "No incident is kept" in text
    assert "No alert fired in this time." in text


def test_an_incident_says_what_its_alerts_share_and_names_them(bob: Client) -> None:
    incident = make_incident(alerts=alert_incidents.ALERTS_SHOWN + 1)
    make_incident(1, label="firmware", value=HOSTILE, ended_at=timezone.now())
    text = shown(bob)
    assert "7 of the 9 charge points that fired together share it; in the fleet 12 of 10,000 do." in text
    assert "9 alerts, 9 of them open" in text
    assert f'<a href="/sys/alerts?incident={incident.pk}">All its alerts</a>' in text
    assert "<bdi>I0-7</bdi>" in text
    assert "<bdi>I0-8</bdi>" not in text
    assert text.index("Lake 0") < text.index("&lt;script&gt;")
    assert HOSTILE not in text


def test_one_costs_as_many_queries_as_many(bob: Client, django_assert_num_queries: Any) -> None:
    make_incident()
    # Session, person; count, keys and rows of incidents, their alerts; figures, and names of rules.
    with django_assert_num_queries(8):
        shown(bob)
    for number in range(1, 15):
        make_incident(number, alerts=2)
    with django_assert_num_queries(8):
        shown(bob)


def test_the_list_is_paged(bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_incidents, "INCIDENTS_SHOWN", 2)
    for number in range(3):
        make_incident(number)
    assert "Lake 2" not in shown(bob)
    assert "Lake 2" in shown(bob, page="2")


def test_figures_of_a_period(bob: Client) -> None:
    fired = timezone.now() - timedelta(days=3)
    make_alert(
        rule="nobody-has-it",
        fired_at=fired,
        state="resolved",
        acknowledged_at=fired + 5 * MINUTE,
        resolved_at=fired + 20 * MINUTE,
    )
    text = shown(bob)
    assert "5 min" in text
    assert "20 min" in text
    assert "nobody-has-it" in text
    assert "No alert fired in this time." in shown(bob, days="1")
    assert "20 min" in shown(bob, days="30")
    assert "20 min" in shown(bob, days="nonsense")
    assert '<input type="hidden" name="tab" value="incidents">' in text
