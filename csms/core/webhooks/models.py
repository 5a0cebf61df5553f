"""Endpoints to which events are posted, what was done to them by whom, and what became of each delivery."""

from typing import Any

from django.db import models

from csms.core.ids import uuid7


def no_words() -> list[str]:
    """Return an empty list: the filter lets everything pass."""
    return []


class LiveEndpoints(models.Manager["Endpoint"]):
    """The endpoints that were not deleted."""

    def get_queryset(self) -> models.QuerySet["Endpoint"]:
        """Return them."""
        return super().get_queryset().filter(deleted_at=None)


class Endpoint(models.Model):
    """A URL to which the events that pass its filter are posted, signed; and how well that goes.

    Its place in the outbox is in the row of `csms.core.events.models.Reader` with the name `reader`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    url = models.TextField(help_text="as it may be shown: without what lets in whoever has it")
    sealed = models.TextField(help_text="the whole URL, sealed")
    origin = models.CharField(max_length=300, help_text="scheme, host and port")

    # What it is told; see `filters`.
    types = models.JSONField(default=no_words)
    charge_points = models.JSONField(default=no_words)
    directions = models.JSONField(default=no_words)
    actions = models.JSONField(default=no_words)
    contains = models.JSONField(default=no_words)

    # Sealed. The older one signs, too, until its time is over.
    secret = models.TextField()
    older_secret = models.TextField(blank=True)
    older_signs_until = models.DateTimeField(null=True)

    enabled = models.BooleanField(default=True)
    paused_at = models.DateTimeField(null=True)
    paused_why = models.TextField(blank=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=255)
    deleted_at = models.DateTimeField(
        null=True,
        help_text="nobody sees it any more; the row and its deliveries go by and by, for there may be many",
    )
    replayed_at = models.DateTimeField(
        null=True, help_text="when its place was last moved back: what was delivered before is posted again"
    )

    # Its health. Written by the relay that does its work.
    failures = models.PositiveIntegerField(default=0, help_text="attempts that failed since the last success")
    failing_since = models.DateTimeField(null=True, help_text="the first of them")
    probes = models.PositiveIntegerField(default=0, help_text="of them, those since it is left alone")
    probe_at = models.DateTimeField(null=True, help_text="it is left alone, and tried again then")
    last_error = models.TextField(blank=True, help_text="of the last attempt that failed")
    delivered_at = models.DateTimeField(null=True, help_text="when it last took an event")

    everything = models.Manager["Endpoint"]()  # those that were deleted, too
    objects = LiveEndpoints()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(deleted_at=None), name="webhook_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def reader(self) -> str:
        """Return the name of its row among the readers of the outbox."""
        return f"webhook:{self.pk}"

    @property
    def active(self) -> bool:
        """Return whether events are posted to it."""
        return self.enabled and self.paused_at is None and self.deleted_at is None

    @property
    def state(self) -> str:
        """Return in a word how it is: one of `selectors.STATES`."""
        if not self.enabled:
            return "disabled"
        if self.paused_at is not None:
            return "paused"
        return "failing" if self.failures else "working"


class EndpointChange(models.Model):
    """What was done to an endpoint, and by whom; never its secrets. It outlives the endpoint."""

    class What(models.TextChoices):
        """What was done."""

        CREATED = "created", "Created"
        CHANGED = "changed", "Changed"
        DELETED = "deleted", "Deleted"
        ROTATED = "secret_rotated", "Secret rotated"
        PAUSED = "paused", "Paused"
        RESUMED = "resumed", "Resumed"
        TESTED = "tested", "Test delivery made"
        REPLAYED = "replayed", "Deliveries replayed"
        DISCARDED = "discarded", "Dead deliveries discarded"

    endpoint = models.UUIDField()
    name = models.CharField(max_length=100)
    at = models.DateTimeField()
    what = models.CharField(max_length=16, choices=What.choices)
    by = models.CharField(max_length=255, help_text="empty: the clock")
    details: Any = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["endpoint", "id"], name="webhook_change")]

    def __str__(self) -> str:
        return f"{self.name} {self.what}"


class Delivery(models.Model):
    """One event for one endpoint, and the attempts to post it. `id` is a UUIDv7: the order in which it was begun."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for its next attempt, or behind another"
        DELIVERED = "delivered", "Delivered"
        DEAD = "dead", "Dead: given up"
        SKIPPED = "skipped", "Skipped by somebody"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Its index is those below.
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, db_index=False, related_name="deliveries")
    event_id = models.UUIDField(help_text="no foreign key: events are pruned by themselves")
    type = models.CharField(max_length=64)
    cp_id = models.CharField(max_length=255, blank=True)
    position = models.BigIntegerField(null=True, help_text="of the event; a test has none")
    state = models.CharField(max_length=9, choices=State.choices)
    created_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    attempts_before = models.PositiveIntegerField(
        default=0, help_text="the attempts of earlier series; a replay begins a new one"
    )
    next_attempt_at = models.DateTimeField(
        null=True, help_text="empty behind another delivery of the same charge point, too"
    )

    # The last attempt that ended.
    last_attempt_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True, help_text="of HTTP; empty without an answer")
    latency_ms = models.PositiveIntegerField(null=True)
    excerpt = models.TextField(blank=True, help_text="the beginning of the answer's body")
    error = models.TextField(blank=True, help_text="why there was no answer, or why it is over")
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "event_id"], name="webhook_delivery_once")]
        indexes = [
            models.Index(
                fields=["endpoint", "cp_id", "position"],
                name="webhook_waiting",
                condition=models.Q(state="waiting"),
            ),
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                name="webhook_due",
                condition=models.Q(state="waiting"),
            ),
            # Few among many: counted, and looked for in the log.
            models.Index(
                fields=["endpoint", "state", "position"],
                name="webhook_unsettled",
                condition=models.Q(state__in=("waiting", "dead")),
            ),
            models.Index(
                fields=["state", "id"],
                name="webhook_log_unsettled",
                condition=models.Q(state__in=("waiting", "dead")),
            ),
            models.Index(fields=["endpoint", "id"], name="webhook_log"),
            models.Index(fields=["cp_id", "id"], name="webhook_log_cp"),
            models.Index(fields=["event_id"], name="webhook_log_event"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.state}"
