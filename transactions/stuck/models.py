"""What people did about sessions that were stuck: the step, the reason, and the evidence that lay before them."""

from django.db import models
from django.db.models import Q

from chargers.models import ChargePoint
from csms.core.ids import uuid7
from transactions.models import Transaction

CLAIMED_ID_MAX = 36


class Kind(models.TextChoices):
    """In which way a session is stuck."""

    ZOMBIE = "zombie", "Open, though its connector is free or its charge point gone"
    ETERNAL = "eternal", "Open for too long"
    ZERO_ENERGY = "zero_energy", "Charging, and no energy flows"
    NO_STOP = "no_stop", "Ended by evidence, its end was never reported"
    ORPHAN = "orphan", "An end without a start"
    UNMATCHED = "unmatched", "Readings without a transaction"
    GAPS = "gaps", "Numbered events of it are missing"


class Correction(models.Model):
    """One step of a person. The charge point's own claims stay as they are, in the transaction and in the log."""

    class Step(models.TextChoices):
        ENDED = "ended", "Ended with its last register"
        STOP_ORDERED = "stop_ordered", "The charge point was asked to stop it"
        READINGS_ORDERED = "readings_ordered", "The charge point was asked for its readings"
        STATUS_ORDERED = "status_ordered", "The charge point was asked whether it runs"
        DISMISSED = "dismissed", "Left as it is"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    by = models.CharField(max_length=150, help_text="who did it, as text: a person or a token")
    kind = models.CharField(max_length=11, choices=Kind.choices)
    step = models.CharField(max_length=16, choices=Step.choices)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="+")
    transaction = models.ForeignKey(
        Transaction, models.PROTECT, null=True, related_name="corrections", help_text="empty: none is known"
    )
    claimed_transaction_id = models.CharField(
        max_length=CLAIMED_ID_MAX, blank=True, help_text="of readings that belong to no transaction"
    )
    reason = models.CharField(max_length=500, help_text="in the words of who did it")
    evidence = models.JSONField(help_text="what spoke for it then: words with times and values")
    before = models.JSONField(null=True, help_text="the end of the transaction before the step")
    after = models.JSONField(null=True, help_text="the end of the transaction after the step")
    command_id = models.UUIDField(null=True, help_text="the command that was ordered")
    until = models.DateTimeField(null=True, help_text="when what was left as it is, is shown again")

    class Meta:
        indexes = [
            models.Index(fields=["transaction", "-id"], name="correction_transaction"),
            models.Index(
                fields=["charge_point", "claimed_transaction_id", "-id"],
                condition=Q(transaction__isnull=True),
                name="correction_unmatched",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.by}: {self.step} {self.transaction_id or self.claimed_transaction_id}"
