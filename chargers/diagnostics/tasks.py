"""What the clock does for logs and files."""

from celery import shared_task
from django.utils import timezone

from chargers.diagnostics import services, uploads


@shared_task
def expire_logs() -> int:
    """End uploads of which nothing was heard for too long; return how many.

    Idempotent: a job that has ended is not ended again.
    """
    return services.expire_logs(now=timezone.now())


@shared_task
def sweep_store() -> int:
    """Remove contents that belong to no file; return how many.

    Idempotent: what is gone is passed over.
    """
    return uploads.sweep_store()
