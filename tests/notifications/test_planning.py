"""What is planned with an alert's change: for whom, together with what, now, later or not at all."""

from datetime import datetime, time
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert
from alerts.notifications.apps import NotificationsConfig
from alerts.notifications.models import Notification, Part
from alerts.notifications.planning import GROUPS_MAX, plan
from alerts.told import TOLD
from tests.alerts.cast import an_incident
from tests.channels.cast import a_channel
from tests.notifications.cast import (
    HOUR,
    MINUTE,
    NOON,
    a_rule,
    acknowledged,
    an_alert_of,
    charger,
    ends,
    fires,
    goes_to,
    log,
    only,
)

pytestmark = pytest.mark.django_db
State = Notification.State
NIGHT = datetime.combine(NOON.date(), time(23), tzinfo=NOON.tzinfo)
QUIET: dict[str, Any] = {"quiet_from": time(22), "quiet_until": time(7)}


def parts(row: Notification) -> list[tuple[str, str]]:
    """Charge point and what is told of it."""
    alerts = {alert.pk: alert.subject.partition(":")[2] for alert in Alert.objects.all()}
    return [(alerts[one.alert_id], one.what) for one in row.parts.order_by("pk")]


def sent(row: Notification, at: datetime) -> None:
    Notification.objects.filter(pk=row.pk).update(state=State.SENT, sent_at=at, attempts=1, next_at=None)


# --- for whom ---------------------------------------------------------------------------------------------------------


def test_the_engine_tells_it() -> None:
    assert plan in TOLD
    before = list(TOLD)
    NotificationsConfig("alerts.notifications", __import__("alerts.notifications").notifications).ready()
    assert before == TOLD


def test_without_a_channel_nobody_is_told() -> None:
    fires()
    assert log() == []


def test_what_names_no_channel_goes_to_the_default() -> None:
    a_channel("slack")
    a_channel("pushover", default=True)
    [alert] = fires()
    row = only()
    assert (row.channel_name, row.kind, row.state, row.next_at) == ("pushover", "fired", "planned", NOON)
    assert (row.severity, parts(row)) == ("critical", [("CP16", "fired")])
    assert list(Part.objects.values_list("alert_id", flat=True)) == [alert.pk]


def test_a_rule_names_its_channels() -> None:
    a_channel("slack")
    phones, tools = a_channel("pushover"), a_channel("webhook")
    goes_to((phones, 0), (tools, 0))
    fires()
    assert sorted(log()) == [("pushover", "fired", "planned"), ("webhook", "fired", "planned")]


def test_where_all_named_are_disabled_the_default_is_told() -> None:
    a_channel("slack")
    phones = a_channel("pushover", enabled=False)
    goes_to((phones, 0))
    fires()
    assert log() == [("slack", "fired", "planned")]


def test_it_is_planned_in_the_transaction_of_the_change() -> None:
    a_channel("slack")
    with transaction.atomic():
        fires()
        assert log()
        transaction.set_rollback(True)
    assert log() == []


def test_a_broken_channel_is_told_of_by_the_others() -> None:
    broken, other = a_channel("slack"), a_channel("pushover")
    a_channel("teams", enabled=False)
    about = {"rule": "channel-broken", "subject": f"channel:{broken.pk}", "severity": "warning"}
    fires(**about)
    assert log() == [("pushover", "fired", "planned")]
    Notification.objects.all().delete()
    goes_to((broken, 0), rule="channel-broken")
    fires("CP17", **about | {"subject": f"channel:{other.pk}"})
    assert log() == [("slack", "fired", "planned")]


# --- together ---------------------------------------------------------------------------------------------------------


def test_alerts_of_a_rule_that_fire_together_are_one_message() -> None:
    a_channel("slack")
    fires("A", "B", "C")
    assert parts(only()) == [("A", "fired"), ("B", "fired"), ("C", "fired")]


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ([], [["A", "B", "C"]]),
        (["rule"], [["A", "B", "C"]]),
        (["site"], [["A", "B"], ["C"]]),
        (["rule", "site"], [["A", "B"], ["C"]]),
        (["model"], [["A", "B", "C"]]),
        (["charge_point"], [["A"], ["B"], ["C"]]),
    ],
)
def test_a_rule_says_by_what_they_are_grouped(group_by: list[str], expected: list[list[str]]) -> None:
    a_channel("slack")
    a_rule(group_by=group_by)
    for cp_id, site in (("A", "north"), ("B", "north"), ("C", "south")):
        charger(cp_id, site=site)
    alerts = fires("A", "B", "C")
    rows = Notification.objects.order_by("pk")
    assert [[cp_id for cp_id, _ in parts(row)] for row in rows] == expected
    ends(alerts, NOON + MINUTE)
    over = rows.filter(kind=Notification.Kind.RESOLVED)
    assert sorted([cp_id for cp_id, _ in parts(row)] for row in over) == expected


@pytest.mark.parametrize(("sites", "messages"), [(GROUPS_MAX, GROUPS_MAX), (GROUPS_MAX + 1, 1)])
def test_of_too_many_groups_people_are_told_in_one_message(sites: int, messages: int) -> None:
    a_channel("slack")
    a_rule(group_by=["site"])
    for number in range(sites):
        charger(f"CP{number}", site=f"Site {number}")
    alerts = fires(*(f"CP{number}" for number in range(sites)))
    ends(alerts, NOON + MINUTE)
    for kind in (Notification.Kind.FIRED, Notification.Kind.RESOLVED):
        rows = Notification.objects.filter(kind=kind)
        assert len(rows) == messages
        assert sum(row.parts.count() for row in rows) == sites


def test_rules_that_are_grouped_by_the_site_alone_are_told_together() -> None:
    a_channel("slack")
    for slug in ("one", "two"):
        a_rule(slug, group_by=["site"])
    charger("A", site="north")
    alerts = [an_alert_of("A", rule=slug) for slug in ("one", "two")]
    plan(alerts, [], now=NOON)
    assert only().parts.count() == 2


def test_alerts_of_an_incident_are_one_message_whatever_their_rules() -> None:
    a_channel("slack")
    incident = an_incident()
    for cp_id, site in (("A", "north"), ("B", "north"), ("C", "north"), ("D", "north"), ("E", "south")):
        charger(cp_id, site=site)
    alerts = [
        an_alert_of(cp_id, rule=rule, incident=incident) for cp_id, rule in (("A", "one"), ("B", "two"))
    ]
    plan(alerts, [], now=NOON)
    sent(only(), NOON)

    def follows(minute: int, cp_id: str, rule: str, severity: str = "critical") -> Notification:
        at = NOON + minute * MINUTE
        plan([an_alert_of(cp_id, at=at, rule=rule, severity=severity, incident=incident)], [], now=at)
        return Notification.objects.get(state=State.PLANNED)

    # Of a rule and site of which people were told within five minutes they are told then, however bad it is.
    follows(1, "C", "one")
    row = follows(2, "D", "two")
    assert (row.next_at, parts(row)) == (NOON + 5 * MINUTE, [("C", "fired"), ("D", "fired")])
    # What is no worse than a warning waits, too.
    assert follows(2, "D", "new", "warning").next_at == NOON + 5 * MINUTE
    # What is critical and news takes them along at once: another rule, another site, one that nobody knows.
    for cp_id, rule in (("C", "three"), ("E", "one"), ("F", "one")):
        assert follows(3, cp_id, rule).next_at == NOON + 3 * MINUTE
        Notification.objects.filter(state=State.PLANNED).update(next_at=NOON + 5 * MINUTE)
    # Five minutes later it is news again.
    assert follows(5, "D", "one").next_at == NOON + 5 * MINUTE


def test_ends_of_an_incident_wait_for_the_others_of_their_rule_and_site() -> None:
    a_channel("slack")
    incident = an_incident()
    for cp_id in ("A", "B", "C"):
        charger(cp_id, site="north" if cp_id != "C" else "south")
    alerts = [an_alert_of(cp_id, incident=incident) for cp_id in ("A", "B", "C")]
    plan(alerts, [], now=NOON)
    sent(only(), NOON)
    ends(alerts[:1], NOON + MINUTE)
    sent(Notification.objects.get(state=State.PLANNED), NOON + MINUTE)
    ends(alerts[1:2], NOON + 2 * MINUTE)
    assert Notification.objects.get(state=State.PLANNED).next_at == NOON + 6 * MINUTE
    ends(alerts[2:], NOON + 3 * MINUTE)
    assert Notification.objects.get(state=State.PLANNED).next_at == NOON + 3 * MINUTE


def test_what_waits_is_joined_until_somebody_tells_it() -> None:
    a_channel("slack")
    fires("A")
    fires("B", at=NOON + MINUTE)
    assert parts(only()) == [("A", "fired"), ("B", "fired")]
    Notification.objects.update(attempts=1)
    fires("C", at=NOON + 2 * MINUTE)
    assert Notification.objects.count() == 2


def test_the_worst_of_a_message_counts() -> None:
    a_channel("slack")
    plan([an_alert_of("A", severity="info"), an_alert_of("B", severity="warning")], [], now=NOON)
    assert only().severity == "warning"
    plan([an_alert_of("C", severity="critical")], [], now=NOON)
    assert only().severity == "critical"


def test_what_is_not_critical_is_told_of_a_group_every_five_minutes() -> None:
    a_channel("slack")
    fires("A", severity="warning")
    sent(only(), NOON)
    fires("B", at=NOON + MINUTE, severity="warning")
    assert Notification.objects.get(state="planned").next_at == NOON + 5 * MINUTE
    fires("C", at=NOON + MINUTE, severity="critical")
    row = Notification.objects.get(state="planned")
    assert (row.severity, row.next_at) == ("critical", NOON + MINUTE)
    assert parts(row) == [("B", "fired"), ("C", "fired")]


# --- not at all -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "word"), [("inhibited_by", "inhibited"), ("silenced_by", "silenced")])
def test_of_quiet_alerts_nobody_is_told_and_the_log_says_why(field: str, word: str) -> None:
    a_channel("slack")
    why = uuid4()
    [alert] = fires(**{field: why})
    row = only()
    assert (row.state, row.next_at) == ("suppressed", None)
    assert word in row.why
    assert str(why) in row.why
    # When that ends, and it still fires, they are told.
    setattr(alert, field, None)
    alert.save()
    plan([alert], [], now=NOON + HOUR)
    assert log()[1:] == [("slack", "reminder", "planned")]


def test_quiet_alerts_are_one_row_a_channel_and_kind_of_reason() -> None:
    slack, phones = a_channel("slack"), a_channel("pushover")
    a_rule(group_by=["charge_point"])
    goes_to((slack, 0), (phones, 0))
    source = uuid4()
    alerts = [an_alert_of(f"S{n}", silenced_by=source, severity="warning") for n in range(3)]
    alerts += [an_alert_of(f"I{n}", inhibited_by=uuid4(), severity="info") for n in range(30)]
    loud = an_alert_of("L")
    plan([*alerts, loud], [], now=NOON)
    for channel in (slack, phones):
        silenced, inhibited = channel.notifications.filter(state=State.SUPPRESSED).order_by("-severity")
        assert (silenced.why, silenced.severity) == (f"It is silenced by {source}.", "warning")
        assert (inhibited.why.split(";")[0], inhibited.severity) == (
            "They are inhibited by other alerts",
            "info",
        )
        assert (silenced.parts.count(), inhibited.parts.count()) == (3, 30)
        assert parts(channel.notifications.get(state=State.PLANNED)) == [("L", "fired")]


def test_who_is_looked_after_is_no_news_when_it_is_quiet_no_longer() -> None:
    a_channel("slack")
    alert = an_alert_of()
    acknowledged(alert)
    alert.refresh_from_db()
    plan([alert], [], now=NOON + HOUR)
    assert log() == []


# --- the end ----------------------------------------------------------------------------------------------------------


def test_who_was_told_of_the_beginning_is_told_of_the_end() -> None:
    slack, phones = a_channel("slack"), a_channel("pushover")
    goes_to((slack, 0), (phones, 0))
    alerts = fires("A", "B")
    for row in Notification.objects.all():
        sent(row, NOON)
    goes_to((slack, 0))
    ends(alerts, NOON + HOUR)
    rows = Notification.objects.filter(kind="resolved")
    assert {row.channel_name for row in rows} == {"slack", "pushover"}
    assert all(parts(row) == [("A", "resolved"), ("B", "resolved")] for row in rows)


def test_who_was_not_told_of_the_beginning_is_not_told_of_the_end() -> None:
    a_channel("slack")
    alerts = fires(silenced_by=uuid4())
    ends(alerts, NOON + HOUR)
    assert log() == [("slack", "fired", "suppressed")]


def test_the_end_is_told_whether_it_is_quiet_then_or_not() -> None:
    a_channel("slack")
    alerts = fires("A", "B")
    sent(only(), NOON)
    Alert.objects.filter(subject__endswith="A").update(inhibited_by=uuid4())
    ends(alerts, NOON + HOUR)
    assert log()[1:] == [("slack", "resolved", "planned")]
    assert parts(Notification.objects.get(kind="resolved")) == [("A", "resolved"), ("B", "resolved")]


# --- later ------------------------------------------------------------------------------------------------------------


def test_in_quiet_hours_it_is_gathered_and_what_is_critical_passes() -> None:
    a_channel("slack", **QUIET)
    fires("A", at=NIGHT, severity="warning")
    fires("B", at=NIGHT + MINUTE, severity="info", rule="clock-off")
    fires("C", at=NIGHT + MINUTE)
    digest = Notification.objects.get(kind="digest")
    assert parts(digest) == [("A", "fired"), ("B", "fired")]
    assert digest.next_at == NIGHT + 8 * HOUR
    assert Notification.objects.get(kind="fired").next_at == NIGHT + MINUTE


def test_the_end_joins_what_is_gathered() -> None:
    a_channel("slack", digest_minutes=60)
    alerts = fires("A", at=NOON + MINUTE, severity="warning")
    ends(alerts, NOON + 2 * MINUTE)
    row = only()
    assert (row.kind, row.next_at) == ("digest", NOON + HOUR)
    assert parts(row) == [("A", "fired"), ("A", "resolved")]


def test_beyond_the_messages_of_an_hour_only_what_is_critical_is_told_at_once() -> None:
    a_channel("slack", per_hour=2)
    for number, rule in enumerate(("one", "two")):
        fires("A", at=NOON + number * MINUTE, severity="warning", rule=rule)
        sent(Notification.objects.latest("pk"), NOON + number * MINUTE)
    at = NOON + 10 * MINUTE
    for rule in ("three", "four"):
        fires("A", at=at, severity="warning", rule=rule)
    fires("B", at=at)
    digest = Notification.objects.get(kind="digest")
    assert (digest.next_at, digest.parts.count()) == (NOON + HOUR, 2)  # when the first of them is an hour ago
    assert Notification.objects.get(kind="fired", state="planned").severity == "critical"
    Notification.objects.filter(state="planned").delete()
    fires("C", at=NOON + 2 * HOUR, severity="warning", rule="five")
    assert Notification.objects.filter(kind="fired", state="planned", severity="warning").exists()


def test_what_waits_counts_for_the_messages_of_an_hour() -> None:
    a_channel("slack", per_hour=3)
    plan([an_alert_of("A", severity="info", rule=f"rule-{n}") for n in range(10)], [], now=NOON)
    assert [kind for _, kind, _ in log()].count("fired") == 3
    assert Notification.objects.get(kind="digest").parts.count() == 7
    # Also what is planned in the same moment, and is critical.
    Notification.objects.all().delete()
    severities = ["critical"] * 3 + ["info"] * 2
    plan([an_alert_of("B", severity=one, rule=f"b-{n}") for n, one in enumerate(severities)], [], now=NOON)
    assert sorted(log()) == [("slack", "digest", "planned")] + 3 * [("slack", "fired", "planned")]
    assert Notification.objects.get(kind="digest").parts.count() == 2


def test_no_bound_is_no_bound() -> None:
    a_channel("slack", per_hour=0)
    plan([an_alert_of("A", severity="info", rule=f"rule-{n}") for n in range(10)], [], now=NOON)
    assert [kind for _, kind, _ in log()].count("fired") == 10


# --- cost -------------------------------------------------------------------------------------------------------------


def test_many_alerts_cost_as_many_queries_as_one() -> None:
    a_channel("slack")

    def queries(count: int, begin: int) -> int:
        alerts = [an_alert_of(f"CP-{begin + number}") for number in range(count)]
        alerts += [an_alert_of(f"Q-{begin + number}", inhibited_by=uuid4()) for number in range(count)]
        with CaptureQueriesContext(connection) as captured:
            plan(alerts, [], now=NOON)
        Notification.objects.update(attempts=1, state=State.SENT)
        with CaptureQueriesContext(connection) as ended:
            plan([], alerts, now=NOON)
        Notification.objects.update(attempts=1, state=State.SENT)
        return len(captured) + len(ended)

    assert queries(40, 100) == queries(1, 0)
