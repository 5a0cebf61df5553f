"""Alerts that the pages of alerts show."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from alerts.models import Alert, AlertEntry, Evaluation
from chargers.models import ChargePoint
from tests.console.cast import HOSTILE

MINUTE = timedelta(minutes=1)
PATH = "/sys/alerts"


def make_alert(charge_point: ChargePoint | None = None, **values: Any) -> Alert:
    """An alert that began an hour ago; it fires unless told otherwise."""
    now = timezone.now()
    values = {
        "rule": "charge-point-offline",
        "name": "Charge point offline",
        "severity": "critical",
        "subject": f"charge-point:{charge_point.cp_id}" if charge_point else "house",
        "text": "It is offline.",
        "state": "firing",
        "began_at": now - 60 * MINUTE,
        "fired_at": now - 50 * MINUTE,
    } | values
    if values["state"] == "resolved":
        values.setdefault("resolved_at", now - 5 * MINUTE)
    alert = Alert.objects.create(charge_point=charge_point, **values)
    AlertEntry.objects.create(alert=alert, at=alert.began_at, what="began")
    Evaluation.objects.update_or_create(pk=1, defaults={"at": now})
    return alert


def hostile_values() -> dict[str, Any]:
    """Everything that others may have written, as badly as they can."""
    return {
        "text": HOSTILE,
        "name": HOSTILE,
        "subject": HOSTILE,
        "assignee": HOSTILE,
        "acknowledged_by": HOSTILE,
        "labels": {"site": HOSTILE, "model": "isnull", "firmware": "' OR 1=1", "network": "10.0.0.0/24"},
    }
