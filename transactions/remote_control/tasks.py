"""What the clock does for remote starts and for charging without a transaction."""

from celery import shared_task
from django.utils import timezone

from transactions.remote_control import services


@shared_task
def watch() -> int:
    """Flag charging without a transaction, and end remote starts that nothing followed; return how many.

    Idempotent: a connector has one open flag, and a command is given its effect once, under a lock.
    """
    now = timezone.now()
    return services.watch_charging(now=now) + services.expire_pending_starts(now=now)
