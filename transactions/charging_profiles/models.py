"""Charging profiles that charge points keep for us, and the limits that they say follow from them."""

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import models

from chargers.models import ChargePoint
from csms.core.ids import uuid7
from transactions.charging_profiles.params import ChargingProfile
from transactions.models import Transaction


class InstalledProfile(models.Model):
    """One profile at one charge point, from the order to its end. Figures of its schedule are decimals in text."""

    class Status(models.TextChoices):
        REQUESTED = "requested", "Requested"
        INSTALLED = "installed", "Installed"
        UNCERTAIN = "uncertain", "Sent, but its answer never came"
        REFUSED = "refused", "Not installed"
        REPLACED = "replaced", "Replaced by another"
        CLEARED = "cleared", "Cleared"
        EXPIRED = "expired", "Its validity is over"
        ENDED = "ended", "Ended with its transaction"

    # What the charge point may keep to.
    LIVE = (Status.REQUESTED, Status.INSTALLED, Status.UNCERTAIN)
    # What it has, as far as anybody knows.
    HELD = (Status.INSTALLED, Status.UNCERTAIN)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="charging_profiles")
    profile_id = models.PositiveIntegerField(
        help_text="the id on the wire; a newer one of the same id takes its place"
    )
    connector_number = models.PositiveIntegerField(
        null=True, help_text="0 = the charge point; empty until the transaction it was sent for starts"
    )
    purpose = models.CharField(max_length=32)
    stack_level = models.PositiveIntegerField()
    transaction = models.ForeignKey(
        Transaction, models.PROTECT, null=True, related_name="charging_profiles", help_text="of a TxProfile"
    )
    profile = models.JSONField(help_text="as it was ordered, in our words")
    valid_to = models.DateTimeField(null=True)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.REQUESTED)
    note = models.TextField(blank=True, help_text="why, and what to try; for people")
    by = models.CharField(max_length=150, help_text="who ordered it, as text")
    command_id = models.UUIDField(help_text="the command that carried it")
    created_at = models.DateTimeField()
    installed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True, help_text="when it stopped to count, or was refused")

    class Meta:
        indexes = [
            models.Index(fields=["charge_point", "profile_id"], name="chargingprofile_wire_id"),
            models.Index(fields=["charge_point", "-id"], name="chargingprofile_cp"),
            models.Index(fields=["command_id"], name="chargingprofile_command"),
            models.Index(
                fields=["status", "valid_to"],
                name="chargingprofile_live",
                condition=models.Q(status__in=["requested", "installed", "uncertain"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.profile_id} {self.status}"

    @cached_property
    def terms(self) -> ChargingProfile:
        """What was ordered, with exact figures and times."""
        return ChargingProfile.model_validate(self.profile)


class CompositeSchedule(models.Model):
    """The limits that a charge point said it would keep, and beside them those that we expected."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="composite_schedules")
    command_id = models.UUIDField()
    connector_number = models.PositiveIntegerField()
    asked_duration = models.PositiveIntegerField(help_text="seconds")
    asked_unit = models.CharField(max_length=1, blank=True)
    by = models.CharField(max_length=150, help_text="who asked, as text")
    received_at = models.DateTimeField()
    answer = models.CharField(max_length=64, help_text="the charge point's own word")

    # As it came; what it left out is empty (S16-55).
    schedule_start = models.DateTimeField(null=True)
    duration = models.PositiveIntegerField(null=True, help_text="seconds")
    unit = models.CharField(max_length=16, blank=True)
    min_rate = models.CharField(max_length=32, blank=True)
    periods = models.JSONField(
        default=list, help_text="start_period in seconds, limit in text, number_phases"
    )

    expected = models.JSONField(
        null=True, help_text="ours, from the profiles that we know of; empty if it cannot be calculated"
    )
    differs = models.BooleanField(null=True, help_text="empty if they cannot be compared")
    difference = models.TextField(blank=True, help_text="where they differ first; for people")

    class Meta:
        indexes = [models.Index(fields=["charge_point", "-id"], name="compositeschedule_cp")]

    def __str__(self) -> str:
        return f"{self.connector_number} {self.answer}"

    @property
    def reported_periods(self) -> list[dict[str, Any]]:
        """What the charge point said, with points in time where it named its start."""
        return _in_time(self.periods, self.schedule_start)

    @property
    def expected_periods(self) -> list[dict[str, Any]] | None:
        """What we expected, with points in time; None if it could not be calculated."""
        if self.expected is None:
            return None
        return _in_time(self.expected, self.schedule_start or self.received_at)


def _in_time(periods: list[dict[str, Any]], start: datetime | None) -> list[dict[str, Any]]:
    # S16-55: periods are relative to the start of the whole.
    return [
        {
            **period,
            "starts_at": None if start is None else start + timedelta(seconds=period["start_period"]),
        }
        for period in periods
    ]
