"""What the clock does for reservations."""

from celery import shared_task
from django.utils import timezone

from chargers.reservations import services


@shared_task
def expire_reservations() -> int:
    """End the reservations whose time is over; return how many.

    Idempotent: each moves on from the status that was read, once, and only that is told.
    """
    return services.expire_reservations(now=timezone.now())
