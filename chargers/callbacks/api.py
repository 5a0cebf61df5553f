"""The API's door to callbacks: have one tried again, and what is posted, for the schema."""

from uuid import UUID

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.callbacks.models import Callback
from chargers.callbacks.services import NotNow, try_again
from chargers.callbacks.shapes import CallbackShape
from csms.core.api_errors import ApiError
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found


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
        try:
            try_again(callback, now=timezone.now())
        except NotNow as refusal:
            raise ApiError(409, refusal.code, str(refusal)) from refusal
        callback.refresh_from_db()
        return Response(CallbackShape(callback).data)


urlpatterns: list[URLPattern] = [
    path("commands/<uuid:id>/callback/retry/", RetryCallback.as_view(), name="api-retry-callback"),
]
