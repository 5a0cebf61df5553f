"""What is peculiar to a model or a single charge point, and what deviations were seen."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Upper

from chargers.traits.values import BadTrait, checked

PATTERN = "`*` stands for any text, `?` for one character; case does not matter"


def check_traits(value: Any) -> None:
    """Raise ValidationError for traits that are unknown or have no such value; for forms."""
    try:
        checked(value)
    except BadTrait as error:
        raise ValidationError(str(error)) from error


class TraitsRow(models.Model):
    """Traits that were said of something; those that were not said are absent."""

    traits = models.JSONField(default=dict, validators=[check_traits], help_text="name of the trait -> value")
    note = models.TextField(blank=True, help_text="why, for people")
    changed_at = models.DateTimeField()

    class Meta:
        abstract = True


class ModelTraits(TraitsRow):
    """The traits of all charge points whose boot fits three patterns; more exact patterns prevail."""

    vendor = models.CharField(max_length=100, help_text=PATTERN)
    model = models.CharField(max_length=100, default="*", help_text=PATTERN)
    firmware = models.CharField(max_length=100, default="*", help_text=PATTERN)

    class Meta:
        verbose_name_plural = "model traits"
        constraints = [
            models.UniqueConstraint(
                Upper("vendor"), Upper("model"), Upper("firmware"), name="modeltraits_patterns"
            )
        ]

    def __str__(self) -> str:
        return f"{self.vendor} {self.model} {self.firmware}"


class ChargePointTraits(TraitsRow):
    """The traits of one charge point, which prevail over those of its model."""

    charge_point = models.OneToOneField(
        "chargers.ChargePoint", models.PROTECT, primary_key=True, related_name="own_traits"
    )

    class Meta:
        verbose_name_plural = "charge point traits"

    def __str__(self) -> str:
        return f"traits of {self.charge_point_id}"


class IdentityAlias(models.Model):
    """Another identity under which a charge point connects, such as one with its serial number appended (quirk I3)."""

    identity = models.CharField(max_length=48, unique=True)
    charge_point = models.ForeignKey("chargers.ChargePoint", models.PROTECT, related_name="aliases")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "identity aliases"
        constraints = [models.UniqueConstraint(Upper("identity"), name="identityalias_caseless")]

    def __str__(self) -> str:
        return self.identity


class Deviation(models.Model):
    """One kind of deviation from the standard, counted over all charge points of a model and firmware."""

    vendor = models.CharField(max_length=100)
    model = models.CharField(max_length=100)
    firmware = models.CharField(max_length=100)
    action = models.CharField(max_length=64, help_text="empty for a frame that names none")
    field = models.CharField(max_length=150, help_text="empty for what concerns the whole frame")
    rule = models.CharField(max_length=200, help_text="what was found, without the values")
    verdict = models.CharField(max_length=8, help_text="what was done with the frame")
    key = models.CharField(max_length=32, unique=True, editable=False, help_text="of all of the above")
    count = models.PositiveBigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)
    last_cp_id = models.CharField("last example, charge point", max_length=48)
    last_frame_id = models.UUIDField("last example, frame")

    class Meta:
        indexes = [models.Index(fields=["vendor", "model", "firmware"], name="deviation_model")]

    def __str__(self) -> str:
        return f"{self.action} {self.field}: {self.rule}"
