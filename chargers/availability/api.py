"""The API's door to availability: what was ordered of connectors beside what they report."""

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from chargers.availability import selectors
from csms.core.api_data import Moment, Shape
from csms.core.api_views import ApiView


class ConnectorAvailabilityShape(Shape):
    """A connector, an EVSE or the charge point: whether it should be in service, and whether it says it is."""

    connector_id = serializers.IntegerField(
        source="connector_number",
        help_text="0 is the charge point itself; of a whole EVSE that of its first connector.",
    )
    evse_id = serializers.IntegerField(
        source="evse_number", allow_null=True, help_text="As OCPP 2.x numbers it; null in 1.6."
    )
    evse_connector_id = serializers.IntegerField(
        source="evse_connector", allow_null=True, help_text="Within its EVSE; 0 is all of it. Null in 1.6."
    )
    status = serializers.CharField(help_text="As it was reported last; empty before.")
    reported = serializers.BooleanField(
        allow_null=True, help_text="In service, by its status; null where that does not tell."
    )
    wanted = serializers.BooleanField(allow_null=True, help_text="Null if nothing was ever ordered.")
    standing = serializers.ChoiceField(
        selectors.Standing.choices,
        allow_blank=True,
        help_text="`scheduled` waits for the end of a transaction; `mismatch` was accepted and is reported otherwise.",
    )
    by = serializers.CharField(help_text="Who ordered it.")
    ordered_at = Moment(allow_null=True)
    command_id = serializers.UUIDField(allow_null=True, help_text="The command that ordered it.")


class AvailabilityShape(Shape):
    """The connectors of a charge point."""

    results = ConnectorAvailabilityShape(many=True)


class Availability(ApiView):
    """Whether connectors should be in service, and whether they say they are."""

    chapter = "Charge points"

    @extend_schema(
        operation_id="get_availability",
        summary="Show which connectors should be in service",
        description="Ordered with the command `change-availability`. An order outlives reboots.",
        responses={200: AvailabilityShape},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """Show availability."""
        charge_point = charge_point_or_404(cp_id)
        rows = selectors.availability(charge_point, now=timezone.now())
        return Response({"results": ConnectorAvailabilityShape(rows, many=True).data})


urlpatterns = [
    path("charge-points/<str:cp_id>/availability/", Availability.as_view(), name="api-availability"),
]
