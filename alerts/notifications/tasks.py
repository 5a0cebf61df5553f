"""What the clock does for notifications."""

from celery import shared_task
from django.utils import timezone

from alerts.notifications import escalating, lines


@shared_task
def send() -> int:
    """Begin to send what is due; return to how many channels.

    Idempotent: a message is claimed by a conditional UPDATE, under a lease.
    """
    return lines.begin()


@shared_task
def follow() -> int:
    """Tell further channels of alerts that nobody looks after; return of how many alerts.

    Idempotent: each step of each alert is planned once.
    """
    now = timezone.now()
    escalating.let_go(now=now)
    return escalating.escalate(now=now)
