"""Tariffs, where they hold, and what transactions cost by them."""

from decimal import Decimal
from typing import Any

from django.db import models

from chargers.models import ChargePoint
from csms.core.ids import uuid7
from transactions.models import Transaction
from transactions.tariffs.pricing import Prices


class Amount(models.BigIntegerField):  # type: ignore[type-arg]
    """An amount of money, kept as ten-thousandths: sums are exact, also on SQLite, whose decimals are floats."""

    def from_db_value(self, value: int | None, *_: Any) -> Decimal | None:
        """Return the amount."""
        return None if value is None else Decimal(value).scaleb(-4)

    def get_prep_value(self, value: Any) -> Any:
        """Return the whole number that is stored. Raises ValueError for an amount that has more decimals."""
        if value is None:
            return None
        units = Decimal(value).scaleb(4)
        if units != units.to_integral_value():
            raise ValueError(f"{value} has more than four decimals")
        return int(units)


class Tariff(models.Model):
    """Prices without tax. What has been charged keeps the prices of its time: `Cost.prices`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100, unique=True)
    currency = models.CharField(max_length=3, help_text="ISO 4217")
    energy_price = models.DecimalField(max_digits=12, decimal_places=4, default=0, help_text="per kWh")
    charging_price = models.DecimalField(
        max_digits=12, decimal_places=4, default=0, help_text="per hour of charging"
    )
    parking_price = models.DecimalField(
        max_digits=12, decimal_places=4, default=0, help_text="per hour of parking"
    )
    parking_grace_seconds = models.PositiveIntegerField(default=0, help_text="parking that costs nothing")
    session_price = models.DecimalField(max_digits=12, decimal_places=4, default=0, help_text="per session")
    tax_percent = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name

    def prices(self) -> Prices:
        """Return the prices."""
        return Prices(
            self.currency,
            energy=self.energy_price,
            charging=self.charging_price,
            parking=self.parking_price,
            session=self.session_price,
            tax_percent=self.tax_percent,
            parking_grace_seconds=self.parking_grace_seconds,
        )


class Assignment(models.Model):
    """Where a tariff holds, for transactions that start at or after a time: a charge point, a site, or everywhere."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tariff = models.ForeignKey(Tariff, models.PROTECT, related_name="assignments")
    charge_point = models.ForeignKey(
        ChargePoint, models.PROTECT, null=True, related_name="+", help_text="empty: not for one alone"
    )
    site = models.CharField(max_length=100, blank=True, help_text="empty: not for one site alone")
    valid_from = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["site", "valid_from"], name="assignment_site")]

    def __str__(self) -> str:
        return f"{self.tariff_id} {self.charge_point_id or self.site or 'everywhere'}"


class Cost(models.Model):
    """What an ended transaction cost, with the prices and the quantities that it was made of."""

    transaction = models.OneToOneField(Transaction, models.PROTECT, primary_key=True, related_name="cost")
    tariff = models.ForeignKey(Tariff, models.PROTECT, related_name="+")
    prices = models.JSONField(help_text="those that it was priced by, in text")
    currency = models.CharField(max_length=3)
    energy_wh = models.BigIntegerField(null=True)
    charging_seconds = models.PositiveIntegerField()
    parking_seconds = models.PositiveIntegerField()
    components = models.JSONField(default=list)
    net = Amount()
    tax = Amount()
    total = Amount()
    priced_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.total} {self.currency}"


class LiveCost(models.Model):
    """What the driver of a running transaction was last told at the charge point that it costs so far."""

    class Via(models.TextChoices):
        ANSWER = "answer", "In the answer to an event"
        COMMAND = "command", "By CostUpdated"

    transaction = models.OneToOneField(
        Transaction, models.PROTECT, primary_key=True, related_name="live_cost"
    )
    total = Amount(null=True, help_text="empty: nothing was told yet")
    currency = models.CharField(max_length=3, blank=True)
    told_at = models.DateTimeField(null=True)
    via = models.CharField(max_length=8, choices=Via.choices, blank=True)
    looked_at = models.DateTimeField(help_text="when it was last reckoned, told or not")
    prices_told = models.CharField(
        max_length=512, blank=True, help_text="the prices as the driver knows them; another text is news"
    )

    class Meta:
        indexes = [models.Index(fields=["looked_at"], name="livecost_looked_at")]

    def __str__(self) -> str:
        return f"{self.total} {self.currency}"
