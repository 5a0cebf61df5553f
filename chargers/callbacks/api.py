"""The API's door to callbacks: have one tried again, and what is posted, for the schema."""

from uuid import UUID

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, OpenApiWebhook, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.callbacks.delivery import TYPE
from chargers.callbacks.models import Callback
from chargers.callbacks.services import try_again
from chargers.callbacks.shapes import CallbackShape
from csms.core.api_errors import refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found
from csms.core.outbound.retries import ATTEMPTS_MAX


class RetryCallback(ApiView):
    """Try again."""

    chapter = "Commands"
    scope = "command"

    @extend_schema(
        operation_id="retry_callback",
        summary="Post the outcome of a command again",
        description="Begins a new series of attempts at once, whatever has become of the earlier ones; the message "
        "keeps its `webhook-id`. Scope `command`.",
        request=None,
        responses={
            200: CallbackShape,
            409: error(
                "There is nothing to post, or it was delivered.",
                {
                    "not_settled": "the command has no outcome yet; it will be posted when there is one",
                    "delivered": "the receiver has accepted the outcome; read the command if it was lost there",
                },
            ),
        },
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Try again."""
        callback: Callback = found(Callback.objects.filter(pk=id).first(), "callback", id)
        with refusals():
            try_again(callback, now=timezone.now())
        callback.refresh_from_db()
        return Response(CallbackShape(callback).data)


_MESSAGE = {
    "type": "object",
    "required": ["type", "timestamp", "data"],
    "properties": {
        "type": {"type": "string", "const": TYPE},
        "timestamp": {
            "type": "string",
            "format": "date-time",
            "description": "When the command had its outcome.",
        },
        "data": {"$ref": "#/components/schemas/Command"},
    },
}
COMMAND_FINISHED = OpenApiWebhook(
    TYPE,
    extend_schema(
        operation_id="command_finished",
        tags=["Commands"],
        summary="A command has its outcome",
        description="Posted to the `callback_url` of a command once it is `accepted`, `rejected`, `failed`, "
        "`timed_out`, `expired` or `cancelled`. `data` is the command as it is then; a late answer or an effect that "
        "is seen afterwards is posted no more.\n\n"
        "Signed as **Standard Webhooks** has it: `webhook-id` (the same in every attempt: do nothing twice for one), "
        "`webhook-timestamp` (seconds since 1970) and `webhook-signature`: `v1,` and the base64 of the HMAC-SHA256 of "
        "`{webhook-id}.{webhook-timestamp}.{body}` with the token's signing secret (what follows `whsec_`, decoded). "
        "While the secret is being rotated there are two signatures, separated by a space: one that fits is enough. "
        "Refuse a timestamp that is more than 5 minutes from your clock.\n\n"
        f"Any 2xx counts as delivered and 410 as never wanted again; everything else, redirects too, is tried again, "
        f"{ATTEMPTS_MAX} times within little more than a day, later if `Retry-After` says so. Deliveries may come out "
        "of order.",
        request={"application/json": _MESSAGE},
        responses={
            200: OpenApiResponse(description="Taken; any other 2xx will do."),
            410: OpenApiResponse(description="Not wanted, now and later."),
        },
    ),
)

urlpatterns: list[URLPattern] = [
    path("commands/<uuid:id>/callback/retry/", RetryCallback.as_view(), name="api-retry-callback"),
]
