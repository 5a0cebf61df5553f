"""Reservations of connectors, from the order to their end."""

from django.db import models
from django.db.models.functions import Upper

from chargers.models import ChargePoint
from csms.core.ids import uuid7


class Reservation(models.Model):
    """A connector, or any connector, that a charge point keeps for a token or its group until a time.

    An order that replaces a reservation makes a row of its own under the same number (S16-40): the older one stands
    until the charge point has accepted the newer.
    """

    class Status(models.TextChoices):
        REQUESTED = "requested", "Requested"
        ACCEPTED = "accepted", "Accepted"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        USED = "used", "Used"
        CANCELLED = "cancelled", "Cancelled"
        EXPIRED = "expired", "Expired"
        ENDED = "ended", "Ended"
        REPLACED = "replaced", "Replaced"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField(db_index=True, help_text="the reservation id on the wire")
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="reservations")
    connector_number = models.PositiveIntegerField(help_text="0 = any connector")
    evse_number = models.PositiveIntegerField(null=True, help_text="in OCPP 2.x; empty = any, and in 1.6")
    connector_type = models.CharField(
        max_length=20, blank=True, default="", db_default="", help_text="in OCPP's words; empty = any"
    )
    id_token = models.CharField(max_length=255)
    token_type = models.CharField(
        max_length=20, blank=True, default="", db_default="", help_text="in OCPP's words; empty in 1.6"
    )
    parent = models.CharField(max_length=255, blank=True, help_text="the group whose members may use it, too")
    expires_at = models.DateTimeField()
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.REQUESTED)
    answer = models.CharField(max_length=64, blank=True, help_text="the charge point's own word")
    note = models.TextField(blank=True, help_text="what is to be known of it, and why it ended; for people")
    by = models.CharField(max_length=150, help_text="who ordered it, as text")
    command_id = models.UUIDField(help_text="the command that ordered it")
    created_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True, help_text="when its connector was first reported as Reserved")
    seen_evse = models.PositiveIntegerField(
        null=True, help_text="the EVSE that was reported as Reserved for it"
    )
    ended_at = models.DateTimeField(null=True)
    transaction_id = models.UUIDField(null=True, help_text="the transaction that used it")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point", "number"],
                name="reservation_held_once",
                condition=models.Q(status="accepted"),
            )
        ]
        indexes = [
            models.Index(fields=["charge_point", "-id"], name="reservation_cp"),
            models.Index(
                fields=["charge_point", "expires_at"],
                name="reservation_held",
                condition=models.Q(status="accepted"),
            ),
            models.Index(fields=["command_id"], name="reservation_command"),
            models.Index(Upper("id_token"), name="reservation_token"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.status}"
