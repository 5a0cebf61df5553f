"""The API's door to charging profiles and composite schedules."""

from django.db.models import Q
from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from csms.core.api_data import Flag, Moment, Shape, Whole
from csms.core.api_views import ApiView, paged
from csms.core.paging import PageQuery
from transactions.charging_profiles import selectors
from transactions.charging_profiles.models import InstalledProfile

CHAPTER = "Charging profiles"
CONNECTOR_MAX = 2**31 - 1
PURPOSES = ["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
UNITS = ["A", "W"]
LIMIT = "A decimal in text, in the unit of the schedule."


class ProfilePeriodShape(Shape):
    """A stretch of a profile's schedule with one limit."""

    start_period = serializers.IntegerField(help_text="Seconds from the start of the schedule.")
    limit = serializers.CharField(help_text=LIMIT)
    number_phases = serializers.IntegerField(
        allow_null=True, help_text="How many phases may be used; null = 3."
    )


class ProfileScheduleShape(Shape):
    """The limits of a profile in the course of time."""

    unit = serializers.ChoiceField(UNITS)
    start = Moment(allow_null=True, help_text="Null for a Relative one.")
    duration = serializers.IntegerField(allow_null=True, help_text="Seconds; null = without end.")
    min_rate = serializers.CharField(allow_null=True, help_text=LIMIT)
    periods = ProfilePeriodShape(many=True)


class InstalledProfileShape(Shape):
    """A charging profile that was ordered for a charge point, and what became of it."""

    id = serializers.UUIDField()
    profile_id = serializers.IntegerField(help_text="The id on the wire.")
    connector_id = serializers.IntegerField(
        source="connector_number",
        allow_null=True,
        help_text="0: the charge point. Null until the transaction starts with which it was sent.",
    )
    purpose = serializers.ChoiceField(PURPOSES)
    kind = serializers.ChoiceField(["Absolute", "Recurring", "Relative"], source="terms.kind")
    recurrency = serializers.ChoiceField(["Daily", "Weekly"], source="terms.recurrency", allow_null=True)
    stack_level = serializers.IntegerField()
    valid_from = Moment(source="terms.valid_from", allow_null=True)
    valid_to = Moment(allow_null=True)
    schedule = ProfileScheduleShape(source="terms.schedule")
    transaction = serializers.UUIDField(
        source="transaction_id", allow_null=True, help_text="The `id` of the transaction of a TxProfile."
    )
    status = serializers.ChoiceField(
        InstalledProfile.Status.choices,
        help_text="As far as is known here: OCPP 1.6 cannot be asked. `uncertain`: it was sent, and no answer came.",
    )
    note = serializers.CharField(help_text="Why, and what to try; for people.")
    by = serializers.CharField(help_text="Who ordered it.")
    command = serializers.UUIDField(source="command_id", help_text="The command that carried it.")
    created_at = Moment()
    installed_at = Moment(allow_null=True)
    ended_at = Moment(allow_null=True, help_text="When it stopped to count, or was refused.")


class ChargingProfileQuery(PageQuery):
    """Which charging profiles are listed."""

    status = serializers.ChoiceField(InstalledProfile.Status.choices, required=False)
    connector_id = Whole(required=False, min_value=0, max_value=CONNECTOR_MAX)
    purpose = serializers.ChoiceField(PURPOSES, required=False)
    held = Flag(required=False, help_text="Whether the charge point has it, as far as is known.")


class CompositePeriodShape(Shape):
    """A stretch of a composite schedule with one limit."""

    start_period = serializers.IntegerField(help_text="Seconds from `schedule_start`.")
    starts_at = Moment(
        allow_null=True, help_text="The same as a point in time; null if the start is unknown."
    )
    limit = serializers.CharField(allow_null=True, help_text=f"{LIMIT} Null: none.")
    number_phases = serializers.IntegerField(allow_null=True)


class CompositeScheduleShape(Shape):
    """The limits that a charge point said it would keep, and beside them those that were expected here."""

    id = serializers.UUIDField()
    connector_id = serializers.IntegerField(source="connector_number")
    asked_duration = serializers.IntegerField(help_text="Seconds.")
    asked_unit = serializers.CharField(help_text="A or W; empty = as it likes.")
    by = serializers.CharField(help_text="Who asked.")
    command = serializers.UUIDField(source="command_id")
    received_at = Moment()
    answer = serializers.CharField(help_text="The charge point's own word: Accepted or Rejected.")
    schedule_start = Moment(allow_null=True, help_text="Null if it was left out.")
    duration = serializers.IntegerField(allow_null=True, help_text="Seconds.")
    unit = serializers.CharField(help_text="A or W; empty if it was left out.")
    min_rate = serializers.CharField(help_text=f"{LIMIT} Empty if it was left out.")
    periods = CompositePeriodShape(many=True, source="reported_periods")
    expected = CompositePeriodShape(
        many=True,
        source="expected_periods",
        allow_null=True,
        help_text="Calculated here from the installed profiles; null if their units do not go together.",
    )
    differs = serializers.BooleanField(
        allow_null=True,
        help_text="Whether the charge point says something else; null if it cannot be compared.",
    )
    difference = serializers.CharField(help_text="Where it differs first; for people.")


class CompositeScheduleQuery(PageQuery):
    """Which composite schedules are listed."""

    connector_id = Whole(required=False, min_value=0, max_value=CONNECTOR_MAX)
    differs = Flag(required=False)


class ChargingProfiles(ApiView):
    """The charging profiles of one charge point."""

    chapter = CHAPTER
    query = ChargingProfileQuery

    @extend_schema(
        operation_id="list_charging_profiles",
        summary="List the charging profiles of a charge point",
        description="Newest first, those that no longer count included.",
        responses={200: paged(InstalledProfileShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List charging profiles."""
        asked = self.asked
        columns = {"status": "status", "connector_id": "connector_number", "purpose": "purpose"}
        wanted = Q(**{column: asked[name] for name, column in columns.items() if name in asked})
        if "held" in asked:
            held = Q(status__in=InstalledProfile.HELD)
            wanted &= held if asked["held"] else ~held
        rows = selectors.charging_profiles(charge_point_or_404(cp_id).pk).filter(wanted)
        return self.page(rows, order=("-pk",), shape=InstalledProfileShape)


class CompositeSchedules(ApiView):
    """The composite schedules that one charge point reported."""

    chapter = CHAPTER
    query = CompositeScheduleQuery

    @extend_schema(
        operation_id="list_composite_schedules",
        summary="List the composite schedules of a charge point",
        description="Newest first: each answer to the command `get-composite-schedule`, as it came.",
        responses={200: paged(CompositeScheduleShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List composite schedules."""
        asked = self.asked
        wanted = Q(differs=asked["differs"]) if "differs" in asked else Q()
        if "connector_id" in asked:
            wanted &= Q(connector_number=asked["connector_id"])
        rows = selectors.composite_schedules(charge_point_or_404(cp_id).pk).filter(wanted)
        return self.page(rows, order=("-pk",), shape=CompositeScheduleShape)


urlpatterns: list[URLPattern] = [
    path(
        "charge-points/<str:cp_id>/charging-profiles/",
        ChargingProfiles.as_view(),
        name="api-charging-profiles",
    ),
    path(
        "charge-points/<str:cp_id>/composite-schedules/",
        CompositeSchedules.as_view(),
        name="api-composite-schedules",
    ),
]
