"""What the clock does for figures over time."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from csms.core.time_zones import find_zone
from transactions.figures import days, minutes, whole_days


@shared_task
def take_minute() -> bool:
    """Note what the network looks like this minute.

    Idempotent: a minute is noted once, by whoever comes first.
    """
    return minutes.take_minute(now=timezone.now())


@shared_task
def make_days() -> int:
    """Add up the days whose figures are missing or not final, a few at a time; return how many.

    Idempotent: a day is made from the reports of that day, as a whole.
    """
    return days.make_days(now=timezone.now(), zone=find_zone(settings.TIME_ZONE))


@shared_task
def keep_days() -> int:
    """Keep what days that are over add up to, those first of which something changed; return how many.

    Idempotent: a day is made as a whole, by one worker at a time.
    """
    return whole_days.keep_days(now=timezone.now(), zone=find_zone(settings.TIME_ZONE))
