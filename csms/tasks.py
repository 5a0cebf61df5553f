"""What the clock does for the whole house."""

from celery import shared_task
from django.utils import timezone

from csms import pruning
from csms.core.config import get_config


@shared_task
def make_partitions() -> list[str]:
    """Make the partitions of the days to come."""
    return pruning.make_partitions(now=timezone.now())


@shared_task
def prune() -> dict[str, int]:
    """Remove what is older than the settings keep it."""
    return pruning.prune(get_config(), now=timezone.now())
