"""What the clock does for local lists."""

from celery import shared_task
from django.utils import timezone

from transactions.local_lists import services


@shared_task
def sync_local_lists() -> int:
    """Send what has changed; return how many lists were looked at.

    Idempotent: a list that has an update under way gets no other, and one that is up to date none at all.
    """
    return services.sync_local_lists(now=timezone.now())
