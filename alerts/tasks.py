"""What the clock does for alerts."""

from celery import shared_task
from django.utils import timezone

from alerts import services


@shared_task
def evaluate() -> int:
    """Make the alerts what the conditions say; return how many changed.

    Idempotent: it computes from rows what should be, and one pass at a time writes the difference.
    """
    return services.evaluate(now=timezone.now())
