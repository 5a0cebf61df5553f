"""What the clock does for charging profiles."""

from celery import shared_task
from django.utils import timezone

from transactions.charging_profiles import services


@shared_task
def expire_profiles() -> int:
    """End the profiles whose time is over; return how many.

    Idempotent: each moves on from the status that was read, once, and only that is told.
    """
    return services.expire_profiles(now=timezone.now())
