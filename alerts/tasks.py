"""What the clock does for alerts."""

from celery import shared_task
from django.utils import timezone

from alerts import services


@shared_task
def evaluate() -> int:
    """Make the alerts what the conditions say; return how many changed."""
    return services.evaluate(now=timezone.now())
