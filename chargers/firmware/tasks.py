"""What the clock does for firmware updates."""

from celery import shared_task
from django.utils import timezone

from chargers.firmware import services


@shared_task
def expire_updates() -> int:
    """Give up updates of which nothing was heard for too long; return how many.

    Idempotent: a job that has ended is not ended again.
    """
    return services.expire_updates(now=timezone.now())
