"""How charge points were set up before they were accepted, step by step."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q

from chargers.models import ChargePoint
from csms.core.ids import uuid7


class ProvisioningRun(models.Model):
    """One time that a charge point was set up: from its first boot until it may be accepted."""

    class State(models.TextChoices):
        RUNNING = "running", "Is being set up"
        DONE = "done", "Set up"
        LATE = "late", "Accepted, since its time was over"
        SKIPPED = "skipped", "Accepted by hand"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="provisioning_runs")
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    step = models.CharField(max_length=16, help_text="a slug of `steps.STEPS`")
    step_at = models.DateTimeField(null=True, help_text="when its commands were given; empty before")
    waits_for = models.JSONField(default=list, help_text="ids of the commands of the step")
    tries = models.PositiveSmallIntegerField(default=0, help_text="of the step, since lines break")
    booted_at = models.DateTimeField(null=True, help_text="when it booted last during the run")
    started_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="when it is accepted all the same")
    finished_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True, help_text="why it did not come to its end")
    steps = models.JSONField(default=list, help_text="what became of the steps that are over")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point"], condition=Q(state="running"), name="provisioning_one_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["charge_point", "id"], name="provisioning_of_cp")]

    def __str__(self) -> str:
        return f"{self.charge_point_id} {self.state}"

    @property
    def over(self) -> list[dict[str, Any]]:
        """The steps that are over, with the time of each."""
        return [{**noted, "at": datetime.fromisoformat(noted["at"])} for noted in self.steps]
