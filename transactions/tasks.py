"""What the clock does for transactions."""

from celery import shared_task
from django.utils import timezone

from transactions import ending


@shared_task
def infer_ends() -> int:
    """Close transactions of which no end was reported, by evidence; return how many.

    Idempotent: each is locked and read again, and only one that still runs is ended.
    """
    return ending.infer_ends(now=timezone.now())
