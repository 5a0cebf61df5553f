"""Callbacks: where the outcome of a command shall be posted, and how far that has come."""

from django.db import models

from chargers.models import Command
from csms.core.access.models import ApiToken


class Callback(models.Model):
    """The URL that a program gave with a command, and the attempts to post the outcome there."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for the outcome"
        PENDING = "pending", "Being delivered"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed for good"
        GAVE_UP = "gave_up", "Given up"

    OPEN = (State.WAITING, State.PENDING)

    command = models.OneToOneField(Command, models.PROTECT, primary_key=True, related_name="callback")
    token = models.ForeignKey(ApiToken, models.PROTECT, related_name="+", help_text="who ordered, and signs")
    url = models.TextField(help_text="as it may be shown: without what lets in whoever has it")
    sealed = models.TextField(help_text="the whole URL, sealed")
    origin = models.CharField(max_length=300, help_text="scheme, host and port: one receiver")
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, help_text="when the command had its outcome")
    attempts = models.PositiveIntegerField(default=0)
    attempts_before = models.PositiveIntegerField(
        default=0, help_text="the attempts of earlier series; who asks to try again begins a new one"
    )
    next_at = models.DateTimeField(null=True, help_text="when the next attempt is due")
    leased_until = models.DateTimeField(
        null=True, help_text="an attempt is being made; if it has not ended by then its process was lost"
    )

    # The last attempt that ended.
    last_at = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True, help_text="of HTTP; empty without an answer")
    last_error = models.TextField(blank=True, help_text="why there was no answer, or why it is over")
    last_excerpt = models.TextField(blank=True, help_text="the beginning of the answer's body")
    last_latency_ms = models.PositiveIntegerField(null=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], name="callback_due", condition=models.Q(state="pending")),
        ]

    def __str__(self) -> str:
        return f"{self.origin} {self.state}"
