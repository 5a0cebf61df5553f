"""What the clock does for transactions."""

from celery import shared_task
from django.utils import timezone

from transactions import ending, seen_power


@shared_task
def infer_ends() -> int:
    """Close transactions of which no end was reported, by evidence; return how many.

    Idempotent: each is locked and read again, and only one that still runs is ended.
    """
    return ending.infer_ends(now=timezone.now())


@shared_task
def look_at_power() -> int:
    """Note what recent readings tell of the power of charge points; return of how many there was anything new.

    Idempotent: the highest figures are kept, and what is looked at twice is no higher.
    """
    return seen_power.look_at_power(now=timezone.now())
