"""The API's door to deliveries of webhooks, and what is posted, for the schema."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, OpenApiWebhook, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from csms.core.api_errors import refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, WindowQuery, found, paged
from csms.core.ids import uuid7_floor
from csms.core.outbound.retries import ATTEMPTS_MAX
from csms.core.paging import cut
from csms.core.webhooks import selectors, services
from csms.core.webhooks.models import Delivery
from csms.core.webhooks.shapes import DeliveryShape

CHAPTER = "Webhooks"
ORDER = ("-pk",)
ASKED = {"webhook_id": "endpoint"} | {name: name for name in ("event_id", "cp_id", "state", "type")}
"""The column of each condition."""
ROOM = {"too_many_waiting": "10000 deliveries wait already; let them be delivered first"}


class DeliveryQuery(WindowQuery):
    """Which deliveries are listed."""

    webhook_id = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(Delivery.State.choices, required=False)
    type = serializers.CharField(required=False, help_text="The event's.")
    cp_id = serializers.CharField(required=False, help_text="As the event has it.")
    event_id = serializers.UUIDField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; here the window has no bounds unless it is asked for."""
        fields = super().get_fields()
        fields["from"].help_text = "Begun at this time or later."
        fields["to"].help_text = "Begun before this time."
        return fields


class Deliveries(ApiView):
    """The log of deliveries."""

    chapter = CHAPTER
    query = DeliveryQuery

    @extend_schema(
        operation_id="list_webhook_deliveries",
        summary="List deliveries",
        description="The newest first. Kept as long as events (`CSMS_RETAIN_EVENTS_DAYS`). Where no index knows what "
        f"is asked for, {selectors.SCANNED} deliveries are looked at for a page: it may have few rows, or none, though "
        "there is a `next_cursor`, and `count` is that of what was looked at so far, with `count_capped`.",
        responses={200: paged(DeliveryShape)},
    )
    def get(self, request: Request) -> Response:
        """List deliveries."""
        rows, rest = self._found()
        if not rest or self.as_file:
            return self.page(rows.filter(**rest), order=ORDER, shape=DeliveryShape)
        rows, beyond = cut(rows, order=ORDER, at=selectors.SCANNED, cursor=self.asked.get("cursor"))
        response = self.page(rows.filter(**rest), order=ORDER, shape=DeliveryShape)
        if beyond is not None:
            if "count" in response.data:
                response.data["count_capped"] = True
            if response.data["next_cursor"] is None:
                response.data["next_cursor"] = beyond
                self._lead_on(response, beyond, None)
        return response

    def _found(self) -> tuple[QuerySet[Delivery], dict[str, Any]]:
        """Return the rows that an index finds, in order, and what else is asked of them."""
        asked = {name: self.asked[name] for name in ASKED if name in self.asked}
        unsettled = asked.get("state") in selectors.UNSETTLED
        by = next((name for name in ("event_id", "cp_id") if name in asked), None)
        names = [by] if by else ["webhook_id", "state"] if unsettled else ["webhook_id"]
        rows = selectors.deliveries()
        for name in names:
            if name in asked:
                rows = rows.filter(**{ASKED[name]: asked.pop(name)})
        if "from" in self.asked:
            rows = rows.filter(pk__gte=uuid7_floor(self.asked["from"]))
        if "to" in self.asked:
            rows = rows.filter(pk__lt=uuid7_floor(self.asked["to"]))
        return rows, {ASKED[name]: value for name, value in asked.items()}


def _delivery_or_404(id: UUID) -> Delivery:
    delivery: Delivery = found(selectors.deliveries().filter(pk=id).first(), "delivery", id)
    return delivery


class OneDelivery(ApiView):
    """One delivery."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="get_webhook_delivery",
        summary="Show a delivery",
        description="With what became of its last attempt.",
        responses={200: DeliveryShape},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show a delivery."""
        return Response(DeliveryShape(_delivery_or_404(id)).data)


class ReplayDelivery(ApiView):
    """Replay one."""

    chapter = CHAPTER
    scope = "admin"
    REFUSED: ClassVar[dict[str, str]] = {
        "event_gone": "its event is kept no longer",
        "test": "it was a test; make another one",
    }

    @extend_schema(
        operation_id="replay_webhook_delivery",
        summary="Post the event of a delivery again",
        description="Whatever became of it: begins a new series of attempts, in the place that it has among those of "
        "its charge point; the event keeps its id. While the webhook is paused or disabled it waits. Scope `admin`.",
        request=None,
        responses={200: DeliveryShape, 409: error("It cannot be posted again.", REFUSED | ROOM)},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Replay."""
        with refusals():
            delivery = services.replay_delivery(
                _delivery_or_404(id), by=str(request.user), now=timezone.now()
            )
        return Response(DeliveryShape(delivery).data)


_MESSAGE = {
    "type": "object",
    "required": ["type", "timestamp", "data"],
    "properties": {
        "type": {
            "type": "string",
            "description": "The event's, such as `tx.started`; a test's is `webhook.test`.",
        },
        "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
        "data": {
            "type": "object",
            "description": "The event, as the stream of events has it.",
            "required": [
                "event_id",
                "type",
                "schema_version",
                "occurred_at",
                "recorded_at",
                "cp_id",
                "payload",
            ],
            "properties": {
                "event_id": {"type": "string", "format": "uuid"},
                "type": {"type": "string"},
                "schema_version": {"type": "integer"},
                "occurred_at": {"type": "string", "format": "date-time"},
                "recorded_at": {"type": "string", "format": "date-time"},
                "cp_id": {"type": "string", "description": "Empty if it is of no single charge point."},
                "sequence": {
                    "type": "integer",
                    "description": "Among the events of its charge point, without gaps.",
                },
                "position": {"type": "integer", "description": "Among all events."},
                "trace_id": {"type": "string"},
                "payload": {"type": "object", "description": "As the type has it: docs/events.md."},
            },
        },
    },
}
EVENT = OpenApiWebhook(
    "event",
    extend_schema(
        operation_id="event",
        tags=[CHAPTER],
        summary="Something has happened",
        description="Posted to the webhooks whose filter it passes, at least once.\n\n"
        "Signed as **Standard Webhooks** has it: `webhook-id` is the event's id, the same in every attempt and replay "
        "(do nothing twice for one); `webhook-timestamp` are seconds since 1970; `webhook-signature` is `v1,` and the "
        "base64 of the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` with the webhook's secret (what "
        "follows `whsec_`, decoded). While the secret is being rotated there are two, separated by a space: one that "
        "fits is enough. Refuse a timestamp that is more than 5 minutes from your clock.\n\n"
        "Events of one charge point come in order: one that is not taken keeps those behind it waiting, not those of "
        f"others. Any 2xx counts as taken; everything else, redirects too, is tried again, {ATTEMPTS_MAX} times within "
        "little more than a day, later if `Retry-After` says so, and is dead then. 410 pauses the webhook.",
        request={"application/json": _MESSAGE},
        responses={
            200: OpenApiResponse(description="Taken; any other 2xx will do."),
            410: OpenApiResponse(description="Nothing is wanted here any more."),
        },
    ),
)

urlpatterns: list[URLPattern] = [
    path("webhooks/deliveries/", Deliveries.as_view(), name="api-webhook-deliveries"),
    path("webhooks/deliveries/<uuid:id>/", OneDelivery.as_view(), name="api-webhook-delivery"),
    path("webhooks/deliveries/<uuid:id>/replay/", ReplayDelivery.as_view(), name="api-replay-delivery"),
]
