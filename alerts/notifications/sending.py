"""Send what is due to one channel, a message after the other, each by one worker at a time.

A worker judges and claims a notification while it holds its row, and keeps it under a lease; if its process is lost,
the lease runs out and the attempt is made again. So a channel gets each message at least once, under the same id where
its kind has ids. What became of it is noted with it, and with the channel: one that is broken is left alone, but for a
probe.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, Q, QuerySet, When
from prometheus_client import Counter

from alerts.channels.configuring import values_of, without_secrets
from alerts.channels.models import BROKEN_AFTER, Channel
from alerts.channels.services import WELL
from alerts.models import Alert, AlertEntry, Severity
from alerts.notifications.judging import Verdict, judge
from alerts.notifications.models import Notification, Part
from alerts.notifications.planning import HOUR, ROWS_AT_ONCE, TOPIC
from alerts.notifications.telling import Said, said_in, write
from alerts.transports.base import Message
from alerts.transports.table import TRANSPORTS
from csms.core.live import announce
from csms.core.outbound.sending import Attempt
from csms.core.outbound.targets import bounds_now

log = logging.getLogger(__name__)
Kind = Notification.Kind
State = Notification.State

DELAYS = (10, 30, 60, 120, 300, 600, 1800)  # seconds after each attempt; the last one again and again
LEASE_SLACK = timedelta(seconds=30)  # beside the deadline of an attempt, for reading and writing rows

SENDS = Counter(
    "csms_notifications_total", "Attempts to tell channels of alerts, by what became.", ["kind", "outcome"]
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A notification that this worker alone may send for now, and which attempt that is."""

    notification: Notification
    channel: Channel
    attempt: int
    said: list[Said]


def due_channels(*, now: datetime) -> list[UUID]:
    """Return the channels that may be told something now."""
    due = _due(now).exclude(channel=None).filter(Q(channel__probe_at=None) | Q(channel__probe_at__lte=now))
    return list(due.order_by().values_list("channel", flat=True).distinct())


def send_next(channel_id: UUID, *, now: datetime) -> Attempt | None:
    """Send the next notification that is due to a channel; return what became of it, None when there is none."""
    claim = claim_next(channel_id, now=now)
    return attempt(claim, now=now) if claim is not None else None


def _due(now: datetime) -> QuerySet[Notification]:
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    return Notification.objects.filter(free, state=State.PLANNED, next_at__lte=now)


# --- claims -----------------------------------------------------------------------------------------------------------


def claim_next(channel_id: UUID, *, now: datetime) -> Claim | None:
    """Claim what is due to a channel; what is of no use any more is settled on the way."""
    while True:
        channel = Channel.objects.filter(pk=channel_id).first()
        if channel is None or (channel.probe_at is not None and channel.probe_at > now):
            return None
        pk = _next(channel, now)
        if pk is None:
            return None
        row = _claim(pk, now)
        if row is not None and row.channel is not None:
            # Nothing joins it any more.
            return Claim(row, row.channel, row.attempts, said_in(row))


def _next(channel: Channel, now: datetime) -> UUID | None:
    """Return what has been due longest; to a broken channel, the newest that is critical or what was tried least."""
    due = _due(now).filter(channel=channel).values_list("pk", flat=True)
    if not channel.is_broken:
        return due.order_by("next_at", "pk").first()
    worst = Case(When(severity=Severity.CRITICAL, then=0), default=1)
    if channel.failures % 2:
        return due.order_by(worst, "-created_at", "-pk").first()
    # By turns what was tried least, else one that is refused for its content would be the only probe.
    return due.order_by("attempts", worst, "-created_at", "-pk").first()


def claim_test(notification: Notification, *, now: datetime) -> Claim:
    """Claim a test that was just planned, under a lease that only this caller holds."""
    assert notification.channel is not None
    return Claim(notification, notification.channel, notification.attempts, [])


@transaction.atomic
def _claim(pk: UUID, now: datetime) -> Notification | None:
    """Judge a notification while its row is held, and claim it or settle it; return it if it is claimed.

    Who lets alerts join it holds the row, too: they are there already and are judged with the others, or find it taken.
    An alert that is left out here is planned anew by who makes it loud, after it was found quiet: so it is not lost.
    """
    row = _due(now).filter(pk=pk).select_related("channel").select_for_update(of=("self",)).first()
    if row is None or row.channel is None:
        return None
    verdict = judge(row, row.channel, now)
    if not verdict.told:
        _settle(row, verdict)
        return None
    for first in range(0, len(verdict.left_out), ROWS_AT_ONCE):
        Part.objects.filter(pk__in=verdict.left_out[first : first + ROWS_AT_ONCE]).delete()
    row.severity = verdict.severity or row.severity
    row.attempts += 1
    row.leased_until = now + timedelta(seconds=bounds_now().deadline) + LEASE_SLACK
    row.save(update_fields=["severity", "attempts", "leased_until"])
    return row


def _settle(row: Notification, verdict: Verdict) -> None:
    """Note a verdict; the row is held."""
    mine = Notification.objects.filter(pk=row.pk)
    if verdict.state is None:
        mine.update(next_at=verdict.at)
    else:
        mine.update(state=verdict.state, why=verdict.why, next_at=None, leased_until=None)
        SENDS.labels(_kind(row), verdict.state.value).inc()
        announce(TOPIC)


# --- one attempt ------------------------------------------------------------------------------------------------------


def attempt(claim: Claim, *, now: datetime) -> Attempt:
    """Make one attempt, and note what became of it. Nobody may wait for a receiver within a transaction."""
    message = write(claim.notification, claim.channel, claim.said, now=now)
    made = _sent(claim, message, now)
    note(claim, message, made, now=now)
    return made


def _sent(claim: Claim, message: Message, now: datetime) -> Attempt:
    try:
        values = values_of(claim.channel)
    except ValueError as error:
        return Attempt(error=f"It cannot be sent: {error}.", permanent=True)
    if not connection.in_atomic_block:
        connection.close()  # a server has few; the receiver may take its time
    try:
        made = TRANSPORTS[claim.channel.kind].send(values, message, bounds_now(), now)
    except Exception as error:
        # Whatever it is: its text may hold a secret.
        log.error("notification.transport_broke", extra={"error": type(error).__name__})
        return Attempt(error=f"It could not be sent: {type(error).__name__}.", permanent=True)
    # A receiver may repeat what it was sent, and everybody who may read the log would see it.
    return replace(
        made,
        excerpt=without_secrets(made.excerpt, claim.channel),
        error=without_secrets(made.error, claim.channel),
    )


def note(claim: Claim, message: Message, made: Attempt, *, now: datetime) -> None:
    """Note what became of an attempt, for the notification, its alerts and its channel."""
    row = claim.notification
    facts: dict[str, Any] = {
        "last_at": now,
        "status": made.status,
        "latency_ms": round(made.latency * 1000),
        "outcome": said_of(made),
        "title": message.title,
        "text": "\n".join(message.lines),
        "leased_until": None,
    }
    planned = Notification.objects.filter(pk=row.pk, state=State.PLANNED)
    if made.succeeded:
        facts |= {"state": State.SENT, "sent_at": now, "next_at": None}
    else:
        # Not if the lease has run out and another attempt was begun.
        planned = planned.filter(attempts=claim.attempt)
        facts |= {"next_at": now + _delay(len(DELAYS) if made.permanent else claim.attempt, made)}
        if row.kind == Kind.TEST:
            facts |= {"state": State.FAILED, "next_at": None, "why": "It was a test, and is not tried again."}
    with transaction.atomic():
        mine = bool(planned.update(**facts))
        if mine and made.succeeded:
            _write_down(claim, now)
        if row.kind != Kind.TEST or made.succeeded:
            _note_health(claim, made, now)
    outcome = "sent" if made.succeeded else "test_failed" if row.kind == Kind.TEST else "retried"
    SENDS.labels(_kind(row), outcome).inc()
    said = {"notification": str(row.pk), "channel": claim.channel.name, "attempt": claim.attempt}
    level = logging.INFO if made.succeeded else logging.WARNING
    log.log(level, f"notification.{outcome}", extra=said | {"outcome": facts["outcome"]})
    announce(TOPIC, "channels")


def said_of(made: Attempt) -> str:
    """Return in words what became of an attempt."""
    if made.error:
        return made.error
    return f"It answered {made.status}{f': {made.excerpt}' if made.excerpt else '.'}"


def _delay(attempts: int, made: Attempt) -> timedelta:
    delay = timedelta(seconds=DELAYS[min(attempts, len(DELAYS)) - 1])
    return max(delay, min(timedelta(seconds=made.retry_after or 0), HOUR))


def _write_down(claim: Claim, now: datetime) -> None:
    """Write into the timelines of the alerts who was told."""
    if claim.notification.kind == Kind.TEST:
        return
    escalated = claim.notification.kind == Kind.ESCALATED
    what = AlertEntry.What.ESCALATED if escalated else AlertEntry.What.TOLD
    word = "over" if claim.notification.kind == Kind.RESOLVED else ""
    said = f"{claim.channel.name}{f': {word}' if word else ''}"
    for first in range(0, len(claim.said), ROWS_AT_ONCE):
        part = [one.alert.pk for one in claim.said[first : first + ROWS_AT_ONCE]]
        kept = Alert.objects.filter(pk__in=part).order_by("pk").values_list("pk", flat=True)
        AlertEntry.objects.bulk_create(AlertEntry(alert_id=pk, at=now, what=what, note=said) for pk in kept)


def _note_health(claim: Claim, made: Attempt, now: datetime) -> None:
    """Note with the channel how an attempt went. One refusal for good breaks it, as several failures in a row do."""
    row = Channel.objects.select_for_update().filter(pk=claim.channel.pk).first()
    if row is None or (not made.succeeded and _is_its_own_fault(claim, made, row)):
        return
    was_broken = row.is_broken
    waiting = row.notifications.filter(state=State.PLANNED, attempts__gt=0)
    if made.succeeded:
        if row.failures:
            # What waits for its time waits for nothing any more.
            waiting.filter(leased_until=None).update(next_at=now)
        for name, value in WELL.items():
            setattr(row, name, value)
        row.sent_at = now
    else:
        row.failing_since = row.failing_since if row.failures else now
        row.failures = max(row.failures + 1, BROKEN_AFTER if made.permanent else 0)
        row.last_error = said_of(made)
        # Of one message alone it is not known whether the channel refuses it or what it says: another may try.
        if row.is_broken and waiting.exclude(pk=claim.notification.pk).filter(last_at__isnull=False).exists():
            row.probe_at = now + _delay(row.failures - BROKEN_AFTER + 1, made)
    row.save(update_fields=[*WELL, "sent_at"])
    if was_broken != row.is_broken:
        word = "broken" if row.is_broken else "back"
        log.warning(f"channel.{word}", extra={"channel": row.name, "error": row.last_error})


def _is_its_own_fault(claim: Claim, made: Attempt, channel: Channel) -> bool:
    """Whether a message is refused for good again, of a channel that has taken others since it was planned."""
    taken = channel.sent_at is not None and channel.sent_at > claim.notification.created_at
    return made.permanent and claim.attempt > 1 and taken


def _kind(row: Notification) -> str:
    return row.channel.kind if row.channel is not None else "removed"
