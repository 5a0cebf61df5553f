"""Signed readings, byte for byte: whoever checks a bill checks these, and we change nothing of them."""

from typing import Any

from django.db import models

from chargers.models import ChargePoint
from csms.core.bulk_tables import BulkTable
from csms.core.ids import uuid7
from transactions.models import Transaction


class SignedReading(models.Model):
    """One signed meter value as it came (2.0.1, 2.45), with the public key that belongs to it as far as known."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    transaction = models.ForeignKey(
        Transaction,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="signed_readings",
    )
    charge_point = models.ForeignKey(ChargePoint, models.DO_NOTHING, db_constraint=False, db_index=False)
    evse_number = models.PositiveIntegerField(null=True)
    sampled_at = models.DateTimeField(help_text="claimed if believable, else when it was received")
    context = models.CharField(max_length=32, blank=True)
    measurand = models.CharField(max_length=64, blank=True)
    data = models.TextField(help_text="signedMeterData as it came")
    signing_method = models.TextField(blank=True)
    encoding_method = models.TextField(blank=True)
    public_key = models.TextField(blank=True, help_text="as it came with the value; empty if none did")
    meter_value_id = models.UUIDField(null=True, help_text="of the reading that it came with")

    class Meta:
        indexes = [
            models.Index(fields=["charge_point", "id"], name="signedreading_cp"),
            models.Index(
                fields=["transaction", "id"],
                name="signedreading_tx",
                condition=models.Q(transaction__isnull=False),
            ),
            # Many values come without the key, which was told once.
            models.Index(
                fields=["charge_point", "evse_number", "id"],
                name="signedreading_key",
                condition=~models.Q(public_key=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sampled_at:%Y-%m-%d %H:%M:%S} {self.encoding_method}"


def _columns(model: Any) -> tuple[str, ...]:
    return tuple(field.name for field in model._meta.local_concrete_fields)


SIGNED_READINGS = BulkTable(SignedReading, _columns(SignedReading))
