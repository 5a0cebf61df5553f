"""What is known of charge points, their connections and the orders given to them.

History outlives its subject: nothing here cascades. A charge point is retired, never deleted, and the time series
(`Frame`, `StatusReport`) have time-sorted ids and no database constraint on their parents, so that they can be
partitioned by id and dropped by age.
"""

from django.conf import settings
from django.db import models
from django.db.models.functions import Upper

from chargers.connection_models import Connection as Connection
from chargers.connection_models import Process as Process
from chargers.connection_models import RefusedHandshake as RefusedHandshake
from chargers.own_evse import OwnEvse
from chargers.standing import Provisioning as Provisioning
from chargers.standing import Registration as Registration
from chargers.standing import in_standing as in_standing
from chargers.standing import standing_of
from csms.core.bulk_tables import BulkTable
from csms.core.ids import uuid7

CLOCK_OFF_SECONDS = 300


def _columns(model: type[models.Model]) -> tuple[str, ...]:
    """Return all fields of a model, in the order in which it names them: that of the values of its rows."""
    return tuple(field.name for field in model._meta.local_concrete_fields)


class ChargePoint(models.Model):
    """A charge point (the charging station of OCPP 2.x) under its identity `cp_id`."""

    cp_id = models.CharField("identity", max_length=48, unique=True)
    name = models.CharField(max_length=100, blank=True)
    registration = models.CharField(max_length=16, choices=Registration.choices, default=Registration.PENDING)
    own_registration = models.CharField(
        max_length=16,
        choices=Registration.choices,
        blank=True,
        help_text="what was said here, where the backend has said otherwise; empty: the same",
    )
    retired_at = models.DateTimeField(null=True, blank=True)
    password_hash = models.CharField(max_length=200, blank=True)
    next_password_hash = models.CharField(
        max_length=200, blank=True, help_text="of a password that it was told; it counts once it is proven"
    )
    security_profile = models.PositiveSmallIntegerField(
        default=0, help_text="the highest security profile it connected with; lower ones are refused since"
    )
    created_at = models.DateTimeField()
    site = models.CharField(max_length=100, blank=True, db_index=True, help_text="where it stands")
    labels = models.JSONField(default=dict, blank=True, help_text="for people and programs: name -> value")

    # What the charge point said of itself at its last boot (whole, however long).
    vendor = models.TextField(blank=True)
    model = models.TextField(blank=True)
    serial_number = models.TextField(blank=True)
    firmware_version = models.TextField(blank=True)
    iccid = models.TextField(blank=True)
    imsi = models.TextField(blank=True)
    meter_type = models.TextField(blank=True)
    meter_serial_number = models.TextField(blank=True)
    booted_at = models.DateTimeField(null=True, blank=True)
    boot_reason = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="why it booted last, in OCPP's words; empty in 1.6",
    )
    boot_refused = models.BooleanField(
        default=False, db_default=False, help_text="whether the backend had its last boot answered Rejected"
    )
    provisioning = models.CharField(
        max_length=8, choices=Provisioning.choices, blank=True, default="", db_default=""
    )
    certificate_ended = models.BooleanField(
        default=False,
        db_default=False,
        help_text="whether it last connected with a client certificate that had ended, to have it renewed",
    )

    lacking = models.JSONField(
        default=dict,
        blank=True,
        help_text="commands that it seems not to know, and why: slug -> why -> sentence",
    )

    # How far its clock is off, by the times in its live messages; stored now and then while it is connected.
    clock_skew_seconds = models.IntegerField(
        null=True, blank=True, help_text="ahead of ours; negative when behind; empty while unknown"
    )
    clock_measured_at = models.DateTimeField(null=True, blank=True)

    # The wire. `connection_id` names the connection that holds the charge point now; see `connections.py`.
    connection_id = models.UUIDField(null=True, blank=True, db_index=True)
    protocol = models.CharField(max_length=16, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Charge points differ in case from what was registered; two that differ only in case would be one.
            models.UniqueConstraint(Upper("cp_id"), name="chargepoint_cp_id_caseless"),
        ]
        # On PostgreSQL there is one on `labels`, too: migration 0008. There is none on `last_seen_at` on purpose: while
        # no index has it, writing it every few seconds for every charge point touches no index.
        indexes = [
            models.Index(Upper("site"), name="chargepoint_site_caseless"),
            models.Index(fields=["name", "id"], name="chargepoint_name"),
            # The few that no sum counts.
            models.Index(
                fields=["id"],
                condition=models.Q(retired_at__isnull=False) | models.Q(registration=Registration.REJECTED),
                name="chargepoint_left_out",
            ),
            models.Index(
                fields=["id"], condition=models.Q(certificate_ended=True), name="chargepoint_renews"
            ),
        ]

    def __str__(self) -> str:
        return self.cp_id

    @property
    def standing(self) -> str:
        """How it is answered and served: one that is set up, or renewed, waits, though people have accepted it."""
        return standing_of(self.registration, self.provisioning, certificate_ended=self.certificate_ended)

    def warning(self, command: str) -> str | None:
        """Return why it seems not to know a command; what it answered says more than what it lists."""
        why: dict[str, str] = self.lacking.get(command, {})
        return why.get("answer") or why.get("profile")

    @property
    def clock_is_off(self) -> bool:
        """Whether its clock is so far off that its times mislead people."""
        return self.clock_skew_seconds is not None and abs(self.clock_skew_seconds) > CLOCK_OFF_SECONDS


class ConnectorStatus(models.TextChoices):
    """OCPP 1.6, 7.7 ChargePointStatus. Unknown words are stored as they came."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class Connector(models.Model):
    """The last known state of a connector; number 0 is the station itself (1.6, 7.7).

    `number` is the house's own for the outlet, in 1.6 its connectorId; nothing is read from it. `status` is what
    comes of the reported word and of what a transaction tells; in 1.6 both words are the same.
    """

    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="connectors")
    number = models.PositiveIntegerField()
    label = models.CharField(
        max_length=100, blank=True, help_text="for people, such as what the box is called"
    )
    evse_number = OwnEvse(help_text="0 = the station itself")
    evse_connector = OwnEvse(counted=True, help_text="within its EVSE, from 1")
    connector_type = models.CharField(
        max_length=20,
        blank=True,
        default="",
        db_default="",
        help_text="in OCPP's words, such as cCCS2; empty while unknown",
    )
    status = models.CharField(max_length=64, blank=True)
    reported = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="the status as it was told"
    )
    activity = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="what a transaction tells of it; empty in 1.6, and without a car",
    )
    error_code = models.CharField(max_length=64, blank=True)
    info = models.TextField(blank=True)
    vendor_id = models.TextField(blank=True)
    vendor_error_code = models.TextField(blank=True)
    status_at = models.DateTimeField(null=True, blank=True, help_text="by the charge point's clock")
    received_at = models.DateTimeField(null=True, blank=True, help_text="by our clock")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["charge_point", "number"], name="connector_number"),
            models.UniqueConstraint(
                fields=["charge_point", "evse_number", "evse_connector"], name="connector_place"
            ),
        ]
        ordering = ["number"]
        indexes = [
            models.Index(fields=["status"], name="connector_status"),
            # The few that are at fault. The condition is that of `selectors.FAULT` word for word, or PostgreSQL does
            # not see that it fits.
            models.Index(
                fields=["charge_point"],
                condition=models.Q(status="Faulted") | ~models.Q(error_code__in=["", "NoError"]),
                name="connector_fault",
            ),
            models.Index(fields=["status_at", "id"], name="connector_status_at"),
            models.Index(fields=["received_at", "id"], name="connector_received_at"),
        ]

    def __str__(self) -> str:
        return f"{self.charge_point_id}/{self.number}"


class StatusReport(models.Model):
    """One StatusNotification as it came: the history of connectors."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.DO_NOTHING, db_constraint=False, db_index=False)
    connector_number = models.PositiveIntegerField()
    status = models.CharField(max_length=64, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    info = models.TextField(blank=True)
    vendor_id = models.TextField(blank=True)
    vendor_error_code = models.TextField(blank=True)
    status_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["charge_point", "id"], name="statusreport_cp")]

    def __str__(self) -> str:
        return f"{self.status} {self.error_code}"


STATUS_REPORTS = BulkTable(StatusReport, _columns(StatusReport))


class Frame(models.Model):
    """One OCPP frame as it went over the wire, secrets masked. The answers in it also serve repeated calls."""

    class Direction(models.TextChoices):
        IN = "in", "from the charge point"
        OUT = "out", "to the charge point"

    class Verdict(models.TextChoices):
        OK = "ok", "as the standard has it"
        DEVIANT = "deviant", "read in spite of deviations"
        REPEAT = "repeat", "repeated, answered as before"
        REFUSED = "refused", "answered with an error"
        LATE = "late", "came after its time"
        IGNORED = "ignored", "could not be used"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.DO_NOTHING, db_constraint=False, db_index=False)
    connection_id = models.UUIDField()
    at = models.DateTimeField()
    direction = models.CharField(max_length=3, choices=Direction.choices)
    kind = models.PositiveSmallIntegerField(
        null=True, help_text="2 CALL, 3 CALLRESULT, 4 CALLERROR; empty if unreadable"
    )
    message_id = models.TextField(blank=True)
    action = models.TextField(blank=True)
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    notes = models.TextField(blank=True)
    latency_us = models.PositiveBigIntegerField(
        null=True, help_text="of an answer: microseconds since its CALL"
    )
    text = models.TextField()

    class Meta:
        indexes = [
            models.Index(fields=["charge_point", "id"], name="frame_cp"),
            # Of few frames, so that the others cost nothing.
            models.Index(fields=["id"], condition=~models.Q(verdict="ok"), name="frame_not_ok"),
            models.Index(
                fields=["charge_point", "id"], condition=~models.Q(verdict="ok"), name="frame_cp_not_ok"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.action}"


FRAMES = BulkTable(Frame, _columns(Frame))


class Command(models.Model):
    """An order to a charge point, and what became of it. Its answer and its effect are two facts."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENT = "sent", "Sent"
        ACCEPTED = "accepted", "Accepted"
        REJECTED = "rejected", "Rejected"
        FAILED = "failed", "Failed"
        TIMED_OUT = "timed_out", "Timed out"
        EXPIRED = "expired", "Expired"
        CANCELLED = "cancelled", "Cancelled"

    OPEN = (Status.QUEUED, Status.SENT)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="commands")
    type = models.CharField(max_length=48)
    params = models.JSONField(default=dict)
    exact = models.JSONField(
        null=True,
        help_text="the payload that was ordered word for word, secrets masked; empty for our own words",
    )
    sealed = models.TextField(blank=True, help_text="its secret parameters, sealed; empty once it was sent")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    by = models.CharField(max_length=150, help_text="who ordered it, as text: a person, a token, the system")
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    not_before = models.DateTimeField(null=True, help_text="is not sent earlier")
    expires_at = models.DateTimeField()
    may_wait = models.BooleanField(
        default=False, help_text="may wait for the charge point to come back online"
    )
    sent_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)

    # The wire.
    connection_id = models.UUIDField(null=True)
    message_id = models.CharField(max_length=36, blank=True)
    action = models.CharField(max_length=64, blank=True)
    payload = models.JSONField(null=True)
    answer = models.JSONField(null=True)
    answer_status = models.CharField(max_length=64, blank=True, help_text="the charge point's own word")
    answer_reason = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="its code for why, in 2.x (statusInfo); empty where it gave none",
    )
    answer_info = models.TextField(
        blank=True, default="", db_default="", help_text="what it said beside that code"
    )
    error_code = models.CharField(max_length=64, blank=True)
    error_description = models.TextField(blank=True)
    error_details = models.JSONField(null=True)
    late_answer = models.TextField(blank=True)
    late_at = models.DateTimeField(null=True)

    # What was seen to follow, e.g. the transaction that started.
    effect = models.TextField(blank=True)
    effect_kind = models.CharField(max_length=24, blank=True, help_text="what shows the effect")
    effect_subject = models.CharField(max_length=64, blank=True, help_text="the id of what shows the effect")
    effect_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # Ids are sorted by time. Each filter of the ledger has an index in its order: newest first.
            models.Index(fields=["charge_point", "-id"], name="command_of_cp"),
            models.Index(fields=["type", "-id"], name="command_of_type"),
            models.Index(fields=["status", "-id"], name="command_of_status"),
            models.Index(fields=["by", "-id"], name="command_of_author"),
            # In the order of the ledger, for who asks for what was seen to follow.
            models.Index(
                fields=["-id"], name="command_effect_seen", condition=models.Q(effect_at__isnull=False)
            ),
            models.Index(
                fields=["status", "expires_at"],
                name="command_open",
                condition=models.Q(status__in=["queued", "sent"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.status}"
