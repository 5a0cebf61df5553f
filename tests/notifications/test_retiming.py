"""What waits for its time is told when the channel says now, whatever it said when that was planned."""

from datetime import datetime, time
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction

from alerts.channels.models import Channel
from alerts.channels.services import RETIMED, change_channel
from alerts.notifications.models import Notification
from alerts.notifications.planning import replan
from tests.channels.cast import Other, a_channel
from tests.notifications.cast import DAY, HOUR, MINUTE, NOON, arrived, fires, leading_to, only, work
from tests.support.receiver import Receiver

pytestmark = pytest.mark.django_db
BEGUN = NOON + MINUTE
LATER = NOON + 2 * MINUTE
MIDDAY: dict[str, Any] = {"quiet_from": time(12), "quiet_until": time(13)}
NO_HOURS: dict[str, Any] = {"quiet_from": None, "quiet_until": None}


def change(at: datetime = LATER, **values: Any) -> None:
    change_channel(Channel.objects.get(), values, by="alice", now=at)


@pytest.mark.parametrize(
    ("before", "changes", "due"),
    [
        ({"digest_minutes": 60}, {"digest_minutes": 0}, LATER),
        ({"digest_minutes": 60}, {"digest_minutes": 15}, NOON + 15 * MINUTE),
        ({"digest_minutes": 15}, {"digest_minutes": 60}, NOON + HOUR),
        ({"digest_minutes": 15}, MIDDAY, NOON + HOUR),
        (MIDDAY, NO_HOURS, LATER),
        (MIDDAY, {"quiet_until": time(14)}, NOON + 2 * HOUR),
        (MIDDAY, {"zone": "Asia/Tokyo"}, LATER),
        (MIDDAY, {"quiet_days": []}, LATER),
        (MIDDAY, NO_HOURS | {"digest_minutes": 30}, NOON + 30 * MINUTE),
        (MIDDAY, {"name": "other"}, NOON + HOUR),
    ],
)
def test_what_is_gathered_has_the_time_of_now(
    before: dict[str, Any], changes: dict[str, Any], due: datetime
) -> None:
    a_channel("slack", **before)
    fires("A", at=BEGUN, severity="warning")
    change(**changes)
    assert (only().kind, only().next_at) == ("digest", due)


def test_what_is_critical_passes_when_it_may() -> None:
    a_channel("slack", critical_in_quiet=False, **MIDDAY)
    fires("A", at=BEGUN)
    change(critical_in_quiet=True)
    assert only().next_at == LATER


def test_it_is_told_once_and_when_it_is_let(receiver: Receiver) -> None:
    leading_to(receiver, digest_minutes=60)
    fires("A", "B", at=BEGUN, severity="warning")
    change(digest_minutes=0)
    assert work(LATER) == [True]
    change(digest_minutes=15)
    assert work(NOON + DAY) == []
    assert arrived(receiver) == [("tools", "alert.digest", ["A", "B"])]


def test_what_is_due_is_not_put_off() -> None:
    a_channel("slack", digest_minutes=60)
    fires("A", at=BEGUN, severity="warning")
    change(NOON + HOUR, digest_minutes=30)
    assert only().next_at == NOON + HOUR


@pytest.mark.parametrize(("per_hour", "due"), [(1, NOON + HOUR), (2, NOON + HOUR), (3, LATER), (0, LATER)])
def test_there_is_room_in_the_hour_or_it_stays_gathered(per_hour: int, due: datetime) -> None:
    a_channel("slack", per_hour=2)
    for rule, at in (("one", NOON), ("two", BEGUN)):
        fires("A", at=at, severity="warning", rule=rule)
        Notification.objects.filter(state="planned").update(
            state="sent", sent_at=at, next_at=None, attempts=1
        )
    fires("A", at=BEGUN, severity="warning", rule="three")
    change(per_hour=per_hour, critical_in_quiet=False)
    digest = Notification.objects.get(kind="digest")
    assert digest.next_at == due
    # Nothing was sent, and all that waits is due at once: there is no telling when there is room.
    Notification.objects.filter(state="sent").delete()
    Notification.objects.filter(pk=digest.pk).update(next_at=NOON + HOUR)
    fires("B", "C", at=BEGUN, rule="four")
    change(per_hour=1, quiet_days=[1])
    digest.refresh_from_db()
    assert digest.next_at == NOON + HOUR


def test_what_waits_for_its_group_waits_on_and_what_quiet_hours_held_goes(receiver: Receiver) -> None:
    leading_to(receiver)
    fires("A", at=NOON, severity="warning")
    assert work(NOON) == [True]
    fires("B", at=BEGUN, severity="warning")
    row = Notification.objects.get(state="planned")
    change(digest_minutes=0, per_hour=50)
    row.refresh_from_db()
    assert row.next_at == NOON + 5 * MINUTE
    change(**MIDDAY)
    assert work(NOON + 5 * MINUTE) == []
    row.refresh_from_db()
    assert row.next_at == NOON + HOUR
    change(NOON + 6 * MINUTE, **NO_HOURS)
    assert work(NOON + 6 * MINUTE) == [True]
    assert [cps for _, _, cps in arrived(receiver)] == [["A"], ["B"]]


def test_what_was_tried_or_is_being_tried_keeps_its_time() -> None:
    a_channel("slack", digest_minutes=60)
    fires("A", at=BEGUN, severity="warning")
    for values in ({"attempts": 1}, {"attempts": 0, "leased_until": NOON + HOUR}):
        Notification.objects.update(**values)
        change(digest_minutes=30 if only().attempts else 0)
        assert only().next_at == NOON + HOUR


def test_what_waits_for_another_channel_keeps_its_time() -> None:
    a_channel("slack", digest_minutes=60)
    fires("A", at=BEGUN, severity="warning")
    other = a_channel("pushover", digest_minutes=60)
    change_channel(other, {"digest_minutes": 0}, by="alice", now=LATER)
    assert only().next_at == NOON + HOUR


def test_the_room_is_told_of_changes_once() -> None:
    before = list(RETIMED)
    apps.get_app_config("alert_notifications").ready()
    assert before == RETIMED == [replan]


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_who_plans_and_who_changes_the_channel_wait_in_no_circle() -> None:
    a_channel("slack", digest_minutes=60)
    fires("A", at=BEGUN, severity="warning")
    with transaction.atomic():
        fires("B", at=BEGUN, severity="warning")  # joins, and holds the message
        fires("C", at=BEGUN)  # refers to the channel when this commits
        other = Other(lambda: change(digest_minutes=0))
        other.waits()
    other.end()
    digest = Notification.objects.get(kind="digest")
    assert (digest.next_at, digest.parts.count()) == (LATER, 2)
