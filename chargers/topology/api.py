"""The API's door to EVSEs: what they are, what they say, what people call them, and the events of their parts."""

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from chargers.commands.sending_api import author_of
from chargers.shapes import ConnectorShape
from chargers.topology import services
from chargers.topology.places import MOST
from chargers.topology.selectors import EvseState, device_events_of, evses_of
from csms.core.api_data import Body, Flag, Moment, Shape, Word, read_body
from csms.core.api_errors import ApiError
from csms.core.api_views import ApiView, paged
from csms.core.ids import uuid7_floor
from csms.core.paging import PageQuery

CHAPTER = "Charge points"


class EvseShape(Shape):
    """An EVSE: a part of a charge point that charges one car at a time, by one of its connectors."""

    evse_id = serializers.IntegerField(source="number", help_text="As OCPP 2.x numbers it, from 1.")
    label = serializers.CharField(source="row.label", default="", help_text="For people.")  # type: ignore[assignment]
    max_power_w = serializers.IntegerField(
        source="row.max_power_w", default=None, allow_null=True, help_text="W, as it says; null while untold."
    )
    supply = serializers.CharField(
        source="row.supply", default="", help_text="AC, DC or AC+DC, by its connectors; empty while untold."
    )
    phases = serializers.IntegerField(source="row.phases", default=None, allow_null=True)
    status = serializers.CharField(
        source="row.status", default="", help_text="That it reported of itself, beside its connectors."
    )
    status_at = Moment(source="row.status_at", default=None, allow_null=True)
    operative = serializers.BooleanField(
        source="row.operative", default=None, allow_null=True, help_text="As it last said of itself."
    )
    known_from = serializers.CharField(
        source="row.known_from",
        default="",
        help_text="`report`, `status`, `told` by a person or `implied`; empty for one that only its connector shows, "
        "as in OCPP 1.6.",
    )
    gone_at = Moment(
        source="row.gone_at",
        default=None,
        allow_null=True,
        help_text="Since when its reports list it no more.",
    )
    connectors = ConnectorShape(many=True)


class EvsesShape(Shape):
    """The EVSEs of a charge point."""

    results = EvseShape(many=True)


class Evses(ApiView):
    """The EVSEs of one charge point."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="list_evses",
        summary="List the EVSEs of a charge point with their connectors",
        description="By number. In OCPP 1.6 each connector has an EVSE of its own, unless a person told otherwise.",
        responses={200: EvsesShape},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List EVSEs."""
        return Response({"results": EvseShape(evses_of(charge_point_or_404(cp_id)), many=True).data})


class EvseChanges(Body):
    """What may be changed of an EVSE."""

    label = Word(required=False, allow_blank=True, max_length=100, help_text="For people.")  # type: ignore[assignment]


class OneEvse(ApiView):
    """One EVSE of a charge point."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="change_evse",
        summary="Label an EVSE",
        description="One that is known. Scope `write`.",
        request=EvseChanges,
        responses={200: EvseShape},
    )
    def patch(self, request: Request, cp_id: str, evse: int) -> Response:
        """Label an EVSE."""
        charge_point = charge_point_or_404(cp_id)
        _known(evses_of(charge_point), evse)
        body = read_body(request, EvseChanges)
        if "label" in body:
            services.label_evse(
                charge_point, evse, body["label"], now=timezone.now(), by=author_of(request).name
            )
        return Response(EvseShape(_known(evses_of(charge_point), evse)).data)


def _known(evses: list[EvseState], number: int) -> EvseState:
    one = next((evse for evse in evses if evse.number == number <= MOST), None)
    if one is None:
        raise ApiError(404, "unknown_evse", f"there is no evse {number}")
    return one


class DeviceEventShape(Shape):
    """An event of a component of a charge point, as it was told."""

    id = serializers.UUIDField()
    event_id = serializers.IntegerField(help_text="The charge point's own; it may count anew after a boot.")
    happened_at = Moment(help_text="By the charge point's clock, if believable, else by ours.")
    received_at = Moment(help_text="By our clock.")
    component = serializers.CharField(help_text="In OCPP's words.")
    component_instance = serializers.CharField()
    evse_id = serializers.IntegerField(source="evse_number", allow_null=True)
    evse_connector_id = serializers.IntegerField(source="evse_connector", allow_null=True)
    variable = serializers.CharField(help_text="In OCPP's words.")
    variable_instance = serializers.CharField()
    value = serializers.CharField(help_text="As it was told; hostile until proven otherwise.")
    trigger = serializers.CharField(help_text="`Alerting`, `Delta` or `Periodic`.")
    kind = serializers.CharField(help_text="What noticed it, in OCPP's words.")
    problem = serializers.BooleanField(
        allow_null=True, help_text="Whether something is wrong, or no longer; null if it is about neither."
    )
    cleared = serializers.BooleanField(allow_null=True)
    cause = serializers.IntegerField(allow_null=True, help_text="The `event_id` that it follows from.")
    tech_code = serializers.CharField()
    tech_info = serializers.CharField()
    transaction_id = serializers.CharField(help_text="The id on the wire; empty for none.")


class DeviceEventQuery(PageQuery):
    """Which events of components are listed."""

    problem = Flag(
        required=False, help_text="Those that say that something is wrong, or those that it no longer is."
    )
    component = serializers.CharField(required=False, max_length=50, help_text="Whole; case does not matter.")
    since = Moment(required=False, help_text="Received at or after this time.")


class DeviceEvents(ApiView):
    """The events of the components of one charge point."""

    chapter = CHAPTER
    query = DeviceEventQuery

    @extend_schema(
        operation_id="list_device_events",
        summary="List what components of a charge point reported",
        description="Newest first; OCPP 2.x only.",
        responses={200: paged(DeviceEventShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List the events."""
        asked = self.asked
        rows = device_events_of(charge_point_or_404(cp_id))
        if "problem" in asked:
            rows = rows.filter(problem=asked["problem"])
        if "component" in asked:
            rows = rows.filter(component__iexact=asked["component"])
        if "since" in asked:
            rows = rows.filter(pk__gte=uuid7_floor(asked["since"]))
        return self.page(rows, order=("-pk",), shape=DeviceEventShape)


urlpatterns: list[URLPattern] = [
    path("charge-points/<str:cp_id>/evses/", Evses.as_view(), name="api-evses"),
    path("charge-points/<str:cp_id>/evses/<int:evse>/", OneEvse.as_view(), name="api-evse"),
    path("charge-points/<str:cp_id>/device-events/", DeviceEvents.as_view(), name="api-device-events"),
]
