"""What the clock does for certificates."""

from celery import shared_task
from django.utils import timezone

from chargers.certificates import mirror, renewing, signing


@shared_task
def work_signing_queue() -> int:
    """Sign what is approved and send what is signed; return how much was done.

    Idempotent: a request takes one certificate, in the step out of "approved", and one command, under a lock.
    """
    return signing.work_queue(now=timezone.now())


@shared_task
def tell_of_expiry() -> int:
    """Tell of certificates that end soon or have ended, and have those renewed that can be; return how many were told.

    Idempotent: each step is noted in the transaction that tells of it.
    """
    now = timezone.now()
    told = mirror.tell_of_expiry(now=now)
    renewing.ask_for_renewals(now=now)
    return told
