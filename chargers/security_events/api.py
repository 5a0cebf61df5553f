"""The API's door to this block."""

from typing import Any

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.security_events.known import known_event
from chargers.security_events.models import SecurityEvent
from chargers.security_events.selectors import security_events
from csms.core.api_data import Flag, Moment, Shape
from csms.core.api_views import ApiView, paged
from csms.core.ids import uuid7_floor
from csms.core.paging import PageQuery


class SecurityEventShape(Shape):
    """A security event as the charge point told it."""

    id = serializers.UUIDField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    type = serializers.CharField(
        help_text="Of the standard's list, such as `TamperDetectionActivated`, or any."
    )
    meaning = serializers.SerializerMethodField(help_text="Of a listed type; empty for any other.")
    critical = serializers.BooleanField(help_text="Whether the standard's list calls the type critical.")
    info = serializers.CharField(help_text="What the charge point adds; hostile until proven otherwise.")
    event_at = Moment(allow_null=True, help_text="By the charge point's clock, if believable.")
    received_at = Moment(help_text="By our clock.")

    def get_meaning(self, event: SecurityEvent) -> str:
        """Return what a listed type means."""
        known = known_event(event.type)
        return known.meaning if known else ""


class ChargePointSecurityEventQuery(PageQuery):
    """Which security events of a charge point are listed."""

    critical = Flag(required=False, help_text="Critical ones, or the others.")
    type = serializers.CharField(required=False, help_text="Whole; case does not matter.")
    since = Moment(required=False, help_text="Received at or after this time.")


class SecurityEventQuery(ChargePointSecurityEventQuery):
    """Which security events are listed."""

    cp_id = serializers.CharField(
        required=False, help_text="Case does not matter; 404 for one that nobody knows."
    )


class Listed(ApiView):
    """The base of the two lists."""

    chapter = "Certificates"

    def listed(self, **wanted: Any) -> Response:
        """Answer with what was asked for."""
        asked = self.asked
        if "critical" in asked:
            wanted["critical"] = asked["critical"]
        if "type" in asked:
            wanted["type__iexact"] = asked["type"]
        if "since" in asked:
            wanted["pk__gte"] = uuid7_floor(asked["since"])
        return self.page(security_events().filter(**wanted), order=("-pk",), shape=SecurityEventShape)


class SecurityEvents(Listed):
    """The security events of all charge points."""

    query = SecurityEventQuery

    @extend_schema(
        operation_id="list_security_events",
        summary="List security events",
        description="Newest first, of all charge points. They are kept for `CSMS_RETAIN_SECURITY_EVENTS_DAYS`.",
        responses={200: paged(SecurityEventShape), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request) -> Response:
        """List security events."""
        if "cp_id" in self.asked:
            return self.listed(charge_point=charge_point_or_404(self.asked["cp_id"]))
        return self.listed()


class ChargePointSecurityEvents(Listed):
    """The security events of one charge point."""

    query = ChargePointSecurityEventQuery

    @extend_schema(
        operation_id="list_security_events_of_charge_point",
        summary="List the security events of a charge point",
        description="Newest first.",
        responses={200: paged(SecurityEventShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List security events."""
        return self.listed(charge_point=charge_point_or_404(cp_id))


urlpatterns: list[URLPattern] = [
    path("security-events/", SecurityEvents.as_view(), name="api-security-events"),
    path(
        "charge-points/<str:cp_id>/security-events/",
        ChargePointSecurityEvents.as_view(),
        name="api-charge-point-security-events",
    ),
]
