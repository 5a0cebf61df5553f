"""Who may charge, what was charged, and the readings that prove it.

A transaction keeps what the charge point claimed beside what we made of it, and is never deleted. Readings have
time-sorted ids and no database constraint on their parents, so that they can be partitioned by id.
"""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models.functions import Upper

from chargers.models import ChargePoint
from csms.core.bulk_tables import BulkTable
from csms.core.id_tokens import known_as
from csms.core.ids import uuid7
from transactions.verdict_rules import Rule
from transactions.words import ANOMALIES as ANOMALIES
from transactions.words import EVIDENCE as EVIDENCE

CANONICAL_MAX = 3 * 255  # no letter has more than three for its capital


class CanonicalToken(models.CharField):  # type: ignore[type-arg]
    """The form of `id_token` that is compared; unless given, made of it when it is written, whoever writes it."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the canonical form of the row's token."""
        row: Any = model_instance
        kind = getattr(row, "token_type", "") or getattr(row, "type", "")
        value = getattr(model_instance, self.attname) or known_as(row.id_token, kind)
        setattr(model_instance, self.attname, value)
        return value


class Duration(models.BigIntegerField):  # type: ignore[type-arg]
    """The whole seconds from start to end; made of both when the row is written, whoever writes it."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the seconds; None while there is no end."""
        begun, ended = model_instance.started_at, model_instance.stopped_at  # type: ignore[attr-defined]
        value = None if ended is None else int((ended - begun).total_seconds())
        setattr(model_instance, self.attname, value)
        return value


class IdToken(models.Model):
    """A driver's means of identification (the idTag of 1.6), kept as given and compared in its canonical form."""

    id_token = models.CharField("token", max_length=255)
    type = models.CharField(
        max_length=20,
        blank=True,
        default="",
        db_default="",
        help_text="in the words of OCPP 2.x, such as ISO14443; empty = any, as in 1.6",
    )
    canonical = CanonicalToken(max_length=CANONICAL_MAX, editable=False)
    evses = models.JSONField(
        default=list, db_default=[], blank=True, help_text="the EVSEs that it may use, by number; none = all"
    )
    language = models.CharField(
        max_length=8,
        blank=True,
        default="",
        db_default="",
        help_text="of its driver (RFC 5646); empty = unknown",
    )
    personal_message = models.CharField(
        max_length=512,
        blank=True,
        default="",
        db_default="",
        help_text="that the charge point shows its driver",
    )
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
        constraints = [models.UniqueConstraint(fields=["canonical", "type"], name="idtoken_canonical_type")]

    def __str__(self) -> str:
        return self.id_token


class UnknownToken(models.Model):
    """A token that nobody registered and that was used to charge all the same, until an operator admits it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    id_token = models.CharField("token", max_length=255, help_text="as it was first sent")
    canonical = CanonicalToken(max_length=CANONICAL_MAX, editable=False)
    charge_point = models.ForeignKey(
        ChargePoint, models.PROTECT, related_name="+", help_text="where it was last seen"
    )
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["canonical"], name="unknowntoken_canonical")]

    def __str__(self) -> str:
        return self.id_token


SORTED = {"stopped": "stopped_at", "energy": "energy_wh", "duration": "duration_seconds"}
RARE = {
    "orphan": models.Q(orphan=True),
    "offline": models.Q(offline=True),
    "odd": ~models.Q(anomalies=[]),
    "reserved": models.Q(reservation_id__isnull=False),
    "inferred": models.Q(end_source="inferred"),
}


class Transaction(models.Model):
    """One charging session, from the claim of its start to the claim of its end."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        ENDED = "ended", "Ended"

    class EndSource(models.TextChoices):
        REPORTED = "reported", "Reported by the charge point"
        INFERRED = "inferred", "Inferred from what else was seen"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Where the protocol lets us choose the id (1.6): random, so that nobody can guess another's; never reused.
    number = models.PositiveIntegerField(null=True, unique=True)
    transaction_id = models.CharField(max_length=36, help_text="the id on the wire")
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="transactions")
    wire_generation = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text="how often its id had been used before; a station may count anew after a boot",
    )
    connector_number = models.PositiveIntegerField(null=True)
    evse_number = models.PositiveIntegerField(null=True, help_text="as OCPP 2.x numbers it; empty in 1.6")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ACTIVE)
    id_token = models.CharField(max_length=255, blank=True, help_text="as the charge point gave it")
    token_key = CanonicalToken(
        max_length=CANONICAL_MAX, blank=True, help_text="the driver's token in the form that is compared"
    )
    token_type = models.CharField(
        max_length=20, blank=True, default="", db_default="", help_text="in OCPP's words; empty in 1.6"
    )
    authorization = models.CharField(
        max_length=32, blank=True, help_text="our verdict on the token at the start"
    )
    authorization_rule = models.CharField(
        max_length=16,
        choices=Rule.choices,
        blank=True,
        default="",
        db_default="",
        help_text="what decided it",
    )
    reservation_id = models.IntegerField(null=True)
    remote_start_id = models.PositiveIntegerField(null=True, help_text="of the remote start that it followed")

    # What its numbered events tell (2.x); empty in 1.6.
    charging_state = models.CharField(
        max_length=20, blank=True, default="", db_default="", help_text="the last, in OCPP's words"
    )
    seconds_charging = models.PositiveIntegerField(null=True, help_text="as the charge point counted them")
    meter_begin_seen = models.BooleanField(
        default=False,
        db_default=False,
        help_text="its meter at the start was told as such (Transaction.Begin)",
    )
    last_seq = models.PositiveIntegerField(null=True, help_text="the highest number of its events")
    gaps = models.JSONField(default=list, db_default=[], help_text="numbers of events that have not come")
    waits_until = models.DateTimeField(
        null=True, help_text="until when missing events are waited for; empty = nothing is missing"
    )

    # Claimed by the charge point's clock and meter; received by our clock. Wh are whole.
    started_at = models.DateTimeField(help_text="claimed if believable, else when it was received")
    start_received_at = models.DateTimeField(null=True)
    meter_start_wh = models.BigIntegerField(null=True)
    stopped_at = models.DateTimeField(null=True)
    stop_received_at = models.DateTimeField(null=True)
    meter_stop_wh = models.BigIntegerField(null=True)
    energy_wh = models.BigIntegerField(null=True, help_text="what is to be billed, once it has ended")
    duration_seconds = Duration(null=True, editable=False, help_text="from start to end, once it has ended")
    stop_reason = models.CharField(max_length=64, blank=True)
    stop_id_token = models.CharField(max_length=255, blank=True)

    # Evidence is not an end: after a grace the transaction is closed by it, until the real end comes (quirk X4).
    end_seen_at = models.DateTimeField(null=True, help_text="since when something says that it is over")
    end_evidence = models.CharField(
        max_length=16, blank=True, help_text="what says so, in words from EVIDENCE"
    )
    end_source = models.CharField(max_length=8, choices=EndSource.choices, blank=True)
    inferred_end = models.JSONField(
        null=True, help_text="the end as inferred, also once the real one replaced it"
    )

    claimed_transaction_id = models.CharField(
        max_length=36, blank=True, help_text="the id that its stop carried, when that was not its own"
    )
    offline = models.BooleanField(
        default=False, help_text="its start or its end was told long after it happened"
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
            # Ids of 2.x are compared without regard to case, and may come again after a boot (quirk X9).
            models.UniqueConstraint(
                Upper("transaction_id"), "charge_point", "wire_generation", name="transaction_wire_id"
            )
        ]
        indexes = [
            models.Index(fields=["charge_point", "transaction_id"], name="transaction_wire_id_exact"),
            models.Index(
                fields=["waits_until"],
                condition=models.Q(waits_until__isnull=False),
                name="transaction_waits",
            ),
            models.Index(fields=["-started_at", "-id"], name="transaction_started"),
            models.Index(fields=["charge_point", "-started_at"], name="transaction_cp"),
            models.Index(
                fields=["charge_point"], condition=models.Q(status="active"), name="transaction_active"
            ),
            # In the order of the list. The oldest of them come after all that ended since, which no one should read.
            models.Index(
                fields=["-started_at", "-id"],
                condition=models.Q(status="active"),
                name="transaction_active_started",
            ),
            models.Index(fields=["token_key", "-started_at", "-id"], name="transaction_token_started"),
            models.Index(
                fields=["end_seen_at"],
                condition=models.Q(end_seen_at__isnull=False),
                name="transaction_end_seen",
            ),
            models.Index(
                fields=["stopped_at"],
                condition=models.Q(end_source="inferred"),
                name="transaction_inferred_stop",
            ),
            # What lists are sorted by, of those that have a value.
            *(
                models.Index(
                    fields=[f"-{column}", "-id"],
                    condition=models.Q(**{f"{column}__isnull": False}),
                    name=f"transaction_{name}",
                )
                for name, column in SORTED.items()
            ),
            # What is rare among many, in the order of the list.
            *(
                models.Index(fields=["-started_at", "-id"], condition=condition, name=f"transaction_{name}")
                for name, condition in RARE.items()
            ),
        ]

    def __str__(self) -> str:
        return self.transaction_id

    began_before: datetime | None = None
    """Its start as it was read; a start that is told after the end may have given it another since."""

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> "Transaction":
        row = super().from_db(*args, **kwargs)
        row.began_before = row.__dict__.get("started_at")
        return row


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
    offline = models.BooleanField(default=False, help_text="it was told long after it was measured")
    context = models.CharField(max_length=32, blank=True, help_text="empty = Sample.Periodic")
    energy_wh = models.BigIntegerField(null=True)
    power_w = models.FloatField(null=True)
    power_derived = models.BooleanField(
        default=False, help_text="the power is current by voltage, since none was reported"
    )
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
            # The few that came with the id of a transaction that nobody knows.
            models.Index(
                fields=["id"],
                name="metervalue_unmatched",
                condition=models.Q(transaction__isnull=True) & ~models.Q(claimed_transaction_id=""),
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
        "offline",
        "context",
        "energy_wh",
        "power_w",
        "power_derived",
        "current_a",
        "voltage_v",
        "soc_percent",
        "samples",
    ),
)
