"""What the clock does for this block."""

from celery import shared_task


@shared_task
def tell_costs() -> int:
    """Tell charge points what running transactions cost so far; return how many.

    Idempotent: there is nothing to do yet.
    """
    return 0
