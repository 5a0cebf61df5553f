"""What the clock does for reports."""

from celery import shared_task
from django.utils import timezone

from chargers.reporting import services


@shared_task
def apply_reports() -> int:
    """Use the reports that are whole, and give up those of which no more came; return of how many.

    Idempotent: a report is claimed in the transaction that uses it.
    """
    return services.apply_due(now=timezone.now())
