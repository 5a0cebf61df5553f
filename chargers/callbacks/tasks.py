"""What the clock, and whoever rings, does for callbacks."""

from celery import shared_task

from chargers.callbacks import delivery


@shared_task
def deliver() -> int:
    """Begin the attempts that are due; return how many."""
    return delivery.deliver()
