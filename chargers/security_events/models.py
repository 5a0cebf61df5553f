"""What charge points tell of their security."""

from django.db import models

from chargers.models import ChargePoint
from csms.core.bulk_tables import BulkTable
from csms.core.ids import uuid7


class SecurityEvent(models.Model):
    """One event as the charge point told it; unknown types and over-long texts are kept whole."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.DO_NOTHING, db_constraint=False, db_index=False)
    type = models.TextField()
    info = models.TextField(blank=True)
    critical = models.BooleanField()
    event_at = models.DateTimeField(null=True, help_text="by the charge point's clock")
    received_at = models.DateTimeField(help_text="by our clock")

    class Meta:
        indexes = [
            models.Index(fields=["charge_point", "id"], name="securityevent_cp"),
            models.Index(fields=["id"], name="securityevent_critical", condition=models.Q(critical=True)),
        ]

    def __str__(self) -> str:
        return self.type


SECURITY_EVENTS = BulkTable(
    SecurityEvent, ("id", "charge_point", "type", "info", "critical", "event_at", "received_at")
)
