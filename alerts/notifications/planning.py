"""Plan what channels are told, in the transaction in which alerts change: so no change is forgotten, and none invented.

Alerts that change together are told together: by what their rule groups them by, or by their incident. What a channel
is not to be told at once is gathered: in its quiet hours, within its minutes, and beyond its messages of an hour.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from alerts.channels.models import Channel, Step
from alerts.channels.selectors import steps as steps_of
from alerts.models import Alert, Severity
from alerts.notifications.models import DIGEST, Notification, Part
from alerts.notifications.timing import held_until
from alerts.rules.models import Group, Rule
from csms.core.live import announce

Kind = Notification.Kind
State = Notification.State
What = Part.What

TOPIC = "notifications"
HOUR = timedelta(hours=1)
GROUP_INTERVAL = timedelta(minutes=5)
"""A group of which a message was sent is told the next so much later."""
GROUPS_MAX = 25
"""Groups of which a channel is told by itself each; of more that change together it is told in one message."""
MANY = "many"
ROWS_AT_ONCE = 500
ESCALATED_AT_ONCE = 1000
WORST = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
TELLS_OF_BEGINNING = (Kind.FIRED, Kind.ESCALATED, Kind.REMINDER, Kind.DIGEST)
BROKEN = "channel:"  # the beginning of the subject of an alert about a channel, before its id


@dataclass(slots=True)
class Plan:
    """What one channel shall be told of one bundle."""

    channel: Channel
    kind: Kind
    bundle: str
    alerts: list[Alert] = field(default_factory=list)
    why_not: str = ""
    after_minutes: int = 0

    @property
    def severity(self) -> str:
        """Return the worst."""
        return min((alert.severity for alert in self.alerts), key=lambda one: WORST.index(Severity(one)))

    @property
    def what(self) -> What:
        """Return what is told of each alert."""
        return What.RESOLVED if self.kind == Kind.RESOLVED else What.FIRED


def plan(fired: Sequence[Alert], resolved: Sequence[Alert], *, now: datetime) -> int:
    """Plan what is told of alerts that fired, or fire and are quiet no longer, and of those that are over.

    Call it within the transaction of the change; as many queries for many alerts as for one, but for each channel and
    group that is told, of which there are GROUPS_MAX at most. Returns how many messages were planned, joined or
    suppressed.
    """
    with transaction.atomic():
        desk = Desk.of([*fired, *resolved], now)
        plans = _bounded(desk.plans_of_fired(fired) + _plans_of_resolved(resolved, desk))
        for one in plans:
            desk.write(one)
    if plans:
        announce(TOPIC)
    return len(plans)


@dataclass(slots=True)
class Desk:
    """What planning must know: the rules, where their alerts go, and how much each channel was told lately."""

    now: datetime
    rules: dict[str, Rule]
    steps: dict[str, list[Step]]
    channels: dict[UUID, Channel]
    told: dict[UUID, int] = field(default_factory=dict)

    @classmethod
    def of(cls, alerts: Iterable[Alert], now: datetime) -> "Desk":
        """Return it for some alerts."""
        slugs = {alert.rule for alert in alerts}
        rules = {rule.slug: rule for rule in Rule.objects.filter(slug__in=slugs)}
        return cls(now, rules, steps_of(slugs), {row.pk: row for row in Channel.objects.all()})

    # --- who is told --------------------------------------------------------------------------------------------------

    def plans_of_fired(self, alerts: Iterable[Alert]) -> list[Plan]:
        """Return a plan for each channel and group."""
        plans: dict[tuple[object, ...], Plan] = {}
        for alert in alerts:
            again = alert.fired_at is not None and alert.fired_at < self.now
            if again and alert.state == Alert.State.ACKNOWLEDGED:
                continue  # somebody looks after it
            kind, why_not = Kind.REMINDER if again else Kind.FIRED, quiet(alert)
            for channel in self.channels_of(alert):
                bundle = self.bundle(alert)
                key = (channel.pk, kind, bundle, why_not)
                plans.setdefault(key, Plan(channel, kind, bundle, why_not=why_not)).alerts.append(alert)
        return list(plans.values())

    def channels_of(self, alert: Alert, after_minutes: int = 0) -> list[Channel]:
        """Return the channels that a rule names for so many minutes, at 0 else the default; never one about itself.

        What is said of a broken channel is told by all others, if nobody else is named.
        """
        named = [
            self.channels[step.channel_id]
            for step in self.steps.get(alert.rule, ())
            if step.after_minutes == after_minutes
        ]
        able = [channel for channel in named if channel.enabled and not _is_of(alert, channel)]
        if able or after_minutes:
            return able
        enabled = [channel for channel in self.channels.values() if channel.enabled]
        default = [channel for channel in enabled if channel.is_default and not _is_of(alert, channel)]
        if default or not alert.subject.startswith(BROKEN):
            return default
        return [channel for channel in enabled if not _is_of(alert, channel)]

    def bundle(self, alert: Alert) -> str:
        """Return what an alert is told together with: its incident, else what its rule groups by."""
        if alert.incident_id is not None:
            return f"incident:{alert.incident_id}"
        rule = self.rules.get(alert.rule)
        group_by = rule.group_by if rule is not None and rule.group_by else [Group.RULE.value]
        values = [(name, _group_value(alert, name)) for name in sorted(group_by)]
        return f"group:{blake2b(json.dumps(values).encode(), digest_size=16).hexdigest()}"

    # --- when ---------------------------------------------------------------------------------------------------------

    def write(self, plan: Plan) -> None:
        """Have it told now, later, or not at all."""
        channel, now = plan.channel, self.now
        if plan.why_not:
            self._begin(plan, plan.kind, State.SUPPRESSED, None)
            return
        until = held_until(channel, plan.severity, now) or self._throttled(plan)
        if until is not None:
            if not self._join(plan, Q(kind=Kind.DIGEST)):
                self._begin(plan, Kind.DIGEST, State.PLANNED, until)
            return
        at = now
        if plan.severity != Severity.CRITICAL or plan.bundle.startswith("incident:"):
            at = max(now, self._last_of_group(plan) + GROUP_INTERVAL)
        if self._join(plan, Q(kind=plan.kind, bundle=plan.bundle), at):
            return
        self._begin(plan, plan.kind, State.PLANNED, at)
        if channel.pk in self.told:
            self.told[channel.pk] += 1

    def _throttled(self, plan: Plan) -> datetime | None:
        """Return when there is room again in the messages of an hour; None if there is some."""
        channel = plan.channel
        if not channel.per_hour or plan.severity == Severity.CRITICAL:
            return None
        sent = Notification.objects.filter(channel=channel, sent_at__gt=self.now - HOUR).exclude(
            kind=Kind.TEST
        )
        if channel.pk not in self.told:
            due = Q(state=State.PLANNED) & ~Q(kind__in=(Kind.DIGEST, Kind.TEST))
            self.told[channel.pk] = sent.count() + Notification.objects.filter(due, channel=channel).count()
        if self.told[channel.pk] < channel.per_hour:
            return None
        first = sent.order_by("sent_at").values_list("sent_at", flat=True).first()
        return (first or self.now) + HOUR

    def _last_of_group(self, plan: Plan) -> datetime:
        sent = Notification.objects.filter(
            channel=plan.channel, kind=plan.kind, bundle=plan.bundle, sent_at__gt=self.now - GROUP_INTERVAL
        )
        last = sent.order_by("-sent_at").values_list("sent_at", flat=True).first()
        return last or self.now - GROUP_INTERVAL

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _join(self, plan: Plan, same: Q, at: datetime | None = None) -> bool:
        """Add the alerts to what the channel shall be told of the same, at the latest at a time.

        False if there is none such, or somebody has begun to tell it.
        """
        free = Q(channel=plan.channel, state=State.PLANNED, attempts=0, leased_until=None)
        row = Notification.objects.filter(free, same).order_by("next_at").first()
        if row is None or row.next_at is None:
            return False
        next_at = row.next_at if at is None else min(row.next_at, at)
        worst = min(row.severity, plan.severity, key=lambda one: WORST.index(Severity(one)))
        # Holds the row until the commit: whoever claims it then sees these alerts, too.
        if not Notification.objects.filter(free, pk=row.pk).update(severity=worst, next_at=next_at):
            return False
        self._add(row, plan)
        return True

    def _begin(self, plan: Plan, kind: Kind, state: State, at: datetime | None) -> None:
        row = Notification.objects.create(
            kind=kind,
            channel=plan.channel,
            channel_name=plan.channel.name,
            severity=plan.severity,
            bundle=DIGEST if kind == Kind.DIGEST else plan.bundle,
            state=state,
            why=plan.why_not,
            created_at=self.now,
            next_at=at,
        )
        self._add(row, plan)

    def _add(self, row: Notification, plan: Plan) -> None:
        parts = (
            Part(notification=row, alert_id=alert.pk, what=plan.what, after_minutes=plan.after_minutes)
            for alert in plan.alerts
        )
        Part.objects.bulk_create(parts, ROWS_AT_ONCE, ignore_conflicts=True)


def _plans_of_resolved(alerts: Sequence[Alert], desk: Desk) -> list[Plan]:
    """Return a plan for each channel that was told that they began, or is to be."""
    known = {alert.pk: alert for alert in alerts}
    plans: dict[tuple[object, ...], Plan] = {}
    seen: set[tuple[UUID, UUID]] = set()
    ids = list(known)
    for first in range(0, len(ids), ROWS_AT_ONCE):
        told = Part.objects.filter(
            alert_id__in=ids[first : first + ROWS_AT_ONCE],
            what=What.FIRED,
            notification__kind__in=TELLS_OF_BEGINNING,
            notification__state__in=(State.PLANNED, State.SENT),
            notification__channel__enabled=True,
        )
        for alert_id, channel_id in told.values_list("alert_id", "notification__channel_id"):
            channel = desk.channels.get(channel_id)
            if channel is None or (alert_id, channel_id) in seen:
                continue
            seen.add((alert_id, channel_id))
            alert = known[alert_id]
            bundle, why_not = desk.bundle(alert), quiet(alert)
            key = (channel.pk, bundle, why_not)
            plans.setdefault(key, Plan(channel, Kind.RESOLVED, bundle, why_not=why_not)).alerts.append(alert)
    return list(plans.values())


def _bounded(plans: Iterable[Plan]) -> list[Plan]:
    """Return the plans; those of a channel that are too many, as when all sites go dark, are made one."""
    found: dict[tuple[object, ...], list[Plan]] = {}
    for one in plans:
        found.setdefault((one.channel.pk, one.kind, one.why_not), []).append(one)
    for those in found.values():
        if len(those) > GROUPS_MAX:
            those[0].bundle = MANY
            those[0].alerts = [alert for one in those for alert in one.alerts]
            del those[1:]
    return [one for those in found.values() for one in those]


def quiet(alert: Alert) -> str:
    """Return why nobody is told of an alert, empty if it may be told."""
    if alert.inhibited_by is not None:
        return f"It is inhibited by the alert {alert.inhibited_by}."
    if alert.silenced_by is not None:
        return f"It is silenced by {alert.silenced_by}."
    return ""


def _is_of(alert: Alert, channel: Channel) -> bool:
    return alert.subject == f"{BROKEN}{channel.pk}"


def _group_value(alert: Alert, name: str) -> str:
    if name == Group.RULE:
        return alert.rule
    label = "cp_id" if name == Group.CHARGE_POINT else name
    return str(alert.labels.get(label, ""))


# --- the clock --------------------------------------------------------------------------------------------------------


def escalate(*, now: datetime) -> int:
    """Tell further channels of alerts that nobody has acknowledged for as long as their rule says.

    Idempotent: each step of each alert once. Quiet alerts are passed over. Returns how many alerts are told.
    """
    escalated = 0
    steps = Step.objects.filter(after_minutes__gt=0, channel__enabled=True)
    for rule, minutes in steps.values_list("rule", "after_minutes").order_by("after_minutes").distinct():
        with transaction.atomic():
            escalated += _escalate(rule, minutes, now)
    if escalated:
        announce(TOPIC)
    return escalated


def _escalate(rule: str, minutes: int, now: datetime) -> int:
    told = Part.objects.filter(
        alert_id=OuterRef("pk"), after_minutes=minutes, notification__kind__in=(Kind.ESCALATED, Kind.DIGEST)
    )
    waiting = Alert.objects.filter(
        rule=rule,
        state=Alert.State.FIRING,
        fired_at__lte=now - timedelta(minutes=minutes),
        inhibited_by=None,
        silenced_by=None,
    )
    # Holds the alerts until the commit: another clock finds them told.
    rows = waiting.filter(~Exists(told)).order_by("fired_at").select_for_update(of=("self",))
    alerts = list(rows[:ESCALATED_AT_ONCE])
    if not alerts:
        return 0
    desk = Desk.of(alerts, now)
    plans: dict[tuple[UUID, str], Plan] = {}
    for alert in alerts:
        for channel in desk.channels_of(alert, minutes):
            bundle = f"{desk.bundle(alert)}:{minutes}"
            one = plans.setdefault(
                (channel.pk, bundle), Plan(channel, Kind.ESCALATED, bundle, after_minutes=minutes)
            )
            one.alerts.append(alert)
    for one in _bounded(plans.values()):
        desk.write(one)
    return len(alerts) if plans else 0


def let_go(*, now: datetime) -> int:
    """Settle what was planned for channels that were removed; return how many."""
    left = Notification.objects.filter(channel=None, state=State.PLANNED)
    return left.update(
        state=State.SUPPRESSED, why="Its channel was removed.", next_at=None, leased_until=None
    )


def told_of(alert_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Return the names of the channels that were told that these alerts began."""
    rows = Part.objects.filter(
        alert_id__in=alert_ids, what=What.FIRED, notification__state=State.SENT
    ).order_by("pk")
    found: dict[UUID, list[str]] = {}
    for alert_id, name in rows.values_list("alert_id", F("notification__channel_name")):
        names = found.setdefault(alert_id, [])
        if name not in names:
            names.append(name)
    return found
