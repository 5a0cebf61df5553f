"""What charge points are set to, what they should be set to, and where the two differ."""

from contextlib import suppress
from typing import cast

from django.db import models

from chargers.device_model.models import Variable
from chargers.models import ChargePoint
from chargers.protocol.redaction import MASK
from csms.core.ids import uuid7
from csms.core.sealing import seal, unseal


class ConfigurationKey(models.Model):
    """What a charge point is set to under one name, as it reported it last. Values of secret ones are never kept.

    In 1.6 that is a configuration key, in 2.x an attribute of a variable; its name is an address then.
    """

    class Mutability(models.TextChoices):
        READ_ONLY = "ReadOnly", "Can be read"
        WRITE_ONLY = "WriteOnly", "Can be set"
        READ_WRITE = "ReadWrite", "Can be read and set"

    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="configuration_keys")
    variable = models.ForeignKey(Variable, models.PROTECT, null=True, related_name="attributes")
    attribute = models.CharField(
        max_length=8,
        blank=True,
        default="",
        db_default="",
        help_text="Actual, Target, MinSet or MaxSet; empty for a key of 1.6",
    )
    mutability = models.CharField(
        max_length=9, choices=Mutability.choices, blank=True, default="", db_default=""
    )
    persistent = models.BooleanField(null=True, help_text="whether it outlasts a boot; empty while untold")
    constant = models.BooleanField(null=True, help_text="whether it never changes; empty while untold")
    name = models.CharField(max_length=255, help_text="as the charge point spells it")
    folded = models.CharField(max_length=255, help_text="the name without regard to case")
    value = models.TextField(null=True, blank=True, help_text="empty if it was not told, or is secret")
    readonly = models.BooleanField(null=True, help_text="empty while it has not been reported")
    known = models.BooleanField(default=True, help_text="whether the charge point knows the key")
    reported_at = models.DateTimeField(null=True)

    # The last change that it was told and took, until the value was read back.
    told_value = models.TextField(null=True, blank=True)
    told_by = models.UUIDField(null=True, help_text="the command of that change")
    needs_reboot = models.BooleanField(default=False, help_text="the change counts after its next boot")
    set_at = models.DateTimeField(
        null=True, help_text="when it took a value that is not kept, being secret or one that cannot be read"
    )
    refused_value = models.TextField(null=True, blank=True, help_text="the last value that it refused")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["charge_point", "folded"], name="configuration_key")]
        ordering = ["folded"]

    def __str__(self) -> str:
        return self.name


class ConfigurationChange(models.Model):
    """A configuration key that changed its value, and by which command, if by one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.DO_NOTHING, db_constraint=False, db_index=False)
    name = models.CharField(max_length=255)
    old_value = models.TextField(null=True)
    new_value = models.TextField(null=True)
    at = models.DateTimeField()
    command_id = models.UUIDField(null=True)

    class Meta:
        indexes = [models.Index(fields=["charge_point", "id"], name="configurationchange_cp")]

    def __str__(self) -> str:
        return self.name


class DesiredValue(models.Model):
    """What a key should be: of one charge point, or of all of a model. That of the charge point goes before."""

    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, null=True, related_name="desired_values")
    vendor = models.TextField(blank=True, help_text="of a model; as charge points say it at boot")
    model = models.TextField(blank=True)
    name = models.CharField(max_length=255)
    folded = models.CharField(max_length=255)
    value = models.TextField(blank=True, help_text="masked where it is sealed")
    sealed = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="the value of what can only be set, under the secret key",
    )
    by = models.CharField(max_length=150)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point", "folded"],
                condition=models.Q(charge_point__isnull=False),
                name="desired_of_charge_point",
            ),
            models.UniqueConstraint(
                fields=["vendor", "model", "folded"],
                condition=models.Q(charge_point=None),
                name="desired_of_model",
            ),
        ]
        ordering = ["folded"]

    def __str__(self) -> str:
        return f"{self.name}={self.value}"

    @property
    def wanted(self) -> str | None:
        """The value itself, for whoever sets it; None where it was sealed under another key."""
        if not self.sealed:
            return self.value
        with suppress(ValueError):
            return cast(str, unseal(self.sealed)["value"])
        return None

    def seal(self) -> None:
        """Keep the value as what nobody may see (T-028)."""
        self.value, self.sealed = MASK, seal({"value": self.value})


class ConfigurationReading(models.Model):
    """When the whole configuration of a charge point was read, and what it tells of what it can do."""

    charge_point = models.OneToOneField(
        ChargePoint, models.PROTECT, primary_key=True, related_name="configuration_reading"
    )
    stale = models.BooleanField(
        default=True,
        db_default=True,
        help_text="whether all of it is to be read, in 2.x; else only what was changed or is desired",
    )
    due_at = models.DateTimeField(null=True, db_index=True, help_text="when it is to be read after its boot")
    asked_at = models.DateTimeField(null=True, help_text="when it was last asked for after a boot")
    apply_after = models.UUIDField(
        null=True, help_text="the command whose answer is followed by changes to what is desired"
    )
    read_at = models.DateTimeField(null=True)
    keys_at_once = models.PositiveIntegerField(
        null=True, help_text="keys that it lists in one answer; empty = not told"
    )
    feature_profiles = models.JSONField(null=True, help_text="that it says to support; empty = not told")

    def __str__(self) -> str:
        return f"{self.charge_point_id} at {self.read_at}"


class BootReport(models.Model):
    """A boot that told other facts than the one before: serial number, firmware, model (S-03)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.DO_NOTHING, db_constraint=False, db_index=False)
    at = models.DateTimeField()
    changes = models.JSONField(help_text="fact -> [before, now]")

    class Meta:
        indexes = [models.Index(fields=["charge_point", "id"], name="bootreport_cp")]

    def __str__(self) -> str:
        return ", ".join(self.changes)
