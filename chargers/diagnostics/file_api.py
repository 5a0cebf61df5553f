"""The API's door to the files that charge points uploaded: listed, downloaded, deleted."""

from uuid import UUID

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.commands.sending_api import author_of
from chargers.diagnostics import selectors
from chargers.diagnostics.downloads import Gone, download
from chargers.diagnostics.models import StoredFile
from chargers.diagnostics.uploads import delete_file
from csms.core.api_data import Moment, Shape
from csms.core.api_errors import ApiError
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery


class FileShape(Shape):
    """A file that a charge point uploaded."""

    id = serializers.UUIDField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    job_id = serializers.UUIDField(allow_null=True, help_text="The upload that was ordered.")
    name = serializers.CharField(help_text="For people; what the sender called it, made harmless.")
    content_type = serializers.CharField(help_text="As the sender claimed; nobody has looked.")
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField(help_text="Of the content, in hex digits.")
    received_at = Moment()


class FileQuery(PageQuery):
    """Which files are listed."""

    cp_id = serializers.CharField(
        required=False, help_text="Case does not matter; 404 for one that nobody knows."
    )


def _file_or_404(id: UUID) -> StoredFile:
    file: StoredFile = found(selectors.files().filter(pk=id).first(), "file", id)
    return file


class Files(ApiView):
    """All files."""

    chapter = "Firmware and logs"
    query = FileQuery

    @extend_schema(
        operation_id="list_files",
        summary="List files that charge points uploaded",
        description="Newest first. They are kept for `CSMS_RETAIN_FILES_DAYS`.",
        responses={200: paged(FileShape), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request) -> Response:
        """List files."""
        rows: QuerySet[StoredFile] = selectors.files()
        if "cp_id" in self.asked:
            rows = rows.filter(charge_point=charge_point_or_404(self.asked["cp_id"]))
        return self.page(rows, order=("-pk",), shape=FileShape)


class ChargePointFiles(ApiView):
    """Files of one charge point."""

    chapter = "Firmware and logs"
    query = PageQuery

    @extend_schema(
        operation_id="list_charge_point_files",
        summary="List the files of a charge point",
        description="Newest first.",
        responses={200: paged(FileShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List files."""
        rows = selectors.files().filter(charge_point=charge_point_or_404(cp_id))
        return self.page(rows, order=("-pk",), shape=FileShape)


class OneFile(ApiView):
    """One file."""

    chapter = "Firmware and logs"

    @extend_schema(operation_id="get_file", summary="Show a file", responses={200: FileShape})
    def get(self, request: Request, id: UUID) -> Response:
        """Show a file."""
        return Response(FileShape(_file_or_404(id)).data)

    @extend_schema(
        operation_id="delete_file",
        summary="Delete a file and its content",
        description="The event `file.deleted` tells who did. Scope `write`.",
        responses={204: None},
    )
    def delete(self, request: Request, id: UUID) -> Response:
        """Delete a file."""
        _file_or_404(id)
        delete_file(id, by=author_of(request).name, now=timezone.now())
        return Response(status=204)


NOT_THERE = "the content is not in the store any more"
GONE = error("The content is gone.", {"gone": NOT_THERE})


class AsItCame(JSONRenderer):
    """Lets clients ask for `application/octet-stream`; what is rendered, an error, is JSON all the same."""

    media_type = "application/octet-stream"


class Content(ApiView):
    """The content of one file."""

    chapter = "Firmware and logs"
    renderer_classes = [JSONRenderer, AsItCame]

    @extend_schema(
        operation_id="download_file",
        summary="Download a file",
        description="As the charge point sent it, always as an attachment of unknown type.",
        responses={
            (200, "application/octet-stream"): OpenApiResponse(
                OpenApiTypes.BINARY, description="The content."
            ),
            (410, "application/json"): GONE,
        },
    )
    def get(self, request: Request, id: UUID) -> HttpResponseBase:
        """Download a file."""
        file = _file_or_404(id)
        try:
            return download(request._request, file)
        except Gone:
            raise ApiError(410, "gone", NOT_THERE) from None
