"""A test of a channel: a message like any other, by the same way, of which somebody sees at once what became."""

from datetime import datetime, timedelta

from django.db import transaction

from alerts.channels.models import Channel
from alerts.models import Severity
from alerts.notifications.models import Notification
from alerts.notifications.sending import LEASE_SLACK, attempt, claim_test
from csms.core.audit.services import note
from csms.core.outbound.targets import bounds_now


@transaction.atomic
def begin_test(channel: Channel, *, by: str, now: datetime) -> Notification:
    """Return a test that is still to be sent, by `finish_test()`; it is claimed for that, under a lease."""
    note("channel.tested", by=by, subject_type="channel", subject=channel.pk, now=now, name=channel.name)
    return Notification.objects.create(
        kind=Notification.Kind.TEST,
        channel=channel,
        channel_name=channel.name,
        severity=Severity.INFO,
        created_at=now,
        next_at=now,
        attempts=1,
        leased_until=now + timedelta(seconds=bounds_now().deadline) + LEASE_SLACK,
    )


def finish_test(notification: Notification, *, now: datetime) -> Notification:
    """Send a test that was begun, once and however its channel is. Call it outside of any transaction."""
    attempt(claim_test(notification, now=now), now=now)
    notification.refresh_from_db()
    return notification


def send_test(channel: Channel, *, by: str, now: datetime) -> Notification:
    """Send a test, and return what became of it. It waits for the receiver; its failure says nothing of the health."""
    return finish_test(begin_test(channel, by=by, now=now), now=now)
