"""The API's door to this block: updates, and what was reported of them."""

from uuid import UUID

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.firmware import selectors
from chargers.firmware.models import Evidence
from chargers.jobs_api import FleetJobQuery, JobQuery, JobShape, ReportShape, wanted
from csms.core.api_data import Moment
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery

NEWEST = ("-pk",)


class FirmwareJobShape(JobShape):
    """A firmware update."""

    signed = serializers.BooleanField()
    retrieve_at = Moment(help_text="It is loaded not before.")
    install_at = Moment(allow_null=True, help_text="It is installed not before.")
    signature_checked = serializers.BooleanField(
        help_text="Whether the signature was verified here, over the digest that came with the order."
    )
    version_before = serializers.CharField(help_text="By the last boot before the order.")
    version_expected = serializers.CharField()
    version_after = serializers.CharField(help_text="By the boot that followed.")
    booted_at = Moment(allow_null=True)
    evidence = serializers.ChoiceField(
        Evidence.choices, help_text="What that boot shows, beside what the charge point claims."
    )


class FirmwareReportShape(ReportShape):
    """A status of a firmware update."""


class FirmwareJobs(ApiView):
    """Updates of the fleet."""

    chapter = "Firmware and logs"
    query = FleetJobQuery

    @extend_schema(
        operation_id="list_firmware_jobs",
        summary="List firmware updates",
        description="Newest first.",
        responses={200: paged(FirmwareJobShape), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request) -> Response:
        """List updates."""
        return self.page(wanted(selectors.firmware_jobs(), self.asked), order=NEWEST, shape=FirmwareJobShape)


class ChargePointFirmwareJobs(ApiView):
    """Updates of one charge point."""

    chapter = "Firmware and logs"
    query = JobQuery

    @extend_schema(
        operation_id="list_charge_point_firmware_jobs",
        summary="List the firmware updates of a charge point",
        description="Newest first.",
        responses={200: paged(FirmwareJobShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List updates."""
        rows = selectors.firmware_jobs().filter(charge_point=charge_point_or_404(cp_id))
        return self.page(wanted(rows, self.asked), order=NEWEST, shape=FirmwareJobShape)


class OneFirmwareJob(ApiView):
    """One update."""

    chapter = "Firmware and logs"

    @extend_schema(
        operation_id="get_firmware_job",
        summary="Show a firmware update",
        responses={200: FirmwareJobShape},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show an update."""
        job = found(selectors.firmware_jobs().filter(pk=id).first(), "firmware_job", id)
        return Response(FirmwareJobShape(job).data)


class FirmwareReports(ApiView):
    """What one charge point reported."""

    chapter = "Firmware and logs"
    query = PageQuery

    @extend_schema(
        operation_id="list_firmware_reports",
        summary="List the firmware statuses that a charge point reported",
        description="Newest first; also those that belong to no update, with the reason in `flag`.",
        responses={200: paged(FirmwareReportShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List reports."""
        rows = selectors.firmware_reports().filter(charge_point=charge_point_or_404(cp_id))
        return self.page(rows, order=NEWEST, shape=FirmwareReportShape)


urlpatterns: list[URLPattern] = [
    path("firmware-jobs/", FirmwareJobs.as_view(), name="api-firmware-jobs"),
    path("firmware-jobs/<uuid:id>/", OneFirmwareJob.as_view(), name="api-firmware-job"),
    path(
        "charge-points/<str:cp_id>/firmware-jobs/",
        ChargePointFirmwareJobs.as_view(),
        name="api-charge-point-firmware-jobs",
    ),
    path(
        "charge-points/<str:cp_id>/firmware-reports/",
        FirmwareReports.as_view(),
        name="api-firmware-reports",
    ),
]
