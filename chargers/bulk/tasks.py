"""What the clock does for bulk jobs."""

from celery import shared_task
from django.utils import timezone

from chargers.bulk import running


@shared_task
def run_bulk_jobs() -> int:
    """Take every bulk job a step further; return how many commands were queued."""
    return running.run_bulk_jobs(now=timezone.now())
