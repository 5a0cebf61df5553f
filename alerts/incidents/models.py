"""Alerts that fire together and share something."""

from django.db import models

from csms.core.ids import uuid7


class Shared(models.TextChoices):
    """What alerts of an incident may share."""

    SITE = "site", "Site"
    MODEL = "model", "Model"
    FIRMWARE = "firmware", "Firmware"
    NETWORK = "network", "Block of addresses"
    PROCESS = "process", "Server process"


class Incident(models.Model):
    """Its alerts name it (`Alert.incident`); it is over when the last of them is resolved."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    label = models.CharField(max_length=8, choices=Shared.choices)
    value = models.CharField(
        max_length=200, help_text="what they share; of a charge point's words the beginning"
    )
    began_at = models.DateTimeField(help_text="when the first of its alerts fired")
    joined_at = models.DateTimeField(help_text="when the last of its alerts joined")
    ended_at = models.DateTimeField(null=True)
    # What spoke for it when it was found.
    sharing = models.PositiveIntegerField(help_text="charge points with alerts that share it")
    alerting = models.PositiveIntegerField(help_text="charge points whose alerts fired then")
    fleet_sharing = models.PositiveIntegerField(help_text="charge points in service that share it")
    fleet = models.PositiveIntegerField(help_text="charge points in service")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["label", "value"], name="incident_once", condition=models.Q(ended_at=None)
            )
        ]
        indexes = [models.Index(fields=["-began_at", "-id"], name="incident_began")]

    def __str__(self) -> str:
        return f"{self.label} {self.value}"
