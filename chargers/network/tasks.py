"""What the clock does for this block."""

from celery import shared_task
from django.utils import timezone

from chargers.network import services


@shared_task
def go_on() -> int:
    """End the moves that nobody came back from in time, and set back what is owed; return how many of both.

    Idempotent: each is ended by a conditional change of its state, and told once on each connection.
    """
    now = timezone.now()
    return services.give_up(now=now) + services.set_back_due(now=now)
