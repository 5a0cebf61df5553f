"""The API's door to incidents: alerts that fired together, and what they share."""

from typing import ClassVar
from uuid import UUID

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.chapter import CHAPTER
from alerts.incidents.models import Incident, Shared
from alerts.incidents.selectors import incidents
from csms.core.api_data import Flag, Moment, Shape
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery


class AlertIncidentShape(Shape):
    """Alerts that fired together and share something."""

    id = serializers.UUIDField()
    shared = serializers.ChoiceField(Shared.choices, source="label", help_text="What they share.")
    value = serializers.CharField(help_text="Which one. It may be a charge point's own words.")
    began_at = Moment(help_text="When the first of its alerts fired.")
    joined_at = Moment(help_text="When the last of its alerts joined.")
    ended_at = Moment(allow_null=True, help_text="When the last of its alerts was over.")
    sharing = serializers.IntegerField(help_text="Charge points of which it has alerts.")
    alerting = serializers.IntegerField(help_text="Charge points of which alerts fired when it was found.")
    fleet_sharing = serializers.IntegerField(help_text="Charge points in service that shared it then.")
    fleet = serializers.IntegerField(help_text="Charge points in service then.")
    alerts = serializers.IntegerField(source="alerts_count", help_text="Its alerts that are kept.")
    open_alerts = serializers.IntegerField(
        source="open_count", help_text="Of them those that are not resolved."
    )


class AlertIncidentQuery(PageQuery):
    """Which incidents are listed."""

    sortable: ClassVar[dict[str, tuple[str, ...]]] = {"began_at": ("began_at", "pk")}
    open = Flag(required=False, help_text="Those that are not over, or the others.")
    shared = serializers.ChoiceField(Shared.choices, required=False)


class AlertIncidents(ApiView):
    """All incidents."""

    chapter = CHAPTER
    query = AlertIncidentQuery

    @extend_schema(
        operation_id="list_alert_incidents",
        summary="List incidents",
        description="Alerts that fired together and share a site, model, firmware, block of addresses or process more "
        "than chance brings. Those that began last first. Their alerts are listed by `list_alerts` with `incident`.",
        responses={200: paged(AlertIncidentShape)},
    )
    def get(self, request: Request) -> Response:
        """List incidents."""
        rows = incidents()
        if "open" in self.asked:
            rows = rows.filter(ended_at__isnull=self.asked["open"])
        if "shared" in self.asked:
            rows = rows.filter(label=self.asked["shared"])
        return self.page(rows, order=("-began_at", "-pk"), shape=AlertIncidentShape)


class OneAlertIncident(ApiView):
    """One incident."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="get_alert_incident", summary="Show an incident", responses={200: AlertIncidentShape}
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show an incident."""
        incident: Incident = found(incidents().filter(pk=id).first(), "alert_incident", id)
        return Response(AlertIncidentShape(incident).data)


urlpatterns: list[URLPattern] = [
    path("alert-incidents/", AlertIncidents.as_view(), name="api-alert-incidents"),
    path("alert-incidents/<uuid:id>/", OneAlertIncident.as_view(), name="api-alert-incident"),
]
