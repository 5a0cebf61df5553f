"""The queue of what the backend is to be told of sessions, until it has taken it or that was given up."""

from datetime import datetime

from django.db import models

from csms.core.backend.client import idempotency_key
from csms.core.ids import uuid7


class SessionReport(models.Model):
    """One telling: that a session was opened, or how it was closed. `body` is what is posted, word for word."""

    class Kind(models.TextChoices):
        OPEN = "open", "Opened"
        CLOSE = "close", "Closed"

    class State(models.TextChoices):
        PENDING = "pending", "Being delivered"
        DELIVERED = "delivered", "Delivered"
        DEAD = "dead", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event_id = models.UUIDField(help_text="the event of the outbox that it comes from")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    # Names, not foreign keys: what was told stays, whatever becomes of what it speaks of.
    cp_id = models.CharField(max_length=255)
    transaction_id = models.CharField(max_length=36, help_text="the id on the wire")
    body = models.TextField()
    trace_id = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    attempts_before = models.PositiveIntegerField(
        default=0, help_text="the attempts of earlier series; a replay begins a new one"
    )
    next_at = models.DateTimeField(help_text="when the next attempt is due")

    # The last attempt that ended.
    last_at = models.DateTimeField(null=True)
    last_outcome = models.CharField(
        max_length=16, blank=True, help_text="as the metric of requests counts it"
    )
    last_error = models.TextField(blank=True)
    token_status = models.CharField(
        max_length=32, blank=True, help_text="what the backend said of the id token in its answer"
    )
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event_id", "kind"], name="sessionreport_event")]
        indexes = [
            models.Index(fields=["next_at"], name="sessionreport_due", condition=models.Q(state="pending")),
            # Its oldest, which the order of ids tells.
            models.Index(fields=["id"], name="sessionreport_pending", condition=models.Q(state="pending")),
            models.Index(fields=["cp_id", "transaction_id"], name="sessionreport_tx"),
            models.Index(fields=["-id"], name="sessionreport_dead", condition=models.Q(state="dead")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.cp_id} {self.transaction_id} {self.state}"

    @property
    def due_at(self) -> datetime | None:
        """Return when the next attempt is due, None if there will be none."""
        return self.next_at if self.state == self.State.PENDING else None

    @property
    def idempotency_key(self) -> str:
        """Return what the backend knows this telling by, the same in each attempt."""
        return idempotency_key("ocpp-session", self.kind, self.transaction_id, self.event_id.hex)
