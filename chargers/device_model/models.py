"""What a charge point of OCPP 2.x is made of, as it reported it. What its variables are set to is among the settings.

The value of each attribute is a `ConfigurationKey` under its address, so that what is desired, what differs, history
and pages are the same for both versions.
"""

from typing import Any

from django.db import models

from chargers.models import ChargePoint


class Component(models.Model):
    """A component of a charge point, perhaps of one EVSE or connector."""

    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="components")
    name = models.CharField(max_length=50, help_text="as the charge point spells it")
    instance = models.CharField(max_length=50, blank=True)
    evse_number = models.PositiveIntegerField(null=True)
    evse_connector = models.PositiveIntegerField(null=True)
    key = models.CharField(max_length=255, help_text="its part of an address, without regard to case")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["charge_point", "key"], name="component_key")]
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key


class Variable(models.Model):
    """A variable of a component, and what was told of the values that it takes."""

    component = models.ForeignKey(Component, models.PROTECT, related_name="variables")
    name = models.CharField(max_length=50, help_text="as the charge point spells it")
    instance = models.CharField(max_length=50, blank=True)
    key = models.CharField(max_length=255, help_text="its part of an address, without regard to case")
    data_type = models.CharField(max_length=20, blank=True, help_text="in OCPP's words; empty while untold")
    unit = models.CharField(max_length=16, blank=True)
    min_limit = models.DecimalField(max_digits=30, decimal_places=9, null=True)
    max_limit = models.DecimalField(max_digits=30, decimal_places=9, null=True)
    values_list = models.TextField(blank=True, help_text="that it takes, with commas; empty = any")
    supports_monitoring = models.BooleanField(null=True)
    told: Any = models.JSONField(
        default=dict, help_text="the characteristics as they came, also what none of the above can hold"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["component", "key"], name="variable_key")]
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key
