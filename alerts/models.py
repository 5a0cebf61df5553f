"""What somebody must know of, from the moment its condition holds until it no longer does."""

from django.db import models

from chargers.models import ChargePoint
from csms.core.ids import uuid7

TEXT_MAX = 500  # characters; part of a text may be a charge point's own words


class Severity(models.TextChoices):
    """How soon somebody must look."""

    CRITICAL = "critical", "Now: a driver cannot charge"
    WARNING = "warning", "Today"
    INFO = "info", "When there is time"


class Alert(models.Model):
    """One condition of one subject, from its beginning to its end. What begins anew is a new alert."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending: not for long enough yet"
        FIRING = "firing", "Firing"
        ACKNOWLEDGED = "acknowledged", "Acknowledged: it lasts, and somebody looks after it"
        RESOLVED = "resolved", "Resolved"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    rule = models.CharField(max_length=64, help_text="its name in the table of rules")
    severity = models.CharField(max_length=8, choices=Severity.choices)
    subject = models.CharField(
        max_length=200, help_text="what it is about, in a word: a rule has one open alert for it"
    )
    charge_point = models.ForeignKey(
        ChargePoint, models.PROTECT, null=True, related_name="alerts", db_index=False
    )
    connector_number = models.PositiveIntegerField(null=True, help_text="0 = the station itself")
    text = models.TextField(help_text="for people; as it was when it began")
    state = models.CharField(max_length=12, choices=State.choices)
    began_at = models.DateTimeField(help_text="since when the condition holds")
    fired_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    resolved_at = models.DateTimeField(null=True, help_text="empty while it is open")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject"], name="alert_once", condition=models.Q(resolved_at=None)
            )
        ]
        indexes = [
            models.Index(
                fields=["severity", "state"], name="alert_open", condition=models.Q(resolved_at=None)
            ),
            # In the order of the list.
            models.Index(fields=["-began_at", "-id"], name="alert_began"),
            models.Index(
                fields=["-began_at", "-id"], name="alert_open_began", condition=models.Q(resolved_at=None)
            ),
            models.Index(fields=["charge_point", "-began_at", "-id"], name="alert_of_cp"),
            models.Index(fields=["rule", "-began_at", "-id"], name="alert_of_rule"),
            models.Index(fields=["severity", "-began_at", "-id"], name="alert_of_severity"),
            models.Index(
                fields=["-fired_at", "-id"], name="alert_fired", condition=models.Q(fired_at__isnull=False)
            ),
            models.Index(
                fields=["-resolved_at", "-id"],
                name="alert_resolved",
                condition=models.Q(resolved_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.subject}: {self.state}"


class AlertEntry(models.Model):
    """A line in the timeline of an alert that has fired."""

    class What(models.TextChoices):
        """What happened."""

        BEGAN = "began", "The condition began"
        FIRED = "fired", "It had lasted long enough"
        ACKNOWLEDGED = "acknowledged", "Somebody looks after it"
        RESOLVED = "resolved", "The condition ended"

    alert = models.ForeignKey(Alert, models.PROTECT, related_name="timeline", db_index=False)
    at = models.DateTimeField()
    what = models.CharField(max_length=12, choices=What.choices)
    by = models.CharField(max_length=150, blank=True, help_text="empty for the clock")
    note = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "alert entries"
        ordering = ["id"]
        indexes = [models.Index(fields=["alert", "id"], name="alertentry_alert")]

    def __str__(self) -> str:
        return self.what


class Evaluation(models.Model):
    """When the conditions were last looked at. Its one row is also the lock under which alerts change."""

    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"
