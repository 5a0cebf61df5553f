"""The outbox table, and how far each of those who read it has come."""

from django.db import models

from csms.core.bulk_tables import BulkTable
from csms.core.ids import uuid7

BUCKETS = 4
"""Into how many parts the outbox is divided by charge point; each part is published by one relay at a time.

A number of the code, not a setting: `bucket` is stored, and the positions of the readers belong to it.
"""


class Event(models.Model):
    """One fact on its way out. `id` is a UUIDv7: about the order of recording, and the key for partitions.

    `position` and `sequence` are given after the commit, by one process at a time (`numbering`): whoever reads on from
    a position misses nothing, whatever transaction committed when.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=64)
    schema_version = models.PositiveSmallIntegerField(default=1)
    # Names, not foreign keys: an event outlives what it speaks of.
    cp_id = models.CharField(max_length=255, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    trace_id = models.CharField(max_length=32, blank=True, help_text="32 hexadecimal digits, or nothing")
    bucket = models.PositiveSmallIntegerField(default=0, help_text="crc32 of `cp_id`, modulo BUCKETS")
    payload = models.TextField()
    position = models.BigIntegerField(null=True, help_text="its place among all events, from 1, without gaps")
    sequence = models.BigIntegerField(
        null=True, help_text="its place among the events of its charge point, from 1, without gaps"
    )

    class Meta:
        indexes = [
            models.Index(fields=["cp_id", "position"], name="event_cp_position"),
            models.Index(fields=["position"], name="event_position"),
            models.Index(fields=["id"], name="event_new", condition=models.Q(position=None)),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.cp_id}"


EVENTS = BulkTable(
    Event,
    (
        "id",
        "type",
        "schema_version",
        "cp_id",
        "occurred_at",
        "recorded_at",
        "trace_id",
        "bucket",
        "payload",
    ),
)


class Sequence(models.Model):
    """How many events of a charge point have been numbered; the empty name counts those of no charge point."""

    cp_id = models.CharField(max_length=255, primary_key=True)
    last = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.cp_id} {self.last}"


class Reader(models.Model):
    """One who reads the outbox in order: how far it has come, who does its work now, and what is in its way.

    The name `numbering` is that of the process that gives positions: its `position` is the last one given.
    """

    name = models.CharField(max_length=100, primary_key=True)
    position = models.BigIntegerField(default=0, help_text="everything up to here is done")
    moved_at = models.DateTimeField(null=True, help_text="when it last came forward")
    holder = models.CharField(max_length=64, blank=True, help_text="the relay that does its work")
    held_until = models.DateTimeField(null=True, help_text="if that was lost, another takes over then")
    failing_since = models.DateTimeField(null=True)
    error = models.TextField(blank=True, help_text="why it does not come forward")

    def __str__(self) -> str:
        return f"{self.name} {self.position}"
