"""What the clock does for certificates."""

from celery import shared_task
from django.utils import timezone

from chargers.certificates import mirror, signing


@shared_task
def work_signing_queue() -> int:
    """Sign what is approved and send what is signed; return how much was done."""
    return signing.work_queue(now=timezone.now())


@shared_task
def tell_of_expiry() -> int:
    """Tell of certificates that end soon or have ended; return how many."""
    return mirror.tell_of_expiry(now=timezone.now())
