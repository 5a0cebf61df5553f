"""What the clock does about alerts that nobody looks after: further channels are told, step by step."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from alerts.channels.models import Step
from alerts.models import Alert
from alerts.notifications.models import Notification, Part
from alerts.notifications.planning import TOPIC, Desk, Plan, bounded
from alerts.steps import lock
from csms.core.live import announce

Kind = Notification.Kind
State = Notification.State

ESCALATED_AT_ONCE = 1000


def escalate(*, now: datetime) -> int:
    """Tell further channels of alerts that nobody has acknowledged for as long as their rule says.

    Idempotent: each step of each alert once, as long as it waits or was told. Quiet alerts are passed over, and their
    step is made when they are loud again. Returns how many alerts are told.
    """
    escalated = 0
    steps = Step.objects.filter(after_minutes__gt=0, channel__enabled=True)
    for rule, minutes in steps.values_list("rule", "after_minutes").order_by("after_minutes").distinct():
        if _waiting(rule, minutes, now).exists():
            escalated += _escalate(rule, minutes, now)
    if escalated:
        announce(TOPIC)
    return escalated


def _waiting(rule: str, minutes: int, now: datetime) -> QuerySet[Alert]:
    """Return the alerts for which this step is to be made."""
    told = Part.objects.filter(
        alert_id=OuterRef("pk"),
        after_minutes=minutes,
        notification__kind__in=(Kind.ESCALATED, Kind.DIGEST),
        notification__state__in=(State.PLANNED, State.SENT),
    )
    return Alert.objects.filter(
        ~Exists(told),
        rule=rule,
        state=Alert.State.FIRING,
        fired_at__lte=now - timedelta(minutes=minutes),
        inhibited_by=None,
        silenced_by=None,
    )


@transaction.atomic
def _escalate(rule: str, minutes: int, now: datetime) -> int:
    # A row that another clock only locked would be found as it was before that clock planned: so the lock comes
    # first, and who reads after it finds what the other has planned.
    lock(now=now)
    # An acknowledgement, which takes no such lock, waits for these rows. In the order in which all take them.
    rows = _waiting(rule, minutes, now).order_by("pk").select_for_update(of=("self",))
    alerts = list(rows[:ESCALATED_AT_ONCE])
    desk = Desk.of(alerts, now)
    plans: dict[tuple[UUID, str], Plan] = {}
    for alert in alerts:
        for channel in desk.channels_of(alert, minutes):
            bundle = f"{desk.bundle(alert)}:{minutes}"
            one = plans.setdefault(
                (channel.pk, bundle), Plan(channel, Kind.ESCALATED, bundle, after_minutes=minutes)
            )
            one.alerts.append(alert)
    desk.write(bounded(plans.values()))
    return len(alerts) if plans else 0


def let_go(*, now: datetime) -> int:
    """Settle what was planned for channels that were removed; return how many."""
    left = Notification.objects.filter(channel=None, state=State.PLANNED)
    return left.update(
        state=State.SUPPRESSED, why="Its channel was removed.", next_at=None, leased_until=None
    )
