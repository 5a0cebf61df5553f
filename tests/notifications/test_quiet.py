"""Of alerts that turn quiet before they are told nothing is said, of the others all is; and none is lost when loud."""

from datetime import time
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.channels.services import change_channel
from alerts.models import Alert, AlertEntry
from alerts.notifications import sending
from alerts.notifications.escalating import escalate
from alerts.notifications.models import Notification, Part
from alerts.notifications.planning import plan
from tests.notifications.cast import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    acknowledged,
    arrived,
    ends,
    fires,
    goes_to,
    leading_to,
    log,
    work,
)
from tests.support.receiver import Receiver, receiving, status

pytestmark = pytest.mark.django_db
FIELDS = ["inhibited_by", "silenced_by"]


def is_quiet(alert: Alert, field: str = "silenced_by") -> None:
    Alert.objects.filter(pk=alert.pk).update(**{field: uuid4()})
    alert.refresh_from_db()


def is_loud(alert: Alert, at: Any) -> None:
    """It is quiet no longer, and the engine says so."""
    Alert.objects.filter(pk=alert.pk).update(inhibited_by=None, silenced_by=None)
    alert.refresh_from_db()
    plan([alert], [], now=at)


@pytest.mark.parametrize("field", FIELDS)
def test_a_digest_is_silent_about_what_is_quiet_and_tells_it_when_it_is_loud(
    receiver: Receiver, field: str
) -> None:
    leading_to(receiver, digest_minutes=60)
    a, b = fires("A", "B", at=NOON + MINUTE, severity="warning")
    is_quiet(a, field)
    assert work(NOON + HOUR) == [True]
    is_loud(a, NOON + HOUR + MINUTE)
    assert work(NOON + 2 * HOUR) == [True]
    assert [cps for _, _, cps in arrived(receiver)] == [["B"], ["A"]]
    told = AlertEntry.objects.filter(what="told").order_by("pk").values_list("alert_id", flat=True)
    assert list(told) == [b.pk, a.pk]
    ends([a, b], NOON + 2 * HOUR + MINUTE)
    work(NOON + 3 * HOUR)
    assert arrived(receiver)[2:] == [("tools", "alert.digest", ["A", "B"])]


def test_how_bad_a_message_is_goes_by_what_it_says(receiver: Receiver) -> None:
    channel = leading_to(receiver)
    a, _ = plan_together("critical", "info")
    is_quiet(a)
    change_channel(channel, {"quiet_from": time(12), "quiet_until": time(13)}, by="alice", now=NOON)
    assert work() == []  # what is critical would pass
    assert Part.objects.count() == 2  # and none is forgotten while it waits
    assert work(NOON + HOUR) == [True]
    [message] = receiver.messages
    assert message.json["data"]["severity"] == Notification.objects.get().severity == "info"
    assert message.json["data"]["alerts_total"] == 1


def plan_together(*severities: str) -> list[Alert]:
    from tests.notifications.cast import an_alert_of

    alerts = [an_alert_of(name, severity=one) for name, one in zip("AB", severities, strict=True)]
    plan(alerts, [], now=NOON)
    return alerts


def test_of_what_is_loud_again_while_it_waits_all_is_told(receiver: Receiver) -> None:
    leading_to(receiver, digest_minutes=60)
    a, _ = fires("A", "B", at=NOON + MINUTE, severity="warning")
    is_quiet(a)
    is_loud(a, NOON + 2 * MINUTE)
    assert work(NOON + HOUR) == [True]
    assert arrived(receiver) == [("tools", "alert.digest", ["A", "B"])]


def test_another_attempt_is_silent_about_what_is_quiet_since() -> None:
    with receiving(status(500), status(200)) as receiver:
        leading_to(receiver)
        a, b = fires("A", "B")
        work()
        is_quiet(a)
        work(NOON + 10 * SECOND)
        assert [cps for _, _, cps in arrived(receiver)] == [["A", "B"], ["B"]]
        # Whether it is of any use is judged by what it would say.
        c, d = fires("C", "D", at=NOON + MINUTE, rule="another")
        is_quiet(c)
        ends([d], NOON + MINUTE)
        work(NOON + MINUTE)
    assert log(bundle=Notification.objects.latest("pk").bundle)[0] == ("tools", "fired", "suppressed")
    assert len(receiver.messages) == 2
    assert (b.resolved_at, c.resolved_at) == (None, None)


def test_a_step_is_silent_about_what_is_quiet_and_made_when_it_is_loud(receiver: Receiver) -> None:
    team, chief = leading_to(receiver, "team"), leading_to(receiver, "chief")
    goes_to((team, 0), (chief, 10))
    a, b = fires("A", "B")
    work()
    now = NOON + 10 * MINUTE
    assert escalate(now=now) == 2
    is_quiet(a)
    work(now)
    acknowledged(b, now)
    is_loud(a, now + MINUTE)
    assert escalate(now=now + MINUTE) == 1
    work(now + MINUTE)
    assert [cps for path, _, cps in arrived(receiver) if path == "chief"] == [["B"], ["A"]]


@pytest.mark.parametrize("field", FIELDS)
def test_the_end_is_told_of_what_was_told_and_is_quiet_now(receiver: Receiver, field: str) -> None:
    leading_to(receiver)
    a, b = fires("A", "B")
    work()
    is_quiet(a, field)
    ends([a], NOON + MINUTE)
    assert work(NOON + MINUTE) == [True]
    assert arrived(receiver)[1:] == [("tools", "alert.resolved", ["A"])]


def test_no_end_is_told_of_what_was_left_out(receiver: Receiver) -> None:
    leading_to(receiver, digest_minutes=60)
    a, b = fires("A", "B", at=NOON + MINUTE, severity="warning")
    is_quiet(a)
    ends([a, b], NOON + 2 * MINUTE)  # both ends wait beside their beginnings
    work(NOON + HOUR)
    assert arrived(receiver) == [("tools", "alert.digest", ["B"])]
    [row] = receiver.messages
    assert row.json["data"]["alerts"][0]["what"] == ["fired", "resolved"]
    assert set(Part.objects.values_list("alert_id", flat=True)) == {b.pk}
    # And where nothing is left, nothing is said.
    c, *_ = fires("C", at=NOON + HOUR + MINUTE, severity="warning")
    is_quiet(c)
    ends([c], NOON + HOUR + MINUTE)
    assert work(NOON + 2 * HOUR) == []
    last = Notification.objects.latest("pk")
    assert (last.state, "silenced" in last.why) == ("suppressed", True)


def test_an_end_is_not_told_before_its_beginning(receiver: Receiver) -> None:
    """One was told at once, the other waits to be gathered: that says by itself that it is over."""
    leading_to(receiver, digest_minutes=60)
    a, b = plan_together("critical", "critical")
    work()
    c, *_ = fires("C", at=NOON + MINUTE, severity="warning")
    ends([a, c], NOON + 2 * MINUTE)
    work(NOON + 2 * MINUTE)
    assert arrived(receiver)[1:] == [("tools", "alert.resolved", ["A"])]
    work(NOON + HOUR)
    assert arrived(receiver)[2:] == [("tools", "alert.digest", ["C"])]
    assert "Began, and over: 1" in receiver.messages[-1].json["data"]["text"]
    assert b.resolved_at is None


def test_no_statement_grows_with_the_alerts_of_a_message(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite takes 32,766 values in one."""
    monkeypatch.setattr(sending, "ROWS_AT_ONCE", 4)
    leading_to(receiver)

    def longest(count: int, at: Any) -> int:
        alerts = fires(*(f"CP-{count}-{n:02}" for n in range(2 * count)), at=at)
        Alert.objects.filter(pk__in=[alert.pk for alert in alerts[:count]]).update(silenced_by=uuid4())
        with CaptureQueriesContext(connection) as captured:
            assert work(at) == [True]
        assert receiver.messages[-1].json["data"]["alerts_total"] == count
        named = [query["sql"] for query in captured if query["sql"].startswith(("SELECT", "DELETE"))]
        return max(map(len, named))

    assert longest(12, NOON + HOUR) <= longest(4, NOON) + 20
