"""What the clock does for configurations."""

from celery import shared_task
from django.utils import timezone

from chargers.configuration import following


@shared_task
def ask_silent() -> int:
    """See to charge points that connect but do not boot; return how many.

    Idempotent: under a lock of the charge point, one that was asked since it connected is not asked again.
    """
    return following.ask_silent(now=timezone.now())


@shared_task
def read_due() -> int:
    """Read the configurations of charge points that have settled after their boots; return how many.

    Idempotent: a reading that is due is claimed in the transaction that orders it.
    """
    return following.read_due(now=timezone.now())
