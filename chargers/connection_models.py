"""Who is connected since when to which process of the house, and who was turned away at the door."""

from typing import Any

from django.db import models

from csms.core.ids import uuid7


class Process(models.Model):
    """A server process and its lease: connections of a process that stopped renewing are gone."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    health: Any = models.JSONField(
        default=dict, help_text="what it said of itself with its last sign of life; see `self_check`"
    )

    class Meta:
        verbose_name_plural = "processes"

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class Connection(models.Model):
    """One WebSocket of a charge point, from its handshake to its end."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey("chargers.ChargePoint", models.PROTECT, related_name="connections")
    process = models.ForeignKey(Process, models.PROTECT, related_name="connections")
    protocol = models.CharField(max_length=16)
    peer = models.CharField(max_length=64, blank=True)
    user_agent = models.TextField(blank=True)
    compressed = models.BooleanField(
        default=False, db_default=False, help_text="whether both sides agreed to compress messages"
    )
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    close_code = models.PositiveIntegerField(null=True)
    close_reason = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["charge_point", "-opened_at"], name="connection_cp"),
            models.Index(fields=["process"], condition=models.Q(closed_at=None), name="connection_open"),
            models.Index(
                fields=["opened_at", "id"], condition=models.Q(closed_at=None), name="connection_open_since"
            ),
            models.Index(fields=["opened_at", "id"], name="connection_opened_at"),
            models.Index(fields=["closed_at", "id"], name="connection_closed_at"),
        ]

    def __str__(self) -> str:
        return f"{self.protocol} from {self.peer}"

    @property
    def duration_seconds(self) -> float | None:
        """Seconds from handshake to end; None while it is open."""
        return (self.closed_at - self.opened_at).total_seconds() if self.closed_at else None


class RefusedHandshake(models.Model):
    """Handshakes that were refused, counted per identity, address and reason so that a flood stays small."""

    identity = models.CharField(max_length=255, blank=True)
    peer = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=32)
    detail = models.TextField(blank=True)
    http_status = models.PositiveIntegerField()
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)

    # How many within an hour: those of one hour of the clock, and of the one before it.
    hour = models.DateTimeField(null=True, help_text="the beginning of the hour in which the last ones were")
    in_hour = models.PositiveIntegerField(default=0)
    in_hour_before = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["identity", "peer", "reason"], name="refused_once")]

    def __str__(self) -> str:
        return f"{self.identity}: {self.reason}"
