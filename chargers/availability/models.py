"""Whether connectors should be in service, apart from what charge points report."""

from django.db import models

from chargers.models import ChargePoint


class AvailabilityIntent(models.Model):
    """What an operator last wanted of a connector; number 0 is the whole charge point. It survives reboots."""

    class Answer(models.TextChoices):
        NONE = "", "No answer"
        ACCEPTED = "accepted", "Accepted"
        SCHEDULED = "scheduled", "Accepted for the end of the transaction"
        REFUSED = "refused", "Refused"

    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="availability_intents")
    connector_number = models.PositiveIntegerField()
    operative = models.BooleanField()
    by = models.CharField(max_length=150)
    command_id = models.UUIDField()
    ordered_at = models.DateTimeField()
    answer = models.CharField(max_length=16, choices=Answer.choices, blank=True)
    answered_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True, help_text="when a status first showed it")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point", "connector_number"], name="availability_of_connector"
            )
        ]
        ordering = ["connector_number"]

    def __str__(self) -> str:
        return f"{self.connector_number} {'operative' if self.operative else 'inoperative'}"
