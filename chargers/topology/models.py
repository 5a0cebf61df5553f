"""The EVSEs of charge points, of which each charges one car at a time by one of its connectors."""

from django.db import models

from chargers.models import ChargePoint


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

    class Meta:
        verbose_name = "EVSE"
        constraints = [models.UniqueConstraint(fields=["charge_point", "number"], name="evse_number")]
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.charge_point_id}/{self.number}"
