"""Charging that belongs to no transaction."""

from django.db import models

from chargers.models import ChargePoint
from csms.core.ids import uuid7


class UnexplainedCharging(models.Model):
    """A time in which a connector was reported as Charging and no transaction of it was known (quirk X6)."""

    class End(models.TextChoices):
        TRANSACTION = "transaction", "A transaction was reported after all"
        STATUS = "status", "The connector no longer charges"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="unexplained_charging")
    connector_number = models.PositiveIntegerField()
    since = models.DateTimeField(help_text="when Charging was reported")
    noticed_at = models.DateTimeField()
    command_id = models.UUIDField(null=True, help_text="the accepted remote start that may have begun it")
    register_first_wh = models.BigIntegerField(null=True, help_text="of the readings without a transaction")
    register_last_wh = models.BigIntegerField(null=True)
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=11, choices=End.choices, blank=True)

    class Meta:
        verbose_name_plural = "unexplained charging"
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point", "connector_number"],
                name="unexplained_once",
                condition=models.Q(ended_at=None),
            )
        ]
        indexes = [models.Index(fields=["charge_point", "-id"], name="unexplained_cp")]

    def __str__(self) -> str:
        return f"{self.charge_point_id}/{self.connector_number} since {self.since:%Y-%m-%d %H:%M:%S}"

    @property
    def energy_wh(self) -> int | None:
        """Wh by which the register rose meanwhile, as far as it was read; None without a reading."""
        if self.register_first_wh is None or self.register_last_wh is None:
            return None
        return self.register_last_wh - self.register_first_wh
