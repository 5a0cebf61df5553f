"""The API's door to this block: uploads of logs, and what was reported of them."""

from uuid import UUID

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.diagnostics import file_api, selectors
from chargers.diagnostics.models import Log
from chargers.jobs_api import FleetJobQuery, JobQuery, JobShape, ReportShape, wanted
from csms.core.api_data import Moment
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery

NEWEST = ("-pk",)


class LogJobShape(JobShape):
    """The upload of a log or of diagnostics."""

    log = serializers.ChoiceField(Log.choices)
    since = Moment(allow_null=True, help_text="Beginning of the span that was asked for; null = all.")
    until = Moment(allow_null=True, help_text="End of that span; null = until the order.")
    file_name = serializers.CharField(help_text="As the charge point named the file in its answer.")
    files = file_api.FileShape(many=True, help_text="What came: the evidence beside the claim.")


class LogReportShape(ReportShape):
    """A status of an upload."""


class LogJobs(ApiView):
    """Uploads of the fleet."""

    chapter = "Firmware and logs"
    query = FleetJobQuery

    @extend_schema(
        operation_id="list_log_jobs",
        summary="List uploads of logs and diagnostics",
        description="Newest first.",
        responses={200: paged(LogJobShape), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request) -> Response:
        """List uploads."""
        return self.page(wanted(selectors.log_jobs(), self.asked), order=NEWEST, shape=LogJobShape)


class ChargePointLogJobs(ApiView):
    """Uploads of one charge point."""

    chapter = "Firmware and logs"
    query = JobQuery

    @extend_schema(
        operation_id="list_charge_point_log_jobs",
        summary="List the uploads of a charge point",
        description="Newest first.",
        responses={200: paged(LogJobShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List uploads."""
        rows = selectors.log_jobs().filter(charge_point=charge_point_or_404(cp_id))
        return self.page(wanted(rows, self.asked), order=NEWEST, shape=LogJobShape)


class OneLogJob(ApiView):
    """One upload."""

    chapter = "Firmware and logs"

    @extend_schema(operation_id="get_log_job", summary="Show an upload", responses={200: LogJobShape})
    def get(self, request: Request, id: UUID) -> Response:
        """Show an upload."""
        return Response(LogJobShape(found(selectors.log_jobs().filter(pk=id).first(), "log_job", id)).data)


class LogReports(ApiView):
    """What one charge point reported."""

    chapter = "Firmware and logs"
    query = PageQuery

    @extend_schema(
        operation_id="list_log_reports",
        summary="List the upload statuses that a charge point reported",
        description="Newest first; also those that belong to no upload, with the reason in `flag`.",
        responses={200: paged(LogReportShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List reports."""
        rows = selectors.log_reports().filter(charge_point=charge_point_or_404(cp_id))
        return self.page(rows, order=NEWEST, shape=LogReportShape)


urlpatterns: list[URLPattern] = [
    path("log-jobs/", LogJobs.as_view(), name="api-log-jobs"),
    path("log-jobs/<uuid:id>/", OneLogJob.as_view(), name="api-log-job"),
    path(
        "charge-points/<str:cp_id>/log-jobs/",
        ChargePointLogJobs.as_view(),
        name="api-charge-point-log-jobs",
    ),
    path("charge-points/<str:cp_id>/log-reports/", LogReports.as_view(), name="api-log-reports"),
    path("files/", file_api.Files.as_view(), name="api-files"),
    path("files/<uuid:id>/", file_api.OneFile.as_view(), name="api-file"),
    path("files/<uuid:id>/content/", file_api.Content.as_view(), name="api-file-content"),
    path(
        "charge-points/<str:cp_id>/files/",
        file_api.ChargePointFiles.as_view(),
        name="api-charge-point-files",
    ),
]
