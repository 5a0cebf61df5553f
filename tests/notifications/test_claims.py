"""What joins a message while a worker judges it is judged with it, or told by itself: nothing is lost between two.

Few and dense, for on PostgreSQL a test that commits costs seconds to clear up after.
"""

import threading
from collections.abc import Iterator
from datetime import time
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from alerts.channels.services import change_channel
from alerts.models import Alert
from alerts.notifications import sending
from alerts.notifications.models import Notification
from alerts.notifications.planning import plan
from alerts.notifications.sending import claim_next
from tests.channels.cast import Other, a_channel
from tests.notifications.cast import HOUR, NOON, SECOND, fires, goes_to, log

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres_only]
AT = NOON + SECOND


def told(claim: sending.Claim | None) -> list[str]:
    """The charge points of what is to be told."""
    assert claim is not None
    return [one.alert.subject.partition(":")[2] for one in claim.said]


def test_what_joins_before_it_is_judged_is_told_with_it() -> None:
    team, night = a_channel("slack"), a_channel("pushover")
    goes_to((night, 0), rule="night")
    fires("A")
    Alert.objects.update(state="resolved", resolved_at=NOON)
    fires("A", rule="night", severity="info")
    change_channel(night, {"quiet_from": time(12), "quiet_until": time(13)}, by="alice", now=NOON)
    with transaction.atomic():
        fires("B", at=AT)
        fires("B", at=AT, rule="night")
        workers = [Other(lambda pk=each.pk: claim_next(pk, now=AT)) for each in (team, night)]
        for worker in workers:
            worker.waits()
    for worker in workers:
        assert told(worker.end()) == ["A", "B"]
    rows = Notification.objects.values_list("state", "severity", "attempts", "next_at")
    assert list(rows) == 2 * [("planned", "critical", 1, NOON)]


@pytest.fixture
def slow_judge(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """A worker that has come to its verdict, and notes it when it is let go."""
    judged, go_on = threading.Event(), threading.Event()
    judge = sending.judge

    def slowly(*args: Any) -> Any:
        verdict = judge(*args)
        judged.set()
        assert go_on.wait(30)
        return verdict

    monkeypatch.setattr(sending, "judge", slowly)
    yield judged, go_on
    go_on.set()


def test_what_comes_after_it_was_judged_is_a_message_of_its_own_and_each_is_claimed_once(
    slow_judge: tuple[threading.Event, threading.Event],
) -> None:
    judged, go_on = slow_judge
    channel = a_channel("slack")
    fires("A")
    Alert.objects.update(state="resolved", resolved_at=NOON)

    def meanwhile(cp_id: str, now: Any) -> list[Any]:
        """One worker has judged, another one comes, and an alert fires; return what the workers claimed."""
        judged.clear()
        go_on.clear()
        first = Other(lambda: claim_next(channel.pk, now=now))
        assert judged.wait(30)
        others = [
            Other(lambda: claim_next(channel.pk, now=now)),
            Other(lambda: fires(cp_id, at=now + SECOND)),
        ]
        for other in others:
            other.waits()
        go_on.set()
        claims = [first.end(), others[0].end()]
        others[1].end()
        return claims

    assert meanwhile("B", NOON) == [None, None]
    assert log() == [("slack", "fired", "suppressed"), ("slack", "fired", "planned")]
    claim, none = meanwhile("C", AT)
    assert (told(claim), none) == (["B"], None)
    assert told(claim_next(channel.pk, now=AT + SECOND)) == ["C"]
    assert list(Notification.objects.order_by("pk").values_list("attempts", flat=True)) == [0, 1, 1]


def test_what_is_loud_again_while_it_is_left_out_is_told_by_another(
    slow_judge: tuple[threading.Event, threading.Event],
) -> None:
    judged, go_on = slow_judge
    channel = a_channel("slack", digest_minutes=60)
    quiet, *_ = fires("A", "B", at=AT, severity="warning")
    Alert.objects.filter(pk=quiet.pk).update(silenced_by=uuid4())

    def is_loud(at: Any) -> None:
        with transaction.atomic():
            Alert.objects.filter(pk=quiet.pk).update(silenced_by=None)
            plan([Alert.objects.select_related("charge_point").get(pk=quiet.pk)], [], now=at)

    first = Other(lambda: claim_next(channel.pk, now=NOON + HOUR))
    assert judged.wait(30)
    other = Other(lambda: is_loud(NOON + HOUR))
    other.waits()  # it would join what the worker holds, in which it still is
    go_on.set()
    assert told(first.end()) == ["B"]
    other.end()
    taken = Notification.objects.filter(attempts=1)
    taken.update(state="sent", next_at=None)
    assert told(claim_next(channel.pk, now=NOON + 2 * HOUR)) == ["A"]
    taken.update(state="sent", next_at=None)
    # Who comes second sees it loud: it is told once, with the others.
    fires("C", at=NOON + 2 * HOUR, severity="warning")
    [quiet] = fires("D", at=NOON + 2 * HOUR, severity="warning")
    Alert.objects.filter(pk=quiet.pk).update(silenced_by=uuid4())
    with transaction.atomic():
        is_loud(NOON + 2 * HOUR + SECOND)
        first = Other(lambda: claim_next(channel.pk, now=NOON + 3 * HOUR))
        first.waits()
    assert told(first.end()) == ["C", "D"]
    assert claim_next(channel.pk, now=NOON + 3 * HOUR) is None
