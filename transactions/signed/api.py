"""The API's door to signed readings: as they came, with their keys, and as a file for transparency software."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from csms.core.api_data import Moment, Shape
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery
from transactions.models import Transaction
from transactions.selectors import transactions
from transactions.signed.models import SignedReading
from transactions.signed.selectors import key_of, signed_readings
from transactions.signed.transparency import transparency_file

FILE_MAX = 5000  # readings of a file, the first of the transaction


class SignedReadingShape(Shape):
    """One signed reading, byte for byte."""

    id = serializers.UUIDField()
    evse_id = serializers.IntegerField(source="evse_number", allow_null=True)
    sampled_at = Moment(help_text="By the charge point's clock if believable, else when it was received.")
    context = serializers.SerializerMethodField(  # type: ignore[assignment]  # DRF takes fields out of the class
        help_text="Such as `Transaction.Begin`."
    )
    measurand = serializers.CharField()
    signed_meter_data = serializers.CharField(source="data", help_text="As it came, mostly base64.")
    signing_method = serializers.CharField()
    encoding_method = serializers.CharField()
    public_key = serializers.SerializerMethodField(help_text="As it came; empty where it was never told.")
    public_key_from = serializers.SerializerMethodField(
        help_text="Where that key was told: with this `value`, with an `earlier` one of its meter, with a `later` one "
        "of the transaction, or among the settings of the `charge_point`; empty: nowhere."
    )
    meter_value = serializers.UUIDField(
        source="meter_value_id", allow_null=True, help_text="The `id` of the reading that it came with."
    )

    def get_context(self, reading: SignedReading) -> str:
        """Return the context."""
        return reading.context or "Sample.Periodic"

    def get_public_key(self, reading: SignedReading) -> str:
        """Return the key."""
        return key_of(reading)[0]

    def get_public_key_from(self, reading: SignedReading) -> str:
        """Return where it was told."""
        return key_of(reading)[1]


class SignedReadings(ApiView):
    """The signed readings of one transaction."""

    chapter = "Transactions"
    query = PageQuery

    @extend_schema(
        operation_id="list_transaction_signed_readings",
        summary="List the signed readings of a transaction",
        description="In the order in which they came, byte for byte. OCPP 2.x only.",
        responses={200: paged(SignedReadingShape)},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """List signed readings."""
        rows = signed_readings(transaction_or_404(id))
        return self.page(rows, order=("pk",), shape=SignedReadingShape)


class AsXml(JSONRenderer):
    """Lets clients ask for `application/xml`; what is rendered, an error, is JSON all the same."""

    media_type = "application/xml"


class TransparencyFile(ApiView):
    """The signed readings of one transaction as a file."""

    chapter = "Transactions"
    renderer_classes = [JSONRenderer, AsXml]

    @extend_schema(
        operation_id="download_transaction_signed_readings",
        summary="Download the signed readings of a transaction",
        description="As the XML file that transparency software (S.A.F.E.) reads. It has at most "
        f"{FILE_MAX} readings: where there are more, the header `X-Export-Complete` is `false`.",
        responses={(200, "application/xml"): OpenApiResponse(OpenApiTypes.BINARY, description="The file.")},
    )
    def get(self, request: Request, id: UUID) -> HttpResponseBase:
        """Download signed readings."""
        return transparency_response(transaction_or_404(id))


def transparency_response(transaction: Transaction) -> HttpResponse:
    """Return the file of a transaction as an attachment."""
    rows = list(signed_readings(transaction).order_by("pk")[: FILE_MAX + 1])
    whole = len(rows) <= FILE_MAX
    parts = transparency_file(rows[:FILE_MAX], transaction.transaction_id)
    name = f"{transaction.transaction_id}.xml"
    headers = {
        "Content-Disposition": content_disposition_header(True, name) or "attachment",
        "X-Export-Complete": "true" if whole else "false",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse("".join(parts), content_type="application/xml", headers=headers)


def transaction_or_404(id: UUID) -> Transaction:
    """Return the transaction. Raises 404."""
    transaction: Any = found(transactions().filter(pk=id).first(), "transaction", id)
    return transaction  # type: ignore[no-any-return]


urlpatterns = [
    path(
        "transactions/<uuid:id>/signed-readings/",
        SignedReadings.as_view(),
        name="api-transaction-signed-readings",
    ),
    path(
        "transactions/<uuid:id>/signed-readings/file/",
        TransparencyFile.as_view(),
        name="api-transaction-signed-file",
    ),
]
