"""What is read of notifications."""

from uuid import UUID

from django.db.models import Count, Exists, OuterRef, QuerySet

from alerts.notifications.models import Notification, Part


def notifications() -> QuerySet[Notification]:
    """Return the log, each with its channel at hand; unordered."""
    return Notification.objects.select_related("channel")


def of_alert(rows: QuerySet[Notification], alert_id: UUID) -> QuerySet[Notification]:
    """Return those that tell of an alert."""
    return rows.filter(Exists(Part.objects.filter(notification=OuterRef("pk"), alert_id=alert_id)))


def waiting() -> dict[UUID, int]:
    """Return how many messages wait for each channel."""
    planned = Notification.objects.filter(state=Notification.State.PLANNED).exclude(channel=None)
    rows = planned.order_by().values_list("channel").annotate(count=Count("pk"))
    return {channel: count for channel, count in rows if channel is not None}
