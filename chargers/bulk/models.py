"""Bulk jobs: one command for many charge points, and what became of it at each of them."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models

from chargers.models import ChargePoint
from csms.core.ids import uuid7


class BulkJob(models.Model):
    """One command for many charge points. Which ones is settled when the job is made, and never changes."""

    class State(models.TextChoices):
        SCHEDULED = "scheduled", "Scheduled"
        CANARY = "canary", "Trying the canaries"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        STOPPED = "stopped", "Stopped by failures"
        FINISHED = "finished", "Finished"
        CANCELLED = "cancelled", "Cancelled"

    class Offline(models.TextChoices):
        SKIP = "skip", "Pass over it"
        REFUSE = "refuse", "Count it as a failure"
        QUEUE = "queue", "Keep the command for it"

    class Why(models.TextChoices):
        """Why a job stands still, or has ended early."""

        CANARY_FAILED = "canary_failed", "A canary did not accept the command"
        TOO_MANY_FAILURES = "too_many_failures", "Too many charge points did not accept the command"
        BY_HAND = "by_hand", "Somebody wanted it so"
        FORGOTTEN = "forgotten", "It was paused for so long that it was cancelled"
        UNREADABLE = "unreadable", "Its secret parameters were sealed under another key"

    WORKING = (State.CANARY, State.RUNNING)
    OVER = (State.STOPPED, State.FINISHED, State.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=48)
    params = models.JSONField(default=dict, help_text="secrets masked")
    sealed = models.TextField(blank=True, help_text="its secret parameters, sealed; empty once it is over")
    chosen_by = models.JSONField(
        null=True, help_text="the conditions that chose the targets; empty for a list of them"
    )
    retry_of = models.UUIDField(null=True, help_text="the job of which it takes up what did not succeed")
    total = models.PositiveIntegerField(help_text="targets")
    rate_per_minute = models.PositiveIntegerField()
    canary = models.PositiveIntegerField(default=0, help_text="how many are tried alone at first")
    stop_share = models.DecimalField(
        max_digits=5, decimal_places=4, null=True, help_text="of failures, at which it stops; empty = never"
    )
    stop_sample = models.PositiveIntegerField(help_text="results that there must be before it may stop")
    if_offline = models.CharField(max_length=6, choices=Offline.choices)
    expires_in = models.PositiveIntegerField(help_text="seconds, of each command")
    reason = models.TextField(blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    by = models.CharField(max_length=150, help_text="who ordered it, as text")
    created_at = models.DateTimeField()
    start_at = models.DateTimeField(null=True, help_text="not before; empty = at once")

    state = models.CharField(max_length=9, choices=State.choices)
    why = models.CharField(max_length=17, choices=Why.choices, blank=True)
    why_text = models.TextField(blank=True, help_text="the same with figures or names; for people")
    started_at = models.DateTimeField(null=True)
    canary_passed_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True, help_text="no command is queued any more")
    closed_at = models.DateTimeField(null=True, help_text="and the last result is in")
    counts = models.JSONField(default=dict, help_text="targets by state, as the last step found them")

    # The runner's: when the rate allows the next command, and which process works on the job until when.
    next_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    lease = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "id"], name="bulkjob_state"),
            models.Index(fields=["id"], name="bulkjob_open", condition=models.Q(closed_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.type} for {self.total}: {self.state}"

    @property
    def interval(self) -> timedelta:
        """The time from one command to the next."""
        return timedelta(minutes=1) / self.rate_per_minute

    def state_at_work(self, now: datetime) -> "BulkJob.State":
        """Return the state of the job while nobody holds it back."""
        if self.start_at is not None and self.start_at > now:
            return self.State.SCHEDULED
        return self.State.CANARY if self.canary and self.canary_passed_at is None else self.State.RUNNING


class BulkTarget(models.Model):
    """One charge point of a bulk job, and what became of the command there."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        COMMANDED = "commanded", "Commanded"
        ACCEPTED = "accepted", "Accepted"
        REJECTED = "rejected", "Rejected"
        FAILED = "failed", "Failed"
        TIMED_OUT = "timed_out", "Timed out"
        EXPIRED = "expired", "Expired"
        CANCELLED = "cancelled", "Taken back"
        SKIPPED = "skipped", "Passed over"
        REFUSED = "refused", "Not possible"
        NOT_SENT = "not_sent", "Not sent"

    FAILURES = (State.REJECTED, State.FAILED, State.TIMED_OUT, State.EXPIRED)

    job = models.ForeignKey(BulkJob, models.PROTECT, related_name="targets", db_index=False)
    position = models.PositiveIntegerField(help_text="when it is its turn")
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="bulk_targets", db_index=False)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    code = models.CharField(
        max_length=64, blank=True, help_text="why no command was queued, or the error that ended it"
    )
    detail = models.TextField(blank=True, help_text="the same in words; for people")
    answer_status = models.CharField(max_length=64, blank=True, help_text="the charge point's own word")
    command_id = models.UUIDField(null=True)
    commanded_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "position"], name="bulktarget_turn"),
            models.UniqueConstraint(fields=["charge_point", "job"], name="bulktarget_once"),
            models.UniqueConstraint(
                fields=["command_id"],
                name="bulktarget_command",
                condition=models.Q(command_id__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["job", "state", "position"], name="bulktarget_state")]

    def __str__(self) -> str:
        return f"{self.position}: {self.state}"
