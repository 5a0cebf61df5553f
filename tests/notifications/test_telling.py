"""What is said: what, where, since when, how bad, what to do, and where to look; for people and for programs."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from alerts.channels.models import Channel
from alerts.incidents.models import Incident
from alerts.models import Alert
from alerts.notifications.models import Notification
from alerts.notifications.planning import plan
from alerts.notifications.telling import lasted, said_in, write
from alerts.transports.base import Message
from chargers.models import ChargePoint
from tests.alerts.cast import an_alert
from tests.channels.cast import HOSTILE, a_channel
from tests.notifications.cast import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_rule,
    an_alert_of,
    charger,
    ends,
    fires,
    only,
)
from tests.support.house import settings_are

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def slack(db: None) -> Channel:
    return a_channel("slack", zone="Europe/Zurich")


def said(row: Notification | None = None, at: timedelta = timedelta(0)) -> Message:
    row = row or only()
    assert row.channel is not None
    return write(row, row.channel, said_in(row), now=NOON + at)


def test_of_one_alert_all_that_helps_is_said() -> None:
    a_rule(advice="Call the site. Then look at the router.")
    charger("CP16", name="Depot North, left", site="Zürich")
    [alert] = fires(connector_number=2)
    message = said(at=HOUR)
    assert message.title == (
        "[CRITICAL] Charge point offline: Depot North, left (CP16), connector 2, site Zürich"
    )
    assert message.lines == (
        "CP16 is offline.",
        "Where: Depot North, left (CP16), connector 2, site Zürich",
        "Since: 2026-03-04 12:45:00 CET (for 1 h 15 min)",
        "Severity: critical (Now: a driver cannot charge)",
        "What to do: Call the site. Then look at the router.",
    )
    assert message.link == f"https://csms.example.org/sys/alerts?alert={alert.pk}"
    ChargePoint.objects.filter(cp_id="CP16").update(protocol="ocpp2.0.1")
    assert said().title == "[CRITICAL] Charge point offline: Depot North, left (CP16), site Zürich", (
        "its text says where"
    )


@pytest.mark.parametrize(
    ("subject", "labels", "called"),
    [
        ("channel:0190a1b2-0000-7000-8000-0000000000aa", {"channel": "Ops\nroom"}, "channel Ops room"),
        ("process:7", {"process": "here/1"}, "process here/1"),
        ("site:Golf", {"site": "Golf"}, "site Golf"),
        ("service:worker", {}, "service:worker"),
    ],
)
def test_what_is_no_charge_point_is_called_by_its_name(
    subject: str, labels: dict[str, str], called: str
) -> None:
    alert = an_alert(subject=subject, labels=labels, name="Broken")
    a_rule()
    plan([alert], [], now=NOON)
    message = said()
    assert message.title == f"[CRITICAL] Broken: {called}"
    assert f"Where: {called}" in message.lines
    assert "Severity: critical (Now)" in message.lines
    [shown] = message.data["alerts"]
    assert shown["subject"] == subject


def test_of_its_end_it_is_said_how_long_it_was() -> None:
    a_rule(advice="Call the site.")
    alerts = fires()
    Notification.objects.update(state="sent")
    ends(alerts, NOON + HOUR)
    message = said(Notification.objects.get(kind="resolved"))
    assert message.title == "[RESOLVED] Charge point offline: CP16"
    assert message.lines[2:] == (
        "Since: 2026-03-04 12:45:00 CET",
        "Severity: critical (Now: a driver cannot charge)",
        "Over: 2026-03-04 14:00:00 CET, after 1 h 15 min",
    )


def test_what_is_of_no_charge_point_is_said_by_its_subject() -> None:
    alert = Alert.objects.create(
        rule="disk",
        name="Disk full",
        severity="warning",
        subject="disk:/data",
        text="The disk is full.",
        state="firing",
        began_at=NOON,
        fired_at=NOON,
    )
    plan([alert], [], now=NOON)
    message = said()
    assert message.title == "[WARNING] Disk full: disk:/data"
    assert message.data["alerts"][0]["cp_id"] is None


def test_of_several_each_is_a_line() -> None:
    a_rule(advice="Look at the site.")
    fires("A", "B")
    message = said()
    assert message.title == "[CRITICAL] 2 alerts: Charge point offline"
    assert message.lines == (
        "2 alerts:",
        "- critical: A is offline. (A; since 2026-03-04 12:45:00 CET)",
        "- critical: B is offline. (B; since 2026-03-04 12:45:00 CET)",
        "What to do about Charge point offline: Look at the site.",
    )
    assert message.link == "https://csms.example.org/sys/alerts?tab=firing"


def test_an_incident_is_named_by_what_its_alerts_share() -> None:
    incident = Incident.objects.create(
        label="network",
        value="192.0.2.0/24",
        began_at=NOON,
        joined_at=NOON,
        sharing=2,
        alerting=2,
        fleet_sharing=2,
        fleet=10,
    )
    fires("A", "B", incident=incident)
    assert said().title == (
        "[CRITICAL] 2 alerts of one incident (block of addresses 192.0.2.0/24): Charge point offline"
    )


def test_a_digest_says_what_lasts_what_passed_and_what_ended(slack: Channel) -> None:
    old = fires("OLD", severity="warning")
    Notification.objects.update(state="sent")
    Channel.objects.update(digest_minutes=60)
    slack.refresh_from_db()
    fires("LASTS", at=NOON + MINUTE, severity="warning")
    passed = fires("PASSED", at=NOON + 2 * MINUTE, severity="info", rule="clock-off")
    ends([*old, *passed], NOON + 3 * MINUTE)
    message = said(Notification.objects.get(kind="digest"))
    assert message.title == "[DIGEST] 3 alerts: Charge point offline"
    assert message.lines == (
        "Began, and still there: 1",
        "- warning: LASTS is offline. (LASTS; since 2026-03-04 12:46:00 CET)",
        "Began, and over: 1",
        "- info: PASSED is offline. (PASSED; since 2026-03-04 12:47:00 CET, for 16 min)",
        "Over: 1",
        "- warning: OLD is offline. (OLD; since 2026-03-04 12:45:00 CET, for 18 min)",
    )


def test_of_very_many_the_rest_is_counted() -> None:
    a_rule(advice="")
    fires(*(f"CP-{number:03}" for number in range(120)))
    message = said()
    assert message.lines[0] == "120 alerts:"
    assert message.lines[-1] == "… and 20 more"
    assert (len(message.data["alerts"]), message.data["alerts_total"]) == (100, 120)


@pytest.mark.parametrize(
    ("kind", "begin"),
    [("reminder", "[STILL FIRING]"), ("escalated", "[ESCALATED, NOBODY LOOKS AFTER IT]")],
)
def test_why_it_is_said_again(kind: str, begin: str) -> None:
    fires()
    Notification.objects.update(kind=kind)
    assert said().title == f"{begin} Charge point offline: CP16"


def test_who_looks_after_it_is_named() -> None:
    [alert] = fires()
    alert.acknowledged_by, alert.state = "alice", "acknowledged"
    alert.save()
    assert "Acknowledged by: alice" in said().lines


def test_for_programs_it_is_said_in_fields() -> None:
    charger("CP16", name="Depot", site="Zürich", model="M1")
    [alert] = fires(connector_number=2)
    data = said().data
    assert data["notification_id"] == str(only().pk)
    assert (data["kind"], data["severity"], data["channel"], data["alerts_total"]) == (
        "fired",
        "critical",
        "slack",
        1,
    )
    assert data["alerts"] == [
        {
            "alert_id": str(alert.pk),
            "what": ["fired"],
            "rule": "charge-point-offline",
            "name": "Charge point offline",
            "severity": "critical",
            "state": "firing",
            "subject": "charge-point:CP16",
            "cp_id": "CP16",
            "charge_point_name": "Depot",
            "site": "Zürich",
            "connector_id": 2,
            "labels": {"cp_id": "CP16", "site": "Zürich", "model": "M1"},
            "text": "CP16 is offline.",
            "began_at": "2026-03-04T11:45:00.000Z",
            "fired_at": "2026-03-04T12:00:00.000Z",
            "resolved_at": None,
            "acknowledged_by": "",
        }
    ]


def test_the_times_are_those_of_the_house_if_the_channel_names_no_zone(slack: Channel) -> None:
    Channel.objects.update(zone="")
    fires()
    assert "11:45:00 UTC" in said().lines[2]
    with settings_are(CSMS_TIME_ZONE="America/New_York"):
        assert "06:45:00 EST" in said().lines[2]


def test_without_an_address_of_its_own_there_is_no_link() -> None:
    fires()
    with settings_are(CSMS_PUBLIC_URL="", CSMS_HOST="127.0.0.1", CSMS_PORT="8000"):
        assert said().link.startswith("http://127.0.0.1:8000/sys/alerts?alert=")


@pytest.mark.parametrize("where", ["text", "name", "site", "subject"])
def test_hostile_words_stay_one_line_of_bounded_length(where: str) -> None:
    words = f"{HOSTILE}\r\n\x1b[2J\u202eBcc: eve@evil.example\n\n{'x' * 5000}"
    values: dict[str, Any] = {}
    if where in ("name", "site"):
        charger("CP16", **{where: words[:100]})
    elif where == "subject":
        alert = an_alert_of()
        Alert.objects.filter(pk=alert.pk).update(subject=words[:200], charge_point=None)
        plan([Alert.objects.get(pk=alert.pk)], [], now=NOON)
    else:
        values["text"] = words
    if where != "subject":
        fires(**values)
    message = said()
    for line in (message.title, *message.lines):
        assert "\n" not in line
        assert "\r" not in line
        assert line.replace("\ufffd", "").isprintable()
        assert len(line) < 1200
    assert len(message.title) <= 150


def test_a_test_says_so(slack: Channel) -> None:
    row = Notification.objects.create(
        kind="test", channel=slack, channel_name="slack", severity="info", created_at=NOON, id=uuid4()
    )
    message = said(row)
    assert message.title == "[TEST] slack"
    assert "no alert has fired" in message.lines[0]
    assert message.link == "https://csms.example.org/sys/alerts?tab=firing"


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=-5), "0 s"),
        (59 * SECOND, "59 s"),
        (61 * MINUTE, "1 h 1 min"),
        (timedelta(days=2, hours=3, minutes=4), "2 d 3 h"),
        (timedelta(days=1, seconds=1), "1 d 1 s"),
    ],
)
def test_durations(time: timedelta, words: str) -> None:
    assert lasted(time) == words
