"""What somebody must know of, from the moment its condition holds until it no longer does."""

from typing import Any

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
    evse_number = models.PositiveIntegerField(
        null=True, help_text="as OCPP 2.x has it, 0 = the station itself; empty in 1.6"
    )
    evse_connector = models.PositiveIntegerField(
        null=True, help_text="within its EVSE, 0 = all of it; empty in 1.6"
    )
    text = models.TextField(help_text="for people; as it was when it began")
    state = models.CharField(max_length=12, choices=State.choices)
    began_at = models.DateTimeField(help_text="since when the condition holds")
    fired_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    resolved_at = models.DateTimeField(null=True, help_text="empty while it is open")
    resolved_by = models.CharField(max_length=150, blank=True, help_text="empty: its condition ended")

    # What tells it from others: see `alerts.labels`.
    name = models.CharField(max_length=100, blank=True, help_text="the name of its rule when it began")
    labels: Any = models.JSONField(default=dict, help_text="what is known of its subject: name -> value")

    # Who looks after it.
    assignee = models.CharField(max_length=150, blank=True)

    # Flapping: the condition goes and comes again within the time its rule keeps it for.
    times = models.PositiveIntegerField(default=1, help_text="how often its condition began")
    holds_since = models.DateTimeField(null=True, help_text="when it began the last time; empty: the first")
    gone_since = models.DateTimeField(
        null=True, help_text="when its condition was first seen to be away; it may come again"
    )
    dismissed = models.BooleanField(
        default=False, help_text="resolved by hand, and its condition has held ever since: it is no new alert"
    )
    ends_at = models.DateTimeField(null=True, help_text="of a happening: when it is over, if nothing ends it")

    # Why nobody is told of it. Ids, not foreign keys: what they name may be gone.
    inhibited_by = models.UUIDField(null=True, help_text="the alert that makes it quiet")
    silenced_by = models.UUIDField(null=True, help_text="the silence that makes it quiet")

    incident = models.ForeignKey(
        "alert_incidents.Incident", models.PROTECT, null=True, related_name="alerts", db_index=False
    )

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
            models.Index(
                fields=["incident", "id"],
                name="alert_of_incident",
                condition=models.Q(incident__isnull=False),
            ),
            models.Index(fields=["id"], name="alert_dismissed", condition=models.Q(dismissed=True)),
            models.Index(
                fields=["ends_at"],
                name="alert_ends",
                condition=models.Q(resolved_at=None, ends_at__isnull=False),
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
        AGAIN = "again", "The condition was away for a moment, and is back"
        ASSIGNED = "assigned", "Somebody was asked to look after it"
        NOTED = "noted", "Somebody wrote something down"
        JOINED = "joined", "It belongs to an incident"
        TOLD = "told", "Somebody was told"
        ESCALATED = "escalated", "Others were told, since nobody looked after it"
        QUIET = "quiet", "Nobody is told, for the time being"
        LOUD = "loud", "It is quiet no longer"
        RESOLVED = "resolved", "It is over"

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


class LastWord(models.Model):
    """The last word that events said of a subject of happenings, so that the same again is no edge."""

    id = models.BigAutoField(primary_key=True)
    subject = models.CharField(max_length=200, unique=True)
    word = models.CharField(max_length=100)
    at = models.DateTimeField(help_text="by the event that said it")
    cp_id = models.CharField(max_length=255, blank=True, help_text="the charge point it is about, if any")

    class Meta:
        indexes = [
            models.Index(fields=["at"], name="lastword_at"),
            models.Index(fields=["cp_id"], name="lastword_cp"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.word}"
