"""What the clock does for the power of charge points."""

from celery import shared_task
from django.utils import timezone

from chargers.ratings import services


@shared_task
def judge_due() -> int:
    """Judge the charge points whose turn it is; return how many.

    Idempotent: a judgement is made of what is known, and the same comes out again.
    """
    return services.judge_due(now=timezone.now())
