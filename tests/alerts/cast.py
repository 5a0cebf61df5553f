"""What is wrong with CP16 and its neighbours, as the store holds it."""

import json
from datetime import datetime, timedelta
from typing import Any

from alerts.incidents.models import Incident
from alerts.models import Alert, AlertEntry, Evaluation
from alerts.rules.models import Rule
from alerts.services import evaluate
from alerts.silences.models import Silence
from alerts.silences.services import create_silence
from chargers.models import ChargePoint, Connection, Process
from csms.core.events.models import Event
from tests.api.cast import NOON, charge_point

SIX = (
    "charge-point-offline", "connector-faulted", "certificate-expired", "certificate-expires",
    "charging-unexplained", "clock-off",
)  # fmt: skip
"""Shipped rules of which the stories here are."""

SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)


def only_six_rules() -> None:
    """Switch the other shipped rules off, so that a story tells of nothing else."""
    Rule.objects.exclude(slug__in=SIX).update(enabled=False)


def a_server(*, since: datetime = NOON - DAY, until: datetime = NOON + 400 * DAY, pid: int = 1) -> Process:
    """A server process that was there all the while."""
    return Process.objects.create(host="here", pid=pid, started_at=since, seen_at=until)


def gone(cp_id: str = "CP16", *, at: datetime = NOON, **values: Any) -> ChargePoint:
    """A charge point whose last connection ended."""
    charger = charge_point(cp_id, **values)
    process = Process.objects.first() or a_server()
    opened = at - HOUR
    Connection.objects.create(
        charge_point=charger, process=process, protocol="ocpp1.6", opened_at=opened, closed_at=at
    )
    return charger


def back(charger: ChargePoint, at: datetime) -> Connection:
    """It connects again."""
    connection = Connection.objects.create(
        charge_point=charger, process=Process.objects.first(), protocol="ocpp1.6", opened_at=at
    )
    ChargePoint.objects.filter(pk=charger.pk).update(connection_id=connection.pk)
    return connection


def leaves(connection: Connection, at: datetime) -> None:
    ChargePoint.objects.filter(pk=connection.charge_point_id).update(connection_id=None)
    Connection.objects.filter(pk=connection.pk).update(closed_at=at)


def an_alert(charger: ChargePoint | None = None, **values: Any) -> Alert:
    """An alert that fires, with its timeline; nothing that is stored speaks for it."""
    subject = f"charge-point:{charger.cp_id}" if charger else "nothing"
    values = {
        "rule": "charge-point-offline",
        "severity": "critical",
        "subject": subject,
        "text": "It is offline.",
        "state": "firing",
        "began_at": NOON,
        "fired_at": NOON + 15 * MINUTE,
    } | values
    alert = Alert.objects.create(charge_point=charger, **values)
    for what, at in (("began", alert.began_at), ("fired", alert.fired_at)):
        AlertEntry.objects.create(alert=alert, at=at or alert.began_at, what=what)
    Evaluation.objects.update_or_create(pk=1, defaults={"at": NOON + 15 * MINUTE})
    return alert


def a_silence(**values: Any) -> Silence:
    """A silence that is in force, of a site."""
    values = {
        "matchers": [{"name": "site", "op": "=", "value": "Depot"}],
        "starts_at": NOON,
        "ends_at": NOON + HOUR,
        "comment": "works",
        "by": "alice",
        "now": NOON,
    } | values
    return create_silence(**values)


def an_incident(*charge_points: ChargePoint, **values: Any) -> Incident:
    """An incident of an alert of each of these charge points."""
    values = {
        "label": "site",
        "value": "Depot",
        "began_at": NOON,
        "joined_at": NOON,
        "sharing": len(charge_points),
        "alerting": len(charge_points),
        "fleet_sharing": len(charge_points),
        "fleet": 100,
    } | values
    incident = Incident.objects.create(**values)
    for charger in charge_points:
        an_alert(charger, rule="connector-faulted", incident=incident)
    return incident


def look(at: datetime, *rules: str) -> list[tuple[str, str, str]]:
    """Evaluate, and return the open alerts: rule, subject and state; only of these rules, if some are named."""
    evaluate(now=at)
    rows = Alert.objects.filter(resolved_at=None).order_by("rule", "subject")
    found = list(rows.values_list("rule", "subject", "state"))
    return [row for row in found if not rules or row[0] in rules]


def states(at: datetime) -> list[str]:
    """Evaluate, and return the states of the open alerts."""
    return [state for _, _, state in look(at)]


def told() -> list[tuple[str, str, dict[str, Any]]]:
    """What left the house of alerts: type, charge point, payload."""
    rows = Event.objects.filter(type__startswith="alert.").order_by("pk")
    return [(event.type, event.cp_id, json.loads(event.payload)) for event in rows]


def timeline(alert: Alert) -> list[tuple[str, datetime, str]]:
    return list(alert.timeline.values_list("what", "at", "by"))
