"""Who may charge, what was charged, and the readings that prove it.

A transaction keeps what the charge point claimed beside what we made of it, and is never deleted. Readings have
time-sorted ids and no database constraint on their parents, so that they can be partitioned by id.
"""

from django.db import models
from django.db.models.functions import Upper

from chargers.models import ChargePoint
from csms.core.ids import uuid7
from csms.core.writer import BulkTable


class IdToken(models.Model):
    """A driver's means of identification (the idTag of 1.6). Compared without regard to case (CiString)."""

    id_token = models.CharField("token", max_length=255)
    label = models.CharField(max_length=100, blank=True, help_text="whose it is; for people")
    parent = models.CharField(
        max_length=255, blank=True, help_text="the group whose members may stop each other's"
    )
    blocked = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    max_active = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="transactions at a time; empty = no limit"
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(Upper("id_token"), name="idtoken_caseless")]

    def __str__(self) -> str:
        return self.id_token


class Transaction(models.Model):
    """One charging session, from the claim of its start to the claim of its end."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        ENDED = "ended", "Ended"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Where the protocol lets us choose the id (1.6): random, so that nobody can guess another's; never reused.
    number = models.PositiveIntegerField(null=True, unique=True)
    transaction_id = models.CharField(max_length=36, help_text="the id on the wire")
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="transactions")
    connector_number = models.PositiveIntegerField(null=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ACTIVE)
    id_token = models.CharField(max_length=255, blank=True, help_text="as the charge point gave it")
    authorization = models.CharField(
        max_length=32, blank=True, help_text="our verdict on the token at the start"
    )
    reservation_id = models.IntegerField(null=True)

    # Claimed by the charge point's clock and meter; received by our clock. Wh are whole.
    started_at = models.DateTimeField(help_text="claimed if believable, else when it was received")
    start_received_at = models.DateTimeField(null=True)
    meter_start_wh = models.BigIntegerField(null=True)
    stopped_at = models.DateTimeField(null=True)
    stop_received_at = models.DateTimeField(null=True)
    meter_stop_wh = models.BigIntegerField(null=True)
    energy_wh = models.BigIntegerField(null=True, help_text="what is to be billed, once it has ended")
    stop_reason = models.CharField(max_length=64, blank=True)
    stop_id_token = models.CharField(max_length=255, blank=True)

    claimed_transaction_id = models.CharField(
        max_length=36, blank=True, help_text="the id that its stop carried, when that was not its own"
    )
    orphan = models.BooleanField(default=False, help_text="known only from its end")
    superseded = models.BooleanField(
        default=False, help_text="another started on its connector while it was open; see ANOMALIES"
    )
    anomalies = models.JSONField(default=list, help_text="what was odd, in words from ANOMALIES")
    raw_start = models.TextField(blank=True)
    raw_stop = models.TextField(blank=True, help_text="a JSON list once a different end was claimed")
    # A retry says the same again: the natural keys make it find the first.
    start_key = models.CharField(max_length=64, null=True, unique=True)
    stop_key = models.CharField(max_length=64, null=True, unique=True)
    differing_stop_keys = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["charge_point", "transaction_id"], name="transaction_wire_id")
        ]
        indexes = [
            models.Index(fields=["-started_at", "-id"], name="transaction_started"),
            models.Index(fields=["charge_point", "-started_at"], name="transaction_cp"),
            models.Index(
                fields=["charge_point"], condition=models.Q(status="active"), name="transaction_active"
            ),
            models.Index(Upper("id_token"), name="transaction_token"),
        ]

    def __str__(self) -> str:
        return self.transaction_id

    @property
    def duration_seconds(self) -> float | None:
        """Seconds from start to end; None while it is active."""
        return (self.stopped_at - self.started_at).total_seconds() if self.stopped_at else None


# Words of Transaction.anomalies and what they mean to a person.
ANOMALIES: dict[str, str] = {
    "start_lost": "Only its end was reported; the start never came.",
    "start_after_stop": "Its start was reported after its end.",
    "matched_by_evidence": "The stop carried no usable transaction id and was matched by token, time and meter.",
    "meter_stop_below_start": "The meter at the end was below the meter at the start; the last reading was used.",
    "meter_stop_missing": "The end carried no meter value of its own; the last reading was used.",
    "meter_start_missing": "The start carried no meter value.",
    "meter_unbelievable": "A meter value at the start or the end was beyond what any meter counts and is not used.",
    "stop_before_start": "The end was dated before the start; the time of receipt was used.",
    "start_time_unusable": "The start carried no usable time; the time of receipt was used.",
    "stop_time_unusable": "The end carried no usable time; the time of receipt was used.",
    "superseded": (
        "Another transaction started on the connector before an end of this one was reported. It stays open, since "
        "its end may still come, but it does not count as charging, nor towards the limit of its token."
    ),
    "started_on_busy_connector": "It started while another transaction was still open on the connector.",
    "reservation_not_held": "Its start named a reservation that is not known here, or was over.",
    "reserved_for_another": "It started on a connector that was reserved for another token.",
    "stop_differs": "A different end was reported later; the first stands, and both claims are kept.",
}


class MeterValue(models.Model):
    """One reading: what the meter said at one moment, its main figures extracted, every raw sample kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.DO_NOTHING, db_constraint=False, db_index=False)
    connector_number = models.PositiveIntegerField()
    transaction = models.ForeignKey(
        Transaction, models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    claimed_transaction_id = models.CharField(
        max_length=36,
        blank=True,
        help_text="the id it came with, when that was not the id of its transaction",
    )
    sampled_at = models.DateTimeField(help_text="claimed if believable, else when it was received")
    received_at = models.DateTimeField()
    context = models.CharField(max_length=32, blank=True, help_text="empty = Sample.Periodic")
    energy_wh = models.BigIntegerField(null=True)
    power_w = models.FloatField(null=True)
    current_a = models.FloatField(null=True)
    voltage_v = models.FloatField(null=True)
    soc_percent = models.FloatField(null=True)
    samples = models.TextField(help_text="JSON: the sampled values as they came")

    class Meta:
        indexes = [
            models.Index(fields=["charge_point", "id"], name="metervalue_cp"),
            models.Index(
                fields=["transaction", "id"],
                name="metervalue_tx",
                condition=models.Q(transaction__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sampled_at:%Y-%m-%d %H:%M:%S} {self.energy_wh} Wh"


METER_VALUES = BulkTable(
    MeterValue,
    (
        "id",
        "charge_point",
        "connector_number",
        "transaction",
        "claimed_transaction_id",
        "sampled_at",
        "received_at",
        "context",
        "energy_wh",
        "power_w",
        "current_a",
        "voltage_v",
        "soc_percent",
        "samples",
    ),
)
