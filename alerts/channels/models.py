"""Channels, and which alerts they are told of."""

from typing import Any

from django.db import models

from csms.core.ids import uuid7

NAME_MAX = 100
BROKEN_AFTER = 3  # failures in a row
STATES = ("working", "failing", "broken", "disabled")


class Kind(models.TextChoices):
    """By what a channel tells people; `alerts.transports.table` has one of each."""

    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    PUSHOVER = "pushover", "Pushover"
    WEBHOOK = "webhook", "Webhook"
    TELEGRAM = "telegram", "Telegram"
    TEAMS = "teams", "Microsoft Teams"


def every_day() -> list[int]:
    """Return the days of a week, 0 = Monday."""
    return list(range(7))


class Channel(models.Model):
    """Where alerts go. One of them is the default: it is told of what no rule sends elsewhere."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=NAME_MAX, unique=True)
    config: Any = models.JSONField(default=dict, help_text="what is no secret")
    shown: Any = models.JSONField(default=dict, help_text="secrets as they may be shown: name -> mask")
    sealed = models.TextField(blank=True, help_text="the secrets, sealed")
    enabled = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)

    # When it is told.
    zone = models.CharField(
        max_length=64, blank=True, help_text="in which its people live; empty: that of the house"
    )
    quiet_days: Any = models.JSONField(
        default=every_day, help_text="days on which its quiet hours begin, 0 = Monday"
    )
    quiet_from = models.TimeField(null=True, help_text="empty: it has no quiet hours")
    quiet_until = models.TimeField(null=True, help_text="on the next day, if it is not later")
    critical_in_quiet = models.BooleanField(default=True, help_text="critical alerts pass in quiet hours")
    per_hour = models.PositiveIntegerField(
        default=60, help_text="messages an hour beyond which what is not critical is gathered; 0 = no bound"
    )
    digest_minutes = models.PositiveIntegerField(
        default=0, help_text="what is not critical is gathered for so long; 0 = it is told at once"
    )

    # How well that goes. Written by whoever sends.
    failures = models.PositiveIntegerField(default=0, help_text="attempts that failed since the last success")
    failing_since = models.DateTimeField(null=True, help_text="the first of them")
    last_error = models.TextField(blank=True, help_text="of the last attempt that failed")
    probe_at = models.DateTimeField(null=True, help_text="it is broken, and left alone until then")
    sent_at = models.DateTimeField(null=True, help_text="when it last took a message")

    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], name="channel_default_once", condition=models.Q(is_default=True)
            ),
            models.CheckConstraint(
                name="channel_default_enabled",
                condition=models.Q(is_default=False) | models.Q(enabled=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_broken(self) -> bool:
        """Whether the last attempts all failed."""
        return self.failures >= BROKEN_AFTER

    @property
    def state(self) -> str:
        """Return in a word how it is: one of STATES."""
        if not self.enabled:
            return "disabled"
        return "broken" if self.is_broken else "failing" if self.failures else "working"

    @property
    def shown_config(self) -> dict[str, Any]:
        """Return what it is given to send with, as it may be shown."""
        return dict(self.config) | dict(self.shown)


class Step(models.Model):
    """A channel that is told of a rule's alerts: at once, or after a time in which nobody acknowledged."""

    rule = models.CharField(
        max_length=64, help_text="the slug; a rule without steps at 0 goes to the default"
    )
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="steps")
    after_minutes = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rule", "channel", "after_minutes"], name="channel_step_once")
        ]
        indexes = [models.Index(fields=["rule", "after_minutes"], name="channel_step")]

    def __str__(self) -> str:
        return f"{self.rule} {self.after_minutes}"
