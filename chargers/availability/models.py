"""Whether connectors should be in service, apart from what charge points report."""

from django.db import models

from chargers.models import ChargePoint
from chargers.own_evse import OwnEvse


class AvailabilityIntent(models.Model):
    """What an operator last wanted of a connector, an EVSE or the whole charge point (number 0). It survives reboots.

    Of a whole EVSE `evse_connector` is 0, and `connector_number` that of its first connector.
    """

    class Answer(models.TextChoices):
        NONE = "", "No answer"
        ACCEPTED = "accepted", "Accepted"
        SCHEDULED = "scheduled", "Accepted for the end of the transaction"
        REFUSED = "refused", "Refused"

    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="availability_intents")
    connector_number = models.PositiveIntegerField()
    evse_number = OwnEvse(help_text="0 = the whole charge point")
    evse_connector = OwnEvse(counted=True, help_text="within its EVSE, from 1; 0 = all of it")
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
                fields=["charge_point", "evse_number", "evse_connector"], name="availability_of_place"
            )
        ]
        ordering = ["evse_number", "evse_connector"]

    def __str__(self) -> str:
        return f"{self.connector_number} {'operative' if self.operative else 'inoperative'}"

    @property
    def number(self) -> int:
        """The number by which its place is known where nobody told of EVSEs."""
        return self.connector_number
