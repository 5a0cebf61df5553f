"""What the clock does for bulk jobs."""

from celery import shared_task
from django.utils import timezone

from chargers.bulk import running


@shared_task
def run_bulk_jobs() -> int:
    """Take every bulk job a step further; return how many commands were queued.

    Idempotent: a job is worked on under a lease, and a target and its command are written together.
    """
    return running.run_bulk_jobs(now=timezone.now())
