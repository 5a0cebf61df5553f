"""The outbox table."""

from django.db import models

from csms.core.ids import uuid7
from csms.core.writer import BulkTable


class Event(models.Model):
    """One fact on its way out. `id` is a UUIDv7: the order of recording, and the key for partitions."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=64)
    schema_version = models.PositiveSmallIntegerField(default=1)
    # Names, not foreign keys: an event outlives what it speaks of.
    cp_id = models.CharField(max_length=255, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    payload = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["cp_id", "id"], name="event_cp")]

    def __str__(self) -> str:
        return f"{self.type} {self.cp_id}"


EVENTS = BulkTable(Event, ("id", "type", "schema_version", "cp_id", "occurred_at", "recorded_at", "payload"))
