"""What becomes of old notifications."""

from django.db import transaction
from django.db.models import QuerySet

from alerts.notifications.models import Notification, Part

ROWS_AT_ONCE = 5000


def remove_notifications(rows: QuerySet[Notification]) -> int:
    """Remove notifications with their parts, in small steps; return how many notifications."""
    removed = 0
    while ids := list(rows.values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        with transaction.atomic():
            Part.objects.filter(notification__in=ids)._raw_delete("default")
            removed += Notification.objects.filter(pk__in=ids)._raw_delete("default")
    return removed
