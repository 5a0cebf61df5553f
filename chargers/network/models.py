"""By which connections charge points of OCPP 2.x may reach a central system, and how they are moved to another."""

from typing import Any

from django.db import models

from chargers.models import ChargePoint
from csms.core.ids import uuid7


class NetworkProfile(models.Model):
    """What a slot of a charge point was told to hold, once for each time; the newest that it took is what it holds.

    Passwords, keys and PINs of the way there (APN, VPN) are not kept: they wait sealed with the command until it is
    sent.
    """

    class State(models.TextChoices):
        TOLD = "told", "On its way"
        ACCEPTED = "accepted", "Taken"
        REJECTED = "rejected", "Refused"
        FAILED = "failed", "Failed"
        UNANSWERED = "unanswered", "Sent, and not answered"
        UNSENT = "unsent", "Not sent"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="network_profiles")
    slot = models.PositiveIntegerField()
    ocpp_version = models.CharField(max_length=8, help_text="in OCPP's words")
    url = models.CharField(max_length=512, help_text="of the central system; the identity is put behind it")
    interface = models.CharField(max_length=16, help_text="in OCPP's words")
    message_timeout = models.PositiveIntegerField(help_text="seconds")
    security_profile = models.PositiveSmallIntegerField()
    way: Any = models.JSONField(default=dict, help_text="what was told of APN and VPN, without secrets")
    state = models.CharField(max_length=16, choices=State.choices, default=State.TOLD)
    reason = models.TextField(blank=True, help_text="why it was not taken, as far as is known")
    command_id = models.UUIDField()
    by = models.CharField(max_length=150)
    told_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["command_id"], name="networkprofile_command")]
        indexes = [models.Index(fields=["charge_point", "slot", "-id"], name="networkprofile_slot")]

    def __str__(self) -> str:
        return f"{self.slot}: {self.url}"


class ProfileChange(models.Model):
    """The move of a charge point to another security profile: a slot, the order of slots, a reset, its return."""

    class State(models.TextChoices):
        WRITING = "writing", "The slot is being written"
        ORDERING = "ordering", "The order of slots is being set"
        RESETTING = "resetting", "It is being reset"
        AWAITED = "awaited", "It is to come back"
        DONE = "done", "It came back with it"
        WENT_BACK = "went_back", "It came back without it"
        LOST = "lost", "It has not come back in time"
        FAILED = "failed", "Could not be done"
        CANCELLED = "cancelled", "Called off"

    OPEN = (State.WRITING, State.ORDERING, State.RESETTING, State.AWAITED)
    MAY_STILL = (*OPEN, State.WENT_BACK, State.LOST, State.CANCELLED)
    """States in which a return with the new profile still tells that it is done."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="profile_changes")
    before = models.PositiveSmallIntegerField(help_text="the security profile that it had proven")
    wanted = models.PositiveSmallIntegerField(help_text="the security profile that it is moved to")
    slot = models.PositiveIntegerField(help_text="that the new network profile is in")
    priority_before = models.TextField(help_text="its order of slots, as it reported it")
    priority = models.TextField(
        help_text="the order with the new slot before the others, which are the way back"
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.WRITING)
    command_id = models.UUIDField(help_text="the command of the present step, or the last one")
    problem = models.TextField(blank=True, help_text="why it failed or went back")
    by = models.CharField(max_length=150)
    started_at = models.DateTimeField()
    set_back_due = models.BooleanField(
        default=False, db_default=False, help_text="whether its order of slots is still to be set back"
    )
    set_back_by: Any = models.UUIDField(null=True, help_text="the command that last told it to set that back")
    set_back_on: Any = models.UUIDField(null=True, help_text="the connection on which it was told that")
    due_at = models.DateTimeField(help_text="when it is no longer waited for")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point"],
                condition=models.Q(state__in=["writing", "ordering", "resetting", "awaited"]),
                name="profilechange_open",
            ),
        ]
        indexes = [
            models.Index(fields=["charge_point", "-id"], name="profilechange_cp"),
            models.Index(
                fields=["charge_point"], condition=models.Q(set_back_due=True), name="profilechange_set_back"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.before} -> {self.wanted}: {self.state}"
