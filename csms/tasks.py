"""What the clock does for the whole house."""

from celery import shared_task
from django.utils import timezone

from csms import pruning
from csms.core.config import get_config


@shared_task
def make_partitions() -> list[str]:
    """Make the partitions of the days to come, and let the planner know the tables as they are.

    Idempotent: those that are there are left alone.
    """
    now = timezone.now()
    made = pruning.make_partitions(now=now)
    pruning.analyze_partitioned(now=now)
    return made


@shared_task
def prune() -> dict[str, int]:
    """Remove what is older than the settings keep it.

    Idempotent: what is gone is gone.
    """
    return pruning.prune(get_config(), now=timezone.now())
