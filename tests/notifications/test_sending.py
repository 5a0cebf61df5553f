"""What is due is sent, again after a failure, at least once; and what is of no use any more is not."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from alerts.channels.models import Channel
from alerts.channels.services import change_channel, remove_channel
from alerts.models import Alert, AlertEntry
from alerts.notifications import sending
from alerts.notifications.escalating import let_go
from alerts.notifications.judging import TRIED_FOR
from alerts.notifications.models import Notification
from alerts.notifications.sending import DELAYS, claim_next
from alerts.notifications.testing import send_test
from tests.channels.cast import NOON, a_channel
from tests.notifications.cast import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    acknowledged,
    arrived,
    ends,
    fires,
    goes_to,
    leading_to,
    log,
    only,
    work,
)
from tests.support.receiver import Receiver, receiving, reset, silent, status

pytestmark = pytest.mark.django_db
State = Notification.State


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def why() -> str:
    return only().why


# --- one attempt ------------------------------------------------------------------------------------------------------


def test_what_is_due_is_sent_and_written_down(receiver: Receiver) -> None:
    channel = leading_to(receiver)
    [alert] = fires()
    assert work() == [True]
    assert arrived(receiver) == [("tools", "alert.fired", ["CP16"])]
    row = only()
    assert (row.state, row.attempts, row.status, row.outcome) == ("sent", 1, 200, "It answered 200.")
    assert (row.sent_at, row.next_at, row.leased_until) == (NOON, None, None)
    assert row.title == "[CRITICAL] Charge point offline: CP16"
    assert "CP16 is offline." in row.text
    assert fresh(channel).sent_at == NOON
    entry = AlertEntry.objects.filter(alert=alert).latest("pk")
    assert (entry.what, entry.note, entry.by) == ("told", "tools", "")
    assert work(NOON + DAY) == []


def test_what_is_not_due_waits(receiver: Receiver) -> None:
    leading_to(receiver, digest_minutes=60)
    fires(severity="warning", at=NOON + MINUTE)
    assert work(NOON + 59 * MINUTE) == []
    assert work(NOON + HOUR) == [True]
    assert arrived(receiver) == [("tools", "alert.digest", ["CP16"])]


def test_the_end_comes_after_the_beginning(receiver: Receiver) -> None:
    leading_to(receiver)
    alerts = fires()
    work()
    ends(alerts, NOON + HOUR)
    assert work(NOON + HOUR) == [True]
    assert [type for _, type, _ in arrived(receiver)] == ["alert.fired", "alert.resolved"]
    [alert] = alerts
    entry = AlertEntry.objects.filter(alert=alert).latest("pk")
    assert (entry.what, entry.note) == ("told", "tools: over")


# --- again ------------------------------------------------------------------------------------------------------------


def test_one_that_failed_is_planned_again_under_the_same_id() -> None:
    with receiving(status(500, b"oops"), reset, status(302), status(204)) as receiver:
        channel = leading_to(receiver)
        fires()
        now, seen = NOON, []
        for _ in range(4):
            work(now)
            row = only()
            seen.append((row.state, row.status, row.outcome.split(".")[0]))
            assert work(now) == []  # not before its time
            probe = fresh(channel).probe_at
            now = max(row.next_at or now, probe or now)
    assert [(state, code) for state, code, _ in seen] == [
        ("planned", 500),
        ("planned", None),
        ("planned", 302),
        ("sent", 204),
    ]
    assert seen[0][2] == "It answered 500: oops"
    assert len({message.headers["webhook-id"] for message in receiver.messages}) == 1
    assert only().attempts == 4


def test_it_is_tried_ever_later_and_for_a_day() -> None:
    with receiving(status(500)) as receiver:
        leading_to(receiver)
        fires()
        now, waits = NOON, []
        while only().state == State.PLANNED:
            work(now)
            Channel.objects.update(failures=0, probe_at=None)
            if (at := only().next_at) is not None:
                waits.append(int((at - now).total_seconds()))
                now = at
    assert waits[: len(DELAYS)] == list(DELAYS)
    assert set(waits[len(DELAYS) :]) == {DELAYS[-1]}
    row = only()
    assert (row.state, row.why, row.next_at) == ("failed", "It was tried for a day.", None)
    assert TRIED_FOR <= now - NOON < TRIED_FOR + HOUR
    assert row.outcome == "It answered 500."  # of the last attempt


def test_how_long_to_wait_is_granted() -> None:
    with receiving(status(429, Retry_After="200"), status(429, Retry_After="999999")) as receiver:
        leading_to(receiver)
        fires()
        work()
        assert only().next_at == NOON + 200 * SECOND
        work(NOON + 200 * SECOND)
        assert only().next_at == NOON + 200 * SECOND + HOUR


def test_when_its_alerts_are_over_it_is_tried_no_more() -> None:
    with receiving(status(500), status(200)) as receiver:
        leading_to(receiver)
        alerts = fires()
        work()
        ends(alerts, NOON + MINUTE)
        work(NOON + 2 * MINUTE)
    assert len(receiver.messages) == 1  # neither of the beginning nor of the end
    assert log() == [("tools", "fired", "failed"), ("tools", "resolved", "suppressed")]
    rows = Notification.objects.order_by("pk")
    assert [row.why for row in rows] == [
        "Its alerts were over before it could be told.",
        "That it began was never told.",
    ]


def test_the_end_waits_for_an_attempt_to_tell_the_beginning(receiver: Receiver) -> None:
    channel = leading_to(receiver)
    alerts = fires()
    claim = claim_next(channel.pk, now=NOON)
    assert claim is not None
    ends(alerts, NOON + SECOND)
    assert work(NOON + SECOND) == []
    sending.attempt(claim, now=NOON + 2 * SECOND)
    assert work(NOON + 6 * SECOND) == [True]
    assert [type for _, type, _ in arrived(receiver)] == ["alert.fired", "alert.resolved"]


# --- of no use --------------------------------------------------------------------------------------------------------


def test_what_came_and_went_before_it_could_be_told_is_not_told(receiver: Receiver) -> None:
    leading_to(receiver)
    ends(fires(), NOON + SECOND)
    assert work(NOON + SECOND) == []
    assert log() == [("tools", "fired", "suppressed"), ("tools", "resolved", "suppressed")]


def test_what_is_quiet_meanwhile_is_not_told(receiver: Receiver) -> None:
    leading_to(receiver)
    fires()
    Alert.objects.update(silenced_by=uuid4())
    assert work() == []
    assert (only().state, "silenced" in why()) == ("suppressed", True)


def test_of_alerts_that_are_kept_no_longer_nothing_is_told(receiver: Receiver) -> None:
    leading_to(receiver)
    fires()
    AlertEntry.objects.all().delete()
    Alert.objects.all().delete()
    assert work() == []
    assert (only().state, why()) == ("suppressed", "Its alerts are kept no longer.")


def test_a_disabled_channel_is_not_told(receiver: Receiver) -> None:
    leading_to(receiver)
    other = leading_to(receiver, "other")
    goes_to((other, 0))
    fires()
    change_channel(other, {"enabled": False}, by="alice", now=NOON)
    assert work() == []
    assert (only().state, why()) == ("suppressed", "The channel is disabled.")


def test_what_waits_for_a_channel_that_was_removed_is_let_go(receiver: Receiver) -> None:
    leading_to(receiver)
    other = leading_to(receiver, "other")
    goes_to((other, 0))
    fires()
    remove_channel(other, by="alice", now=NOON)
    assert work() == []
    assert let_go(now=NOON) == 1
    row = only()
    assert (row.state, row.channel, row.channel_name) == ("suppressed", None, "other")
    assert let_go(now=NOON) == 0


def test_quiet_hours_that_began_meanwhile_are_kept(receiver: Receiver) -> None:
    from datetime import time

    channel = leading_to(receiver)
    fires(severity="warning")
    change_channel(channel, {"quiet_from": time(12), "quiet_until": time(13)}, by="alice", now=NOON)
    assert work() == []
    assert only().next_at == NOON + HOUR
    assert work(NOON + HOUR) == [True]


# --- what cannot be sent ----------------------------------------------------------------------------------------------


def test_secrets_of_another_key_are_an_outcome(receiver: Receiver, settings: Any) -> None:
    leading_to(receiver)
    fires()
    settings.SECRET_KEY = "another-key-" + "y" * 40
    assert work() == [False]
    assert "another key" in only().outcome
    assert receiver.connections == 0


def test_a_transport_that_breaks_is_an_outcome_without_its_words(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from dataclasses import replace

    def breaks(*args: Any) -> Any:
        raise RuntimeError("password=s3cret")

    table = sending.TRANSPORTS | {"webhook": replace(sending.TRANSPORTS["webhook"], send=breaks)}
    monkeypatch.setattr(sending, "TRANSPORTS", table)
    leading_to(receiver)
    fires()
    assert work() == [False]
    assert only().outcome == "It could not be sent: RuntimeError."
    assert "s3cret" not in caplog.text


# --- at least once ----------------------------------------------------------------------------------------------------


def test_a_worker_that_is_lost_before_it_sends_loses_nothing(receiver: Receiver) -> None:
    channel = leading_to(receiver)
    fires()
    assert claim_next(channel.pk, now=NOON) is not None  # and then it is killed
    assert work(NOON + 30 * SECOND) == []  # it may be at it still
    assert work(NOON + 61 * SECOND) == [True]
    assert len(receiver.messages) == 1
    assert only().attempts == 2


def test_a_worker_that_is_lost_after_it_sent_doubles_no_more_than_that(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = leading_to(receiver)
    fires()
    claim = claim_next(channel.pk, now=NOON)
    assert claim is not None
    with monkeypatch.context() as patch:
        patch.setattr(sending, "note", lambda *args, **values: None)  # killed here
        sending.attempt(claim, now=NOON)
    assert work(NOON + 61 * SECOND) == [True]
    assert work(NOON + DAY) == []
    first, second = receiver.messages
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_what_is_claimed_is_claimed_once(receiver: Receiver) -> None:
    channel = leading_to(receiver)
    fires()
    assert claim_next(channel.pk, now=NOON) is not None
    assert claim_next(channel.pk, now=NOON) is None


def test_an_attempt_that_comes_late_undoes_nothing(receiver: Receiver) -> None:
    channel = leading_to(receiver)
    fires()
    late = claim_next(channel.pk, now=NOON)
    assert late is not None
    work(NOON + 61 * SECOND)
    with receiving(status(500)) as broken:
        other = a_channel("webhook", "other", config={"url": broken.origin})
        sending.attempt(
            sending.Claim(late.notification, other, late.attempt, late.said), now=NOON + 62 * SECOND
        )
    assert (only().state, only().attempts) == ("sent", 2)


def test_alerts_that_join_before_the_claim_are_told_with_it(receiver: Receiver) -> None:
    leading_to(receiver)
    fires("A")
    fires("B", at=NOON + SECOND)
    assert work(NOON + SECOND) == [True]
    assert arrived(receiver) == [("tools", "alert.fired", ["A", "B"])]


# --- tests ------------------------------------------------------------------------------------------------------------


def test_a_test_goes_the_same_way_whatever_the_channel_may_be_told(receiver: Receiver) -> None:
    from datetime import time

    leading_to(receiver)
    quiet = leading_to(
        receiver, "quiet", enabled=False, quiet_from=time(0), quiet_until=time(23), digest_minutes=60
    )
    row = send_test(quiet, by="alice", now=NOON)
    assert (row.kind, row.state, row.status) == ("test", "sent", 200)
    assert row.title == "[TEST] quiet"
    assert arrived(receiver) == [("quiet", "alert.test", [])]


def test_a_test_that_was_never_finished_is_sent_by_whoever_finds_it(receiver: Receiver) -> None:
    from alerts.notifications.testing import begin_test

    channel = leading_to(receiver)
    begin_test(channel, by="alice", now=NOON)
    assert work(NOON + 30 * SECOND) == []
    assert work(NOON + 61 * SECOND) == [True]


def test_a_test_that_fails_is_not_tried_again() -> None:
    with receiving(status(500)) as receiver:
        channel = leading_to(receiver)
        row = send_test(channel, by="alice", now=NOON)
    assert (row.state, row.attempts) == ("failed", 1)
    assert fresh(channel).failures == 0
    assert work(NOON + DAY) == []


def test_a_test_that_succeeds_ends_what_is_known_of_failures(receiver: Receiver) -> None:
    channel = leading_to(receiver)
    Channel.objects.update(failures=5, failing_since=NOON, probe_at=NOON + HOUR)
    fires()
    Notification.objects.update(attempts=3, next_at=NOON + HOUR)
    send_test(fresh(channel), by="alice", now=NOON)
    assert work(NOON) == [True]


def test_silent_receivers_cost_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.house import settings_are

    with settings_are(CSMS_OUTBOUND_DEADLINE="1"), receiving(silent) as receiver:
        leading_to(receiver)
        fires()
        assert work() == [False]
        receiver.let_go.set()
    assert only().outcome == "It did not answer within 1 s."
    assert timedelta(0) < (only().next_at or NOON) - NOON


def test_who_looks_after_it_is_told_still(receiver: Receiver) -> None:
    leading_to(receiver)
    [alert] = fires()
    acknowledged(alert)
    assert work() == [True]  # the others need not be told by whoever was quicker
