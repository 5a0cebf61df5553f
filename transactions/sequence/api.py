"""The API's door to the numbered events of transactions."""

from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from csms.core.api_data import Flag, Moment, Shape
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery
from transactions.selectors import transactions
from transactions.sequence.facts import KINDS
from transactions.sequence.ledger import answer_of
from transactions.sequence.models import TransactionEvent
from transactions.sequence.selectors import transaction_events


class TransactionEventShape(Shape):
    """One TransactionEvent of OCPP 2.x, as it came; its words are in its frame, its readings among the meter values."""

    id = serializers.UUIDField()
    seq_no = serializers.IntegerField(
        allow_null=True, help_text="Its number; null where it carried no usable one."
    )
    twin = serializers.IntegerField(
        help_text="0; of events that say something else under a number that was used: 1 and on."
    )
    event_type = serializers.ChoiceField(KINDS, source="kind")
    trigger_reason = serializers.CharField(source="trigger", help_text="In OCPP's words.")
    charging_state = serializers.CharField(help_text="In OCPP's words; empty if it told none.")
    stopped_reason = serializers.CharField()
    occurred_at = Moment(help_text="By the charge point's clock if believable, else when it was received.")
    received_at = Moment(help_text="By our clock.")
    offline = serializers.BooleanField(
        help_text="The charge point says that it happened while it was offline."
    )
    evse_id = serializers.IntegerField(source="evse_number", allow_null=True)
    evse_connector_id = serializers.IntegerField(source="evse_connector", allow_null=True)
    token_type = serializers.CharField(help_text="Of the token in it, in OCPP's words; empty without one.")
    remote_start_id = serializers.IntegerField(allow_null=True)
    reservation_id = serializers.IntegerField(allow_null=True)
    answer = serializers.SerializerMethodField(help_text="What it was answered.")
    frame_id = serializers.UUIDField(
        allow_null=True, help_text="Of the frame that it came in, while that is kept."
    )

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_answer(self, event: TransactionEvent) -> dict[str, Any]:
        """Return the payload of the answer."""
        return answer_of(event)


class TransactionEventQuery(PageQuery):
    """Which events of a transaction are listed."""

    event_type = serializers.ChoiceField(KINDS, required=False)
    offline = Flag(required=False, help_text="Told as having happened while it was offline, or not.")


class TransactionEvents(ApiView):
    """The numbered events of one transaction."""

    chapter = "Transactions"
    query = TransactionEventQuery

    @extend_schema(
        operation_id="list_transaction_events",
        summary="List the numbered events of a transaction",
        description="In the order in which they came; `seq_no` has that in which they happened. OCPP 2.x only.",
        responses={200: paged(TransactionEventShape)},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """List events."""
        transaction = found(transactions().filter(pk=id).first(), "transaction", id)
        rows = transaction_events(transaction)
        if "event_type" in self.asked:
            rows = rows.filter(kind=self.asked["event_type"])
        if "offline" in self.asked:
            rows = rows.filter(offline=self.asked["offline"])
        return self.page(rows, order=("pk",), shape=TransactionEventShape)


urlpatterns = [
    path("transactions/<uuid:id>/events/", TransactionEvents.as_view(), name="api-transaction-events"),
]
