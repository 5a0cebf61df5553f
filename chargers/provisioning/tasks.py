"""What the clock does for this block."""

from celery import shared_task
from django.utils import timezone

from chargers.provisioning import services


@shared_task
def go_on() -> int:
    """Take provisioning a step further where it waits; return how many wait.

    Idempotent: a run is read under a lock of its charge point, and a step whose commands were given
    only waits for them.
    """
    return services.go_on(now=timezone.now())
