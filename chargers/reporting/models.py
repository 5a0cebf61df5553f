"""Reports that charge points send in several messages, kept until they are whole, and the numbers they are told by."""

from typing import Any

from django.db import models

from chargers.models import ChargePoint
from csms.core.ids import uuid7


class NumberSeries(models.Model):
    """Numbers of which a charge point is never given one twice: of reports, of remote starts."""

    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="number_series")
    series = models.CharField(max_length=16)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "number series"
        constraints = [models.UniqueConstraint(fields=["charge_point", "series"], name="number_series")]

    def __str__(self) -> str:
        return f"{self.series} {self.last}"


class Report(models.Model):
    """A report of a charge point, from its request until all its parts were used together."""

    class State(models.TextChoices):
        ASKED = "asked", "Asked for"
        COLLECTING = "collecting", "Its parts come in"
        WHOLE = "whole", "Whole"
        INCOMPLETE = "incomplete", "Parts are missing"
        REFUSED = "refused", "Refused"
        EMPTY = "empty", "There is nothing to report"

    OPEN = (State.ASKED, State.COLLECTING)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="reports")
    kind = models.CharField(max_length=24, help_text="a word from OCPP_REPORTS")
    about = models.CharField(
        max_length=100,
        blank=True,
        help_text="what was asked for, such as FullInventory; empty if nobody asked",
    )
    request_id = models.PositiveIntegerField(help_text="by which its messages name it")
    command_id = models.UUIDField(
        null=True, help_text="that asked for it; empty for one that nobody asked for"
    )
    repeats = models.UUIDField(
        null=True, help_text="the report with missing parts that was asked for once more by this one"
    )
    size = models.PositiveIntegerField(default=0, help_text="bytes of the parts that were kept")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    asked_at = models.DateTimeField(null=True)
    generated_at = models.DateTimeField(null=True, help_text="by the charge point's clock")
    last_at = models.DateTimeField(null=True, help_text="when the last part came")
    due_at = models.DateTimeField(
        null=True, help_text="when it counts as incomplete, unless more of it comes"
    )
    applied_at = models.DateTimeField(null=True, help_text="when what it says was taken over")
    outcome = models.TextField(blank=True, help_text="what came of it when it was used")
    problem = models.TextField(blank=True, help_text="why it could not be used, or which parts are missing")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["charge_point", "kind", "request_id"], name="report_request")
        ]
        indexes = [
            models.Index(fields=["charge_point", "-id"], name="report_cp"),
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="report_due"),
            models.Index(
                fields=["last_at"],
                condition=models.Q(state="whole", applied_at__isnull=True),
                name="report_to_apply",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.request_id}"


class ReportPart(models.Model):
    """One message of a report, as it came; gone once the report was used."""

    report = models.ForeignKey(Report, models.PROTECT, related_name="parts")
    seq_no = models.PositiveIntegerField()
    more = models.BooleanField(help_text="whether it says that another one follows")
    payload: Any = models.JSONField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["report", "seq_no"], name="report_part")]
        ordering = ["seq_no"]

    def __str__(self) -> str:
        return f"{self.report_id} {self.seq_no}"
