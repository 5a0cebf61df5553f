"""What is read of security events."""

from datetime import datetime

from django.db.models import QuerySet

from chargers.security_events.models import SecurityEvent


def security_events() -> QuerySet[SecurityEvent]:
    """Return the security events, with their charge points."""
    return SecurityEvent.objects.select_related("charge_point")


def critical_events(*, since: datetime) -> QuerySet[SecurityEvent]:
    """Return the critical events that came since."""
    return security_events().filter(critical=True, received_at__gte=since)
