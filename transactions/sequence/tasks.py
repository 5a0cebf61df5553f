"""What the clock does for this block."""

from celery import shared_task
from django.utils import timezone

from transactions.sequence import asking


@shared_task
def mind_gaps() -> int:
    """Ask about events of transactions that are missing for too long, or give them up; return how many.

    Idempotent: what was asked lately is not asked again, and what is given up is locked and read again.
    """
    return asking.mind_gaps(now=timezone.now())
