"""How well a channel is: one that fails is left alone but for probes, and one message alone proves nothing."""

from typing import Any

import pytest

from alerts.channels.models import Channel
from alerts.channels.selectors import broken
from alerts.channels.services import change_channel
from alerts.notifications.models import Notification
from alerts.notifications.planning import plan
from alerts.notifications.sending import DELAYS, due_channels
from alerts.notifications.testing import send_test
from tests.alerts.conditions.cast import found
from tests.channels.cast import NOON
from tests.notifications.cast import (
    HOUR,
    MINUTE,
    SECOND,
    an_alert_of,
    fires,
    goes_to,
    leading_to,
    log,
    only,
    work,
)
from tests.support.receiver import Message, Receiver, deciding, receiving, status

pytestmark = pytest.mark.django_db
HALF_HOUR = 30 * MINUTE


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def charge_points(receiver: Receiver) -> list[str]:
    """The charge point that each message was about."""
    return [message.json["data"]["alerts"][0]["cp_id"] for message in receiver.messages]


def refuses(*cp_ids: str, code: int = 410) -> Any:
    """An answer that refuses what is said of some charge points."""

    def decide(message: Message) -> int:
        told = message.json["data"]["alerts"]
        return code if any(one["cp_id"] in cp_ids for one in told) else 200

    return deciding(decide)


def test_one_that_fails_for_good_is_tried_less_often(receiver: Receiver) -> None:
    with receiving(status(410)) as gone:
        leading_to(gone)
        fires()
        work()
    assert only().next_at == NOON + DELAYS[-1] * SECOND


def test_a_broken_channel_is_left_alone_but_for_a_probe() -> None:
    with receiving(*[status(500)] * 4, status(200)) as receiver:
        channel = leading_to(receiver)
        plan([an_alert_of(f"CP-{n}", rule=f"rule-{n}") for n in range(6)], [], now=NOON)
        assert work() == [False, False, False]
        row = fresh(channel)
        assert (row.failures, row.failing_since, row.is_broken) == (3, NOON, True)
        assert row.last_error == "It answered 500."
        assert row.probe_at == NOON + DELAYS[0] * SECOND
        assert work(NOON + 9 * SECOND) == []
        probe = NOON + 10 * SECOND
        assert work(probe) == [False]
        later = fresh(channel).probe_at
        assert later == probe + DELAYS[1] * SECOND
        assert work(later) == [True] * 6  # once it is back, nothing waits for its time any more
    row = fresh(channel)
    assert (row.failures, row.failing_since, row.probe_at, row.last_error) == (0, None, None, "")


def test_a_channel_that_is_mended_is_tried_at_once(receiver: Receiver) -> None:
    with receiving(status(500)) as broken:
        channel = leading_to(broken)
        plan([an_alert_of(f"CP-{n}", rule=f"rule-{n}") for n in range(3)], [], now=NOON)
        assert work() == [False] * 3
    config = {"url": f"{receiver.origin}/tools"}
    change_channel(fresh(channel), {"config": config}, by="alice", now=NOON)
    at = NOON + 10 * SECOND
    assert work(at) == [True] * 3


def test_a_broken_channel_delays_no_other(receiver: Receiver) -> None:
    with receiving(status(500)) as bad:
        broken, good = leading_to(bad, "bad"), leading_to(receiver, "good")
        goes_to((broken, 0), (good, 0))
        fires()
        work()
    assert sorted(log()) == [("bad", "fired", "planned"), ("good", "fired", "sent")]
    assert due_channels(now=NOON) == []


# --- refused for good -------------------------------------------------------------------------------------------------


def test_one_refusal_for_good_breaks_a_channel_at_once() -> None:
    with receiving(status(410)) as gone:
        channel = leading_to(gone)
        fires("A")
        work()
        row = fresh(channel)
        assert (row.state, row.failing_since, list(broken())) == ("broken", NOON, [channel])
        # Another message may try, for it is not known yet which of both is refused.
        fires("B", at=NOON + MINUTE)
        assert work(NOON + MINUTE) == [False]
        assert fresh(channel).probe_at == NOON + MINUTE + DELAYS[1] * SECOND
        # Now it is: the others wait for a probe, ever longer.
        fires("C", "D", at=NOON + 61 * SECOND)
        assert work(NOON + 89 * SECOND) == []
        assert work(NOON + 90 * SECOND) == [False]
        assert fresh(channel).probe_at == NOON + 90 * SECOND + DELAYS[2] * SECOND
    assert charge_points(gone) == ["A", "B", "C"]


def test_a_test_that_is_refused_for_good_breaks_nothing() -> None:
    with receiving(status(410)) as gone:
        channel = leading_to(gone)
        send_test(channel, by="alice", now=NOON)
    assert (fresh(channel).state, list(broken())) == ("working", [])


@pytest.mark.parametrize("code", [410, 500])
def test_a_message_that_is_refused_for_what_it_says_holds_back_no_other(code: int) -> None:
    with receiving(refuses("A", code=code)) as picky:
        channel = leading_to(picky)
        fires("A")
        at = NOON
        while not fresh(channel).is_broken:
            assert work(at) == [False]
            at = only().next_at or at
        at += SECOND
        fires("B", at=at, severity="info")
        Notification.objects.filter(attempts__gt=0).update(next_at=at + HALF_HOUR)
        assert work(at) == [True, False]  # as the channel takes messages, the other is tried, too
        assert Notification.objects.filter(state="sent").count() == 1
        assert fresh(channel).state == ("working" if code == 410 else "failing")


def test_one_that_is_refused_again_while_others_are_taken_says_nothing_of_the_channel() -> None:
    with receiving(refuses("A")) as picky:
        channel = leading_to(picky)
        fires("A")
        work()
        assert fresh(channel).is_broken
        fires("B", at=NOON + MINUTE)
        work(NOON + MINUTE)
        for hours in (1, 2, 3):
            assert work(NOON + hours * HOUR) == [False]
            row = fresh(channel)
            assert (row.state, row.last_error, row.probe_at) == ("working", "", None)
        fires(
            "A", at=NOON + 4 * HOUR, rule="another"
        )  # the first attempt of a message may be the channel's fault
        work(NOON + 4 * HOUR)
        assert fresh(channel).is_broken


def test_what_was_refused_for_good_is_tried_at_once_with_a_new_config(receiver: Receiver) -> None:
    with receiving(status(410)) as revoked:
        channel = leading_to(revoked)
        fires()
        work()
    change_channel(fresh(channel), {"name": "still revoked"}, by="alice", now=NOON)
    assert work(NOON + SECOND) == []
    change_channel(
        fresh(channel), {"config": {"url": f"{receiver.origin}/new"}}, by="alice", now=NOON + SECOND
    )
    assert work(NOON + SECOND) == [True]


def test_the_probe_is_the_newest_that_is_critical_and_by_turns_what_was_tried_least() -> None:
    with receiving(status(500)) as receiver:
        channel = leading_to(receiver)
        now = NOON
        for number, (cp_id, severity) in enumerate(
            (("I1", "info"), ("C1", "critical"), ("C2", "critical"), ("I2", "info"))
        ):
            at = NOON + number * SECOND
            plan([an_alert_of(cp_id, at=at, rule=cp_id, severity=severity)], [], now=at)
        now = NOON + MINUTE
        Notification.objects.update(last_at=NOON, attempts=1)
        Notification.objects.filter(bundle=Notification.objects.earliest("created_at").bundle).update(
            attempts=0
        )
        Channel.objects.update(failures=3, failing_since=NOON, probe_at=now)
        for _ in range(4):
            assert work(now) == [False]
            now = fresh(channel).probe_at
            Notification.objects.filter(state="planned").update(next_at=now)
    assert charge_points(receiver) == ["C2", "I1", "C2", "C1"]


# --- what receivers repeat --------------------------------------------------------------------------------------------


def test_what_a_receiver_repeats_of_secrets_is_kept_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    secret = "T0A1B2C3D4E5F6G7H8I9"
    with receiving(status(410, f"No /hook/{secret} here".encode())) as receiver:
        channel = leading_to(receiver)
        config = {"url": f"{receiver.origin}/hook/{secret}"}
        change_channel(channel, {"config": config}, by="alice", now=NOON)
        fires()
        assert work() == [False]
        tested = send_test(fresh(channel), by="alice", now=NOON)
    [about] = found("channel-broken")
    kept = [only_fired().outcome, fresh(channel).last_error, about.text, tested.outcome, caplog.text]
    assert [secret in text for text in kept] == [False] * 5
    assert kept[0] == kept[1] == kept[3] == "It answered 410: No •••• here"
    assert "No •••• here" in about.text


def only_fired() -> Notification:
    return Notification.objects.get(kind="fired")
