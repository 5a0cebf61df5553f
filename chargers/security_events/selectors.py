"""What is read of security events."""

from django.db.models import QuerySet

from chargers.security_events.models import SecurityEvent


def security_events() -> QuerySet[SecurityEvent]:
    """Return the security events, with their charge points."""
    return SecurityEvent.objects.select_related("charge_point")
