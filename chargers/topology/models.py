"""The EVSEs of charge points, of which each charges one car at a time by one of its connectors, and their events."""

from django.db import models

from chargers.models import ChargePoint
from csms.core.ids import uuid7


class Evse(models.Model):
    """What is known of an EVSE beside its connectors; one of 1.6 has no row unless a person said something of it."""

    class Known(models.TextChoices):
        REPORT = "report", "Told in a report"
        STATUS = "status", "A status was reported"
        TOLD = "told", "A person told"
        IMPLIED = "implied", "Named by something else"

    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="evses")
    number = models.PositiveIntegerField(help_text="from 1; as OCPP 2.x numbers it")
    label = models.CharField(
        max_length=100, blank=True, help_text="for people, such as what the bay is called"
    )
    max_power_w = models.PositiveIntegerField(null=True, help_text="that it says it can give; W")
    supply = models.CharField(max_length=8, blank=True, help_text="AC, DC or AC+DC; empty while unknown")
    phases = models.PositiveSmallIntegerField(null=True)
    status = models.CharField(
        max_length=64, blank=True, help_text="that it reported of itself, beside its connectors"
    )
    status_at = models.DateTimeField(null=True)
    operative = models.BooleanField(null=True, help_text="as it last said; empty while unknown")
    known_from = models.CharField(max_length=8, choices=Known.choices)
    gone_at = models.DateTimeField(null=True, help_text="since when its reports list it no more")

    class Meta:
        verbose_name = "EVSE"
        constraints = [models.UniqueConstraint(fields=["charge_point", "number"], name="evse_number")]
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.charge_point_id}/{self.number}"


class DeviceEvent(models.Model):
    """One event of a component of a charge point (2.0.1, NotifyEvent), as it was told; each once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.DO_NOTHING, db_constraint=False, db_index=False)
    event_id = models.PositiveIntegerField(help_text="the charge point's own; it may count anew after a boot")
    happened_at = models.DateTimeField(help_text="by the charge point's clock, if believable, else by ours")
    received_at = models.DateTimeField(help_text="by our clock")
    component = models.CharField(max_length=50)
    component_instance = models.CharField(max_length=50, blank=True)
    evse_number = models.PositiveIntegerField(null=True)
    evse_connector = models.PositiveIntegerField(null=True)
    variable = models.CharField(max_length=50)
    variable_instance = models.CharField(max_length=50, blank=True)
    value = models.TextField(blank=True)
    trigger = models.CharField(max_length=32, help_text="Alerting, Delta or Periodic")
    kind = models.CharField(max_length=32, blank=True, help_text="what noticed it, in OCPP's words")
    problem = models.BooleanField(
        null=True,
        help_text="whether it says that something is wrong, or no longer; empty if it is about neither",
    )
    cleared = models.BooleanField(null=True)
    cause = models.PositiveIntegerField(null=True, help_text="the event that it follows from")
    tech_code = models.CharField(max_length=50, blank=True)
    tech_info = models.TextField(blank=True)
    transaction_id = models.CharField(max_length=36, blank=True, help_text="the id on the wire")
    monitoring_id = models.PositiveIntegerField(null=True, help_text="of the monitor that noticed it")
    generated_at = models.DateTimeField(null=True, help_text="of the report that it was told with")
    part = models.PositiveIntegerField(default=0, help_text="of that report, from 0")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point", "event_id", "happened_at"], name="device_event_once"
            )
        ]
        indexes = [models.Index(fields=["charge_point", "-id"], name="device_event_cp")]

    def __str__(self) -> str:
        return f"{self.component}/{self.variable} {self.value[:40]}"
