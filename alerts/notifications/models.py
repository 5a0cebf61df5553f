"""What channels were told, or shall be."""

from django.db import models

from alerts.channels.models import Channel
from alerts.models import Severity
from csms.core.ids import uuid7

DIGEST = "digest"  # the bundle of what is gathered


class Notification(models.Model):
    """One message to one channel, and the attempts to send it. It outlives the channel and the alerts."""

    class Kind(models.TextChoices):
        FIRED = "fired", "Alerts fired"
        RESOLVED = "resolved", "Alerts are over"
        DIGEST = "digest", "What was gathered"
        ESCALATED = "escalated", "Alerts that nobody looks after"
        REMINDER = "reminder", "Alerts that fire and are quiet no longer"
        TEST = "test", "A test"

    class State(models.TextChoices):
        PLANNED = "planned", "Planned: it waits for its time, or for another attempt"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed: given up"
        SUPPRESSED = "suppressed", "Suppressed: it was not to be told"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    # Its indexes are those below.
    channel = models.ForeignKey(
        Channel, models.SET_NULL, null=True, related_name="notifications", db_index=False
    )
    channel_name = models.CharField(max_length=100)
    severity = models.CharField(
        max_length=8, choices=Severity.choices, help_text="of the worst of its alerts"
    )
    bundle = models.CharField(
        max_length=100, blank=True, help_text="alerts of the same join it while it waits"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    why = models.TextField(blank=True, help_text="why it was suppressed, or given up")
    created_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True, help_text="when the next attempt is due")
    attempts = models.PositiveIntegerField(default=0)
    leased_until = models.DateTimeField(
        null=True, help_text="an attempt is being made; if it has not ended by then its process was lost"
    )

    # The last attempt that ended.
    last_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True, help_text="of HTTP or SMTP; empty without an answer")
    latency_ms = models.PositiveIntegerField(null=True)
    outcome = models.TextField(blank=True, help_text="what the receiver answered, or why there was no answer")
    sent_at = models.DateTimeField(null=True)
    # As it was said.
    title = models.TextField(blank=True)
    text = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["channel", "next_at"], name="notification_due", condition=models.Q(state="planned")
            ),
            models.Index(
                fields=["channel", "-sent_at"],
                name="notification_sent",
                condition=models.Q(sent_at__isnull=False),
            ),
            models.Index(fields=["channel", "-id"], name="notification_log"),
            models.Index(fields=["state", "-id"], name="notification_state"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.channel_name}: {self.state}"


class Part(models.Model):
    """An alert that a notification tells of. Its id, not a foreign key: alerts are pruned by themselves."""

    class What(models.TextChoices):
        """What is told of it."""

        FIRED = "fired", "It fired"
        RESOLVED = "resolved", "It is over"

    notification = models.ForeignKey(Notification, models.CASCADE, related_name="parts", db_index=False)
    alert_id = models.UUIDField()
    what = models.CharField(max_length=8, choices=What.choices)
    after_minutes = models.PositiveIntegerField(default=0, help_text="of an escalation: which step it was")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["notification", "alert_id", "what", "after_minutes"], name="part_once"
            )
        ]
        indexes = [models.Index(fields=["alert_id", "what"], name="part_of_alert")]

    def __str__(self) -> str:
        return f"{self.what} {self.alert_id}"
