"""Plan what channels are told, in the transaction in which alerts change: so no change is forgotten, and none invented.

Alerts that change together are told together: by what their rule groups them by, or by their incident. What a channel
is not to be told at once is gathered: in its quiet hours, within its minutes, and beyond its messages of an hour.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.fields.json import KT

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
WORST = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
TELLS_OF_BEGINNING = (Kind.FIRED, Kind.ESCALATED, Kind.REMINDER, Kind.DIGEST)
BROKEN = "channel:"  # the beginning of the subject of an alert about a channel, before its id
OF_INCIDENT = "incident:"  # the beginning of the bundle of an incident, before its id
REASONS = {
    "inhibited": "They are inhibited by other alerts; the timeline of each says by which.",
    "silenced": "They are silenced; the timeline of each says by what.",
}
"""What is said of alerts that are quiet for several reasons of a kind."""


@dataclass(slots=True)
class Plan:
    """What one channel shall be told of one bundle."""

    channel: Channel
    kind: Kind
    bundle: str
    alerts: list[Alert] = field(default_factory=list)
    reason: str = ""
    """One of REASONS: nobody is told."""
    after_minutes: int = 0

    @property
    def severity(self) -> str:
        """Return the worst."""
        return worst(self.alerts)

    @property
    def what(self) -> What:
        """Return what is told of each alert."""
        return What.RESOLVED if self.kind == Kind.RESOLVED else What.FIRED

    @property
    def why_not(self) -> str:
        """Return why nobody is told, empty if somebody is."""
        if not self.reason:
            return ""
        whys = {quiet(alert) for alert in self.alerts}
        return whys.pop() if len(whys) == 1 else REASONS[self.reason]


def plan(fired: Sequence[Alert], resolved: Sequence[Alert], *, now: datetime) -> int:
    """Plan what is told of alerts that fired, or fire and are quiet no longer, and of those that are over.

    Call it within the transaction of the change; as many queries for many alerts as for one, but for each channel and
    group that is told, of which there are GROUPS_MAX at most. Of quiet ones there is one row a channel and kind of
    reason. Returns how many messages were planned, joined or suppressed.
    """
    with transaction.atomic():
        desk = Desk.of([*fired, *resolved], now)
        plans = bounded(desk.plans_of_fired(fired) + _plans_of_resolved(resolved, desk))
        desk.write(plans)
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
    begun: dict[tuple[UUID, str, str], Notification] = field(default_factory=dict)
    """What is planned here, by channel, kind and bundle: what comes later joins it."""
    rows: list[Notification] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

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
            kind, reason = Kind.REMINDER if again else Kind.FIRED, _reason(alert)
            bundle = "" if reason else self.bundle(alert)
            for channel in self.channels_of(alert):
                key = (channel.pk, kind, bundle, reason)
                plans.setdefault(key, Plan(channel, kind, bundle, reason=reason)).alerts.append(alert)
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
            return f"{OF_INCIDENT}{alert.incident_id}"
        rule = self.rules.get(alert.rule)
        group_by = rule.group_by if rule is not None and rule.group_by else [Group.RULE.value]
        values = [(name, _group_value(alert, name)) for name in sorted(group_by)]
        return f"group:{blake2b(json.dumps(values).encode(), digest_size=16).hexdigest()}"

    # --- when ---------------------------------------------------------------------------------------------------------

    def write(self, plans: Iterable[Plan]) -> None:
        """Have each told now, later, or not at all. Once."""
        for one in plans:
            self._put(one)
        Notification.objects.bulk_create(self.rows, ROWS_AT_ONCE)
        Part.objects.bulk_create(self.parts, ROWS_AT_ONCE, ignore_conflicts=True)

    def _put(self, plan: Plan) -> None:
        channel, now = plan.channel, self.now
        if plan.reason:
            self._begin(plan, plan.kind, State.SUPPRESSED, None)
            return
        until = held_until(channel, plan.severity, now) or self.throttled(channel, plan.severity)
        if until is not None:
            if not self._join(plan, Kind.DIGEST, DIGEST):
                self._begin(plan, Kind.DIGEST, State.PLANNED, until)
            return
        at = now
        if plan.severity != Severity.CRITICAL or (
            plan.bundle.startswith(OF_INCIDENT) and not self._is_news(plan)
        ):
            at = max(now, self._last_of_group(plan) + GROUP_INTERVAL)
        if self._join(plan, plan.kind, plan.bundle, at):
            return
        self._begin(plan, plan.kind, State.PLANNED, at)
        if channel.pk in self.told:
            self.told[channel.pk] += 1

    def _is_news(self, plan: Plan) -> bool:
        """Whether the channel was lately told nothing of the rule and site of a critical alert.

        A site that is not known is equal to none.
        """
        critical = [alert for alert in plan.alerts if alert.severity == Severity.CRITICAL]
        lately = Part.objects.filter(
            what=plan.what,
            notification__channel=plan.channel,
            notification__sent_at__gt=self.now - GROUP_INTERVAL,
        )
        told = Alert.objects.filter(
            pk__in=lately.values("alert_id"), rule__in={alert.rule for alert in critical}
        ).order_by()
        known = set(told.values_list("rule", KT("labels__site")).distinct())
        return any(
            not alert.labels.get("site") or (alert.rule, alert.labels["site"]) not in known
            for alert in critical
        )

    def throttled(self, channel: Channel, severity: str) -> datetime | None:
        """Return when there is room again in the messages of an hour; None if there is some."""
        if not channel.per_hour or severity == Severity.CRITICAL:
            return None
        sent = Notification.objects.filter(channel=channel, sent_at__gt=self.now - HOUR).exclude(
            kind=Kind.TEST
        )
        if channel.pk not in self.told:
            due = Q(state=State.PLANNED) & ~Q(kind__in=(Kind.DIGEST, Kind.TEST))
            begun = sum(pk == channel.pk and kind != Kind.DIGEST for pk, kind, _ in self.begun)
            waiting = Notification.objects.filter(due, channel=channel).count()
            self.told[channel.pk] = sent.count() + waiting + begun
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

    def _join(self, plan: Plan, kind: Kind, bundle: str, at: datetime | None = None) -> bool:
        """Add the alerts to what the channel shall be told of the same, at the latest at a time.

        False if there is none such, or somebody has begun to tell it.
        """
        here = self.begun.get((plan.channel.pk, kind, bundle))
        free = Q(channel=plan.channel, state=State.PLANNED, attempts=0, leased_until=None)
        same = Notification.objects.filter(free, kind=kind, bundle=bundle)
        row = here or same.order_by("next_at").first()
        if row is None or row.next_at is None:
            return False
        row.next_at = row.next_at if at is None else min(row.next_at, at)
        row.severity = min(row.severity, plan.severity, key=lambda one: WORST.index(Severity(one)))
        # Holds the row until the commit: whoever judges and claims it waits, and then sees these alerts, too.
        changed = {"severity": row.severity, "next_at": row.next_at}
        if here is None and not Notification.objects.filter(free, pk=row.pk).update(**changed):
            return False
        self._add(row, plan)
        return True

    def _begin(self, plan: Plan, kind: Kind, state: State, at: datetime | None) -> None:
        row = Notification(
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
        self.rows.append(row)
        if state == State.PLANNED:
            self.begun[plan.channel.pk, kind, row.bundle] = row
        self._add(row, plan)

    def _add(self, row: Notification, plan: Plan) -> None:
        self.parts += (
            Part(notification=row, alert_id=alert.pk, what=plan.what, after_minutes=plan.after_minutes)
            for alert in plan.alerts
        )


def replan(channel: Channel, *, now: datetime) -> None:
    """Give what waits for its time the one that the channel says now. Call it within the transaction of that change.

    What is gathered is judged as if it came now, but never waits longer for room in the messages of an hour than it
    did. Other messages wait for their group, and keep that time; or longer, for the end of quiet hours, and are due
    now: whoever sends them judges by those of now. Idempotent.
    """
    waiting = channel.notifications.filter(
        state=State.PLANNED, attempts=0, leased_until=None, next_at__gt=now
    ).exclude(kind=Kind.TEST)
    desk = Desk(now, {}, {}, {})
    for pk, severity, next_at in waiting.filter(kind=Kind.DIGEST).values_list("pk", "severity", "next_at"):
        at = held_until(channel, severity, now)
        if at is None:
            room = desk.throttled(channel, severity)
            at = now if room is None else min(room, next_at or room)
        waiting.filter(pk=pk).update(next_at=at)
    waiting.exclude(kind=Kind.DIGEST).filter(next_at__gt=now + GROUP_INTERVAL).update(next_at=now)
    announce(TOPIC)


def _plans_of_resolved(alerts: Sequence[Alert], desk: Desk) -> list[Plan]:
    """Return a plan for each channel that was told that they began, or is to be; also of those that are quiet now."""
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
            bundle = desk.bundle(alert)
            key = (channel.pk, bundle)
            plans.setdefault(key, Plan(channel, Kind.RESOLVED, bundle)).alerts.append(alert)
    return list(plans.values())


def bounded(plans: Iterable[Plan]) -> list[Plan]:
    """Return the plans; those of a channel that are too many, as when all sites go dark, are made one."""
    found: dict[tuple[object, ...], list[Plan]] = {}
    for one in plans:
        found.setdefault((one.channel.pk, one.kind, one.reason), []).append(one)
    for those in found.values():
        if len(those) > GROUPS_MAX:
            those[0].bundle = MANY
            those[0].alerts = [alert for one in those for alert in one.alerts]
            del those[1:]
    return [one for those in found.values() for one in those]


def worst(alerts: Iterable[Alert]) -> str:
    """Return the worst severity of some alerts."""
    return min((alert.severity for alert in alerts), key=lambda one: WORST.index(Severity(one)))


def quiet(alert: Alert) -> str:
    """Return why nobody is told of an alert, empty if it may be told."""
    if alert.inhibited_by is not None:
        return f"It is inhibited by the alert {alert.inhibited_by}."
    if alert.silenced_by is not None:
        return f"It is silenced by {alert.silenced_by}."
    return ""


def _reason(alert: Alert) -> str:
    """Return for which of REASONS nobody is told of an alert, empty if it may be told."""
    return (
        "inhibited" if alert.inhibited_by is not None else "silenced" if alert.silenced_by is not None else ""
    )


def _is_of(alert: Alert, channel: Channel) -> bool:
    return alert.subject == f"{BROKEN}{channel.pk}"


def _group_value(alert: Alert, name: str) -> str:
    if name == Group.RULE:
        return alert.rule
    label = "cp_id" if name == Group.CHARGE_POINT else name
    return str(alert.labels.get(label, ""))
