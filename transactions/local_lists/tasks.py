"""What the clock does for local lists."""

from celery import shared_task
from django.utils import timezone

from transactions.local_lists import services


@shared_task
def sync_local_lists() -> int:
    """Send what has changed; return how many lists were looked at."""
    return services.sync_local_lists(now=timezone.now())
