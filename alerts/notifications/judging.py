"""Whether a notification is told, and of which of its alerts: as they are now, not as they were when it was planned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from alerts.channels.models import Channel
from alerts.models import Alert
from alerts.notifications.models import Notification, Part
from alerts.notifications.planning import TELLS_OF_BEGINNING, quiet, worst
from alerts.notifications.timing import passes_quiet, quiet_until

Kind = Notification.Kind
State = Notification.State
What = Part.What

TRIED_FOR = timedelta(days=1)
AFTER_ANOTHER = timedelta(seconds=5)
TELL_MORE = (Kind.ESCALATED, Kind.REMINDER)
"""Of no use once somebody looks after all of their alerts."""
JUDGED_BY = ("severity", "state", "resolved_at", "inhibited_by", "silenced_by")
"""What of its alerts decides whether a notification is told."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a notification: it is told now, or later (`at`), or never (`state`)."""

    why: str = ""
    state: State | None = None
    at: datetime | None = None
    severity: str = ""
    """Of the worst that is told now; empty if no alert is."""
    left_out: Sequence[int] = ()
    """The parts of which nothing is said."""

    @property
    def told(self) -> bool:
        """Whether it is told now."""
        return self.state is None and self.at is None


def judge(row: Notification, channel: Channel, now: datetime) -> Verdict:
    """Return what becomes of a notification, whose row is held.

    Of alerts that are quiet no beginning is told: they come again when they are loud. An end is told of those whose
    beginning the channel was told, or is told in the same message.
    """
    if not channel.enabled:
        return Verdict("The channel is disabled.", State.SUPPRESSED)
    if row.kind == Kind.TEST:
        return Verdict()
    if row.attempts and now - row.created_at > TRIED_FOR:
        return Verdict("It was tried for a day.", State.FAILED)
    # No more than is asked: the row is held meanwhile, on SQLite all others wait.
    asked = Alert.objects.filter(pk__in=row.parts.values("alert_id")).only(*JUDGED_BY)
    kept = {alert.pk: alert for alert in asked.order_by("pk")}
    if not kept:
        return Verdict("Its alerts are kept no longer.", State.SUPPRESSED)
    parts = [part for part in row.parts.values_list("pk", "alert_id", "what") if part[1] in kept]
    begun, over = ({pk for _, pk, what in parts if what == one} for one in (What.FIRED, What.RESOLVED))
    loud = {pk for pk in begun if not quiet(kept[pk])}
    sent, leased, planned = _told_before(row, channel) if over - loud else (set(), set(), False)
    if planned and not loud and not over & sent:
        return Verdict(at=now + AFTER_ANOTHER)
    said = {What.FIRED: loud, What.RESOLVED: over & (loud | sent | leased)}
    alerts = [alert for pk, alert in kept.items() if any(pk in those for those in said.values())]
    if why := _of_no_use(row, alerts) if alerts else _why_nothing(kept[pk] for pk in sorted(begun)):
        return Verdict(why, State.FAILED if row.attempts else State.SUPPRESSED)
    severity = worst(alerts)
    until = None if passes_quiet(channel, severity) else quiet_until(channel, now)
    if until is not None:
        return Verdict(at=until)
    left_out = [part for part, pk, what in parts if pk not in said[What(what)]]
    return Verdict(severity=severity, left_out=left_out)


def _why_nothing(begun: Iterable[Alert]) -> str:
    return next(map(quiet, begun), "That it began was never told.")


def _of_no_use(row: Notification, alerts: Sequence[Alert]) -> str:
    """Return why a message of a beginning is of no use any more, empty if it is."""
    if row.kind not in TELLS_OF_BEGINNING:
        return ""
    if row.kind != Kind.DIGEST and all(alert.resolved_at is not None for alert in alerts):
        return "Its alerts were over before it could be told."
    open_ones = [alert for alert in alerts if alert.resolved_at is None]
    if row.kind in TELL_MORE and all(alert.state == Alert.State.ACKNOWLEDGED for alert in open_ones):
        return "Somebody looks after it meanwhile."
    return ""


def _told_before(row: Notification, channel: Channel) -> tuple[set[UUID], set[UUID], bool]:
    """Return of which alerts that are over the channel was told that they began, of which it is being told just now,
    and whether anything that tells of one is planned still.

    What nobody has begun to send says by itself that they are over, if it is told at all.
    """
    began = Part.objects.filter(
        alert_id__in=row.parts.filter(what=What.RESOLVED).values("alert_id"),
        what=What.FIRED,
        notification__channel=channel,
        notification__kind__in=TELLS_OF_BEGINNING,
        notification__state__in=(State.PLANNED, State.SENT),
    ).exclude(notification=row)
    found = list(began.values_list("alert_id", "notification__state", "notification__leased_until"))
    sent = {pk for pk, state, _ in found if state == State.SENT}
    leased = {pk for pk, _, until in found if until is not None}
    return sent, leased, any(state == State.PLANNED for _, state, _ in found)
