"""What the clock does for charge points."""

from celery import shared_task
from django.utils import timezone

from chargers import connections
from chargers.commands import ledger


@shared_task
def expire_commands() -> int:
    """End commands that were not sent or not answered in time; return how many.

    Idempotent: each is ended out of the status that was read, once.
    """
    return ledger.expire_commands(now=timezone.now())


@shared_task
def sweep_processes() -> int:
    """Close the connections of server processes that were lost; return how many.

    Idempotent: a process is ended once, with its connections, unless it has renewed its lease meanwhile.
    """
    return connections.sweep_processes(now=timezone.now())
