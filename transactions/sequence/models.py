"""The numbered events of transactions of OCPP 2.x, as they came: the ledger that tells what is missing."""

from typing import Any

from django.db import models

from chargers.models import ChargePoint
from csms.core.bulk_tables import BulkTable
from csms.core.ids import uuid7
from transactions.models import CANONICAL_MAX, Transaction

READING = ("MeterValueClock", "MeterValuePeriodic")
"""What triggers events that bring nothing but readings."""
BRINGS_READINGS = models.Q(kind="Updated", twin=0, token_type="", trigger__in=READING)


class TransactionEvent(models.Model):
    """One TransactionEvent. Its words and readings are in the frame and in `MeterValue`; here is what orders it.

    A second event of one number that says something else is a twin, and is kept beside the first.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    transaction = models.ForeignKey(
        Transaction, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="events"
    )
    charge_point = models.ForeignKey(ChargePoint, models.DO_NOTHING, db_constraint=False, db_index=False)
    seq_no = models.PositiveIntegerField(null=True, help_text="empty where it carried no usable number")
    twin = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField(max_length=16, help_text="Started, Updated or Ended")
    trigger = models.CharField(max_length=64, blank=True, help_text="in OCPP's words")
    charging_state = models.CharField(max_length=20, blank=True)
    stopped_reason = models.CharField(max_length=64, blank=True)
    occurred_at = models.DateTimeField(help_text="claimed if believable, else when it was received")
    claimed_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    offline = models.BooleanField(default=False)
    evse_number = models.PositiveIntegerField(null=True)
    evse_connector = models.PositiveIntegerField(null=True)
    token_key = models.CharField(max_length=CANONICAL_MAX, blank=True)
    token_type = models.CharField(max_length=20, blank=True)
    remote_start_id = models.PositiveIntegerField(null=True)
    reservation_id = models.PositiveIntegerField(null=True)
    fingerprint = models.CharField(max_length=32, help_text="of what it said, in hex: a repeat says the same")
    answer = models.TextField(null=True, help_text="JSON: what it was answered, for repeats; empty for {}")
    frame_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["transaction", "seq_no", "twin"], name="transactionevent_number")
        ]
        indexes = [
            models.Index(fields=["charge_point", "id"], name="transactionevent_cp"),
            # Those that go with their frames, so that those which stay for ever are not looked at each hour.
            models.Index(fields=["id"], name="transactionevent_readings", condition=BRINGS_READINGS),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq_no}"


def _columns(model: Any) -> tuple[str, ...]:
    return tuple(field.name for field in model._meta.local_concrete_fields)


TRANSACTION_EVENTS = BulkTable(TransactionEvent, _columns(TransactionEvent))
