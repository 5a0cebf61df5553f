"""What nobody acknowledges is told to others, step by step, until somebody does."""

from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert, AlertEntry
from alerts.notifications.escalating import escalate
from alerts.notifications.models import Notification
from alerts.notifications.planning import plan
from alerts.notifications.tasks import follow
from alerts.steps import end, lock
from tests.channels.cast import Other, a_channel
from tests.notifications.cast import (
    HOUR,
    MINUTE,
    NOON,
    acknowledged,
    arrived,
    ends,
    fires,
    goes_to,
    leading_to,
    log,
    work,
)
from tests.support.receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def steps(receiver: Receiver) -> Receiver:
    """At once the team, after 10 minutes the chief, after 30 the boss."""
    team, chief, boss = (leading_to(receiver, name) for name in ("team", "chief", "boss"))
    goes_to((team, 0), (chief, 10), (boss, 30))
    return receiver


def goes_on(minutes: int) -> None:
    now = NOON + minutes * MINUTE
    escalate(now=now)
    work(now)


def who_was_told(receiver: Receiver) -> list[str]:
    return [path for path, _, _ in arrived(receiver)]


def test_others_are_told_step_by_step_and_once_each(steps: Receiver) -> None:
    [alert] = fires()
    for minutes in (0, 9, 10, 10, 11, 29, 30, 31, 60, 600):
        goes_on(minutes)
    assert who_was_told(steps) == ["team", "chief", "boss"]
    assert [type for _, type, _ in arrived(steps)] == ["alert.fired", "alert.escalated", "alert.escalated"]
    entries = AlertEntry.objects.filter(alert=alert, what="escalated").order_by("pk")
    assert [entry.note for entry in entries] == ["chief", "boss"]


def test_it_stops_when_somebody_acknowledges(steps: Receiver) -> None:
    [alert] = fires()
    goes_on(10)
    acknowledged(alert, NOON + 12 * MINUTE)
    for minutes in (30, 60):
        goes_on(minutes)
    assert sorted(who_was_told(steps)) == ["chief", "team"]


def test_it_stops_when_somebody_acknowledges_before_it_could_be_sent(steps: Receiver) -> None:
    [alert] = fires()
    work()
    escalate(now=NOON + 10 * MINUTE)
    acknowledged(alert, NOON + 10 * MINUTE)
    work(NOON + 11 * MINUTE)
    assert who_was_told(steps) == ["team"]
    row = Notification.objects.get(kind="escalated")
    assert (row.state, row.why) == ("suppressed", "Somebody looks after it meanwhile.")


def test_it_stops_when_it_is_over(steps: Receiver) -> None:
    alerts = fires()
    work()
    ends(alerts, NOON + 5 * MINUTE)
    goes_on(10)
    goes_on(30)
    assert who_was_told(steps) == ["team", "team"]  # and of the end


def test_who_was_told_later_is_told_of_the_end(steps: Receiver) -> None:
    alerts = fires()
    goes_on(0)
    goes_on(10)
    ends(alerts, NOON + 20 * MINUTE)
    work(NOON + 20 * MINUTE)
    assert sorted(who_was_told(steps)[2:]) == ["chief", "team"]


@pytest.mark.parametrize("field", ["inhibited_by", "silenced_by"])
def test_of_quiet_alerts_nobody_further_is_told(steps: Receiver, field: str) -> None:
    fires()
    work()
    Alert.objects.update(**{field: uuid4()})
    goes_on(10)
    assert who_was_told(steps) == ["team"]
    Alert.objects.update(**{field: None})
    goes_on(20)
    assert who_was_told(steps) == ["team", "chief"]


@pytest.mark.parametrize("field", ["inhibited_by", "silenced_by"])
@pytest.mark.parametrize("tried", [0, 1])
def test_a_step_that_was_not_told_since_it_was_quiet_is_made_when_it_is_loud(
    steps: Receiver, field: str, tried: int
) -> None:
    fires()
    work()
    now = NOON + 10 * MINUTE
    escalate(now=now)
    Notification.objects.filter(kind="escalated").update(attempts=tried)
    Alert.objects.update(**{field: uuid4()})
    for minutes in (11, 12):
        goes_on(minutes)
    assert log(kind="escalated") == [("chief", "escalated", "failed" if tried else "suppressed")]
    Alert.objects.update(**{field: None})
    for minutes in (13, 14):
        goes_on(minutes)
    assert who_was_told(steps) == ["team", "chief"]
    assert len(log(kind="escalated")) == 2


def test_alerts_that_are_due_together_are_one_message(steps: Receiver) -> None:
    fires("A", "B", "C")
    goes_on(0)
    goes_on(10)
    assert arrived(steps)[1] == ("chief", "alert.escalated", ["A", "B", "C"])


def test_after_a_long_stop_each_step_is_made_up_for(steps: Receiver) -> None:
    fires()
    goes_on(120)
    assert sorted(who_was_told(steps)) == ["boss", "chief", "team"]


def test_in_quiet_hours_what_is_not_critical_is_escalated_later_and_once(receiver: Receiver) -> None:
    from datetime import time

    team = leading_to(receiver, "team")
    chief = leading_to(receiver, "chief", quiet_from=time(12), quiet_until=time(13))
    goes_to((team, 0), (chief, 10))
    fires(severity="warning")
    for minutes in (0, 10, 20, 60):
        goes_on(minutes)
    assert arrived(receiver) == [("team", "alert.fired", ["CP16"]), ("chief", "alert.digest", ["CP16"])]


def test_a_disabled_channel_is_no_step(receiver: Receiver) -> None:
    team = leading_to(receiver, "team")
    chief = leading_to(receiver, "chief", enabled=False)
    goes_to((team, 0), (chief, 10))
    fires()
    assert escalate(now=NOON + HOUR) == 0


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_of_two_clocks_one_waits_and_holds_no_alert_meanwhile(steps: Receiver) -> None:
    alerts = fires("A", "B")
    now = NOON + 10 * MINUTE
    with transaction.atomic():
        assert escalate(now=now) == 2
        Notification.objects.filter(kind="escalated").update(attempts=1)  # it cannot be joined any more
        other = Other(lambda: escalate(now=now))
        other.waits()
    assert other.end() == 0
    assert log(kind="escalated") == [("chief", "escalated", "planned")]
    # Nor does it hold any while a look changes them in an order of its own: neither would ever go on.
    now = NOON + 30 * MINUTE
    with transaction.atomic():
        lock(now=now)
        other = Other(lambda: escalate(now=now))
        other.waits()
        held = Alert.objects.order_by("-pk").select_for_update(nowait=True)  # raises if the other had them
        ended = end([alert.pk for alert in held], now=now)
        plan([], ended, now=now)
    assert (len(ended), other.end()) == (len(alerts), 0)
    assert log(kind="escalated") == [("chief", "escalated", "planned")]


def test_the_clock_does_it(receiver: Receiver) -> None:
    a_channel("slack")
    chief = leading_to(receiver, "chief")
    goes_to((chief, 10))
    fires()  # long ago, by the clock on the wall
    assert follow() == 1
    assert follow() == 0
    assert log(kind="escalated") == [("chief", "escalated", "planned")]


def test_it_costs_no_more_for_many(steps: Receiver) -> None:
    def queries(count: int, begin: int) -> int:
        fires(*(f"CP-{begin + number}" for number in range(count)))
        with CaptureQueriesContext(connection) as captured:
            escalate(now=NOON + 10 * MINUTE)
        Notification.objects.update(attempts=1)
        return len(captured)

    assert queries(1, 0) == queries(40, 100)
