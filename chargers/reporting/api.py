"""The API's door to this block: which reports a charge point was asked for, and what came of them."""

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from chargers.reporting.models import Report
from chargers.reporting.selectors import reports_of
from csms.core.api_data import Moment, Shape
from csms.core.api_views import ApiView, paged
from csms.core.paging import PageQuery


class ReportShape(Shape):
    """A report in several messages, from its request until it was used."""

    id = serializers.UUIDField()
    kind = serializers.CharField(help_text="What it tells of, such as `variables`.")
    about = serializers.CharField(
        help_text="What was asked for, such as FullInventory; empty for one that nobody asked for."
    )
    request_id = serializers.IntegerField(help_text="By which its messages name it.")
    command_id = serializers.UUIDField(allow_null=True, help_text="The command that asked for it.")
    repeats = serializers.UUIDField(
        allow_null=True, help_text="The report with missing parts, in place of which this one was asked for."
    )
    state = serializers.ChoiceField(Report.State.choices)
    parts = serializers.IntegerField(
        source="part_count", help_text="Messages of it that are kept; none once it was used."
    )
    asked_at = Moment(allow_null=True)
    generated_at = Moment(allow_null=True, help_text="By the charge point's clock.")
    last_at = Moment(allow_null=True, help_text="When the last part came.")
    due_at = Moment(allow_null=True, help_text="When it counts as incomplete, unless more of it comes.")
    applied_at = Moment(allow_null=True, help_text="When what it says was taken over.")
    outcome = serializers.CharField(help_text="What came of it when it was used.")
    problem = serializers.CharField(help_text="Why it cannot be used, such as which parts are missing.")


class Reports(ApiView):
    """The reports of a charge point."""

    chapter = "Charge points"
    query = PageQuery

    @extend_schema(
        operation_id="list_reports_of_charge_point",
        summary="List the reports of a charge point",
        description="Newest first: those that come in several messages, as OCPP 2.x has them. They are ordered by "
        "the commands `get-base-report` and `get-report`.",
        responses={200: paged(ReportShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List reports."""
        return self.page(reports_of(charge_point_or_404(cp_id)), order=("-pk",), shape=ReportShape)


urlpatterns: list[URLPattern] = [
    path("charge-points/<str:cp_id>/reports/", Reports.as_view(), name="api-reports"),
]
