"""What was seen of the power of a charge point, and what follows from that and from what is said of it."""

from django.db import models

from chargers.models import ChargePoint


class Rating(models.Model):
    """The current and power of one charge point, each with where it comes from; what nobody says stays empty."""

    class Supply(models.TextChoices):
        AC = "AC", "AC"
        DC = "DC", "DC"
        BOTH = "AC+DC", "AC and DC"

    class Source(models.TextChoices):
        TRAIT = "trait", "said of it or its model by people"
        CONFIGURATION = "configuration", "its reported configuration"
        OFFERED = "offered", "what it says to offer"
        READINGS = "readings", "its readings: at least so much"

    charge_point = models.OneToOneField(ChargePoint, models.PROTECT, primary_key=True, related_name="rating")
    supply = models.CharField(max_length=5, choices=Supply.choices, blank=True)
    supply_source = models.CharField(max_length=13, choices=Source.choices, blank=True)
    power_w = models.PositiveIntegerField(null=True)
    power_source = models.CharField(max_length=13, choices=Source.choices, blank=True)
    phases = models.PositiveSmallIntegerField(null=True)
    evidence = models.JSONField(default=list, help_text="[fact, value, source, what says so]")
    judged_at = models.DateTimeField(null=True)

    # The highest of its readings since it is known.
    seen_power_w = models.PositiveIntegerField(null=True)
    seen_voltage_v = models.PositiveIntegerField(null=True)
    seen_phases = models.PositiveSmallIntegerField(null=True)
    offered_w = models.PositiveIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["judged_at"], name="rating_judged"),
            models.Index(fields=["supply"], name="rating_supply"),
        ]

    def __str__(self) -> str:
        return f"{self.supply or '?'} {self.power_w or '?'} W"
