"""What the clock does for certificates."""

from celery import shared_task
from django.utils import timezone

from chargers.certificates import mirror, renewing, signing


@shared_task
def work_signing_queue() -> int:
    """Sign what is approved, send what is signed, ask for what has ended; return how much was done.

    Idempotent: a request takes one certificate, in the step out of "approved", and one command, under a lock; who was
    asked for a request is not asked again for an hour.
    """
    now = timezone.now()
    return signing.work_queue(now=now) + renewing.renew_ended(now=now)


@shared_task
def tell_of_expiry() -> int:
    """Tell of certificates that end soon or have ended, and have those renewed that can be; return how many were told.

    Idempotent: each step is noted in the transaction that tells of it.
    """
    now = timezone.now()
    told = mirror.tell_of_expiry(now=now)
    renewing.ask_for_renewals(now=now)
    return told
