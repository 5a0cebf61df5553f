"""What the clock, and whoever rings, does for callbacks."""

from celery import shared_task

from chargers.callbacks import delivery


@shared_task
def deliver() -> int:
    """Begin the attempts that are due; return how many.

    Idempotent: an attempt is claimed by a conditional UPDATE, under a lease; receivers know a repeat by its id.
    """
    return delivery.deliver()
