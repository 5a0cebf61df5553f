"""What the clock does for this block."""

from celery import shared_task


@shared_task
def mind_gaps() -> int:
    """Ask about events of transactions that are missing for too long; return how many.

    Idempotent: there is nothing to do yet.
    """
    return 0
