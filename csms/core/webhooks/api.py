"""The API's door to webhooks: make them, look after them, and see what is posted to them."""

from typing import Any, ClassVar
from uuid import UUID

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from csms.core.api_data import Flag, read_body
from csms.core.api_errors import refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, made, paged
from csms.core.events.reading import gone_before
from csms.core.paging import PageQuery
from csms.core.webhooks import deliveries_api, selectors, services, shapes
from csms.core.webhooks.deliveries_api import CHAPTER, ROOM
from csms.core.webhooks.models import Delivery, Endpoint

EXAMPLE = OpenApiExample(
    "sessions of two depots",
    value={
        "name": "billing",
        "url": "https://billing.example.org/hooks/csms",
        "types": ["tx.started", "tx.stopped"],
        "charge_points": ["BERLIN-*", "HAMBURG-*"],
    },
    request_only=True,
)
MESSAGES = OpenApiExample(
    "messages of one charge point, and its connections",
    value={
        "name": "watch CP-017",
        "url": "https://tools.example.org/watch",
        "types": ["cp.connected", "cp.disconnected", "cp.ocpp_frames"],
        "charge_points": ["CP-017"],
        "directions": ["in"],
        "contains": ["Faulted"],
    },
    request_only=True,
)


class WebhookQuery(PageQuery):
    """Which webhooks are listed."""

    sortable: ClassVar[dict[str, tuple[str, ...]]] = {
        "name": ("name",),
        "created_at": ("created_at", "pk"),
        "failing_since": ("failing_since", "pk"),
    }
    state = serializers.ChoiceField(selectors.STATES, required=False)
    enabled = Flag(required=False)


class Administered(ApiView):
    """The base of the views of this chapter: everybody may look, administrators change."""

    chapter = CHAPTER
    scope = "admin"


def webhook_or_404(id: UUID) -> Endpoint:
    """Return the endpoint. Raises 404."""
    endpoint: Endpoint = found(selectors.endpoints().filter(pk=id).first(), "webhook", id)
    return endpoint


def by_of(request: Request) -> str:
    """Return who asks, as it is kept."""
    return str(request.user)


def _details(endpoint: Endpoint) -> Response:
    unsettled = selectors.unsettled([endpoint])[endpoint.pk]
    shown = shapes.WebhookShape(endpoint).data | {
        "backlog": selectors.backlog(endpoint),
        "waiting": unsettled.waiting,
        "dead": unsettled.dead,
    }
    return Response(shown)


class Webhooks(Administered):
    """All webhooks."""

    query = WebhookQuery

    @extend_schema(
        operation_id="list_webhooks",
        summary="List webhooks",
        description="By name, unless another order is asked for.",
        responses={200: paged(shapes.WebhookShape)},
    )
    def get(self, request: Request) -> Response:
        """List webhooks."""
        rows = selectors.endpoints()
        if "state" in self.asked:
            rows = selectors.in_state(rows, self.asked["state"])
        if "enabled" in self.asked:
            rows = rows.filter(enabled=self.asked["enabled"])
        return self.page(rows, order=("name",), shape=shapes.WebhookShape)

    @extend_schema(
        operation_id="create_webhook",
        summary="Make a webhook",
        description="Posts the events that pass its filter to a URL, from now on, as **Standard Webhooks** has it: see "
        "the webhook `event` of this document. The secret is in this answer and never shown again; with an "
        f"`Idempotency-Key` a repeat shows it, too. There are {services.ENDPOINTS_MAX} at most. Scope `admin`.",
        request=shapes.NewWebhook,
        responses={
            201: shapes.NewWebhookShape,
            409: error(
                "There are too many.", {"too_many": "there are 100 webhooks already, which is the most"}
            ),
        },
        examples=[EXAMPLE, MESSAGES],
    )
    def post(self, request: Request) -> Response:
        """Make a webhook."""
        body = read_body(request, shapes.NewWebhook)
        plain = {name: body.pop(name) for name in ("name", "url", "enabled")}
        with refusals():
            endpoint, secret = services.create_endpoint(
                **plain, filter=body, by=by_of(request), now=timezone.now()
            )
        shown = shapes.WebhookShape(endpoint).data | {"secret": secret}
        return made(shown, "api-webhook", endpoint.pk)


class OneWebhook(Administered):
    """One webhook."""

    @extend_schema(
        operation_id="get_webhook",
        summary="Show a webhook",
        description="With what is before it.",
        responses={200: shapes.WebhookDetailsShape},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show a webhook."""
        return _details(webhook_or_404(id))

    @extend_schema(
        operation_id="change_webhook",
        summary="Change a webhook",
        description="Counts for what is posted from now on; what waits already is posted to the new URL, whatever the "
        "new filter. Scope `admin`.",
        request=shapes.WebhookChanges,
        responses={200: shapes.WebhookDetailsShape},
        examples=[OpenApiExample("switch it off", value={"enabled": False}, request_only=True)],
    )
    def patch(self, request: Request, id: UUID) -> Response:
        """Change a webhook."""
        changes = read_body(request, shapes.WebhookChanges)
        with refusals():
            endpoint = services.change_endpoint(
                webhook_or_404(id), changes, by=by_of(request), now=timezone.now()
            )
        return _details(endpoint)

    @extend_schema(
        operation_id="delete_webhook",
        summary="Delete a webhook",
        description="With its log of deliveries. Nobody sees either any more; the rows go a day later. Scope "
        "`admin`.",
        responses={204: None},
    )
    def delete(self, request: Request, id: UUID) -> Response:
        """Delete a webhook."""
        with refusals():
            services.delete_endpoint(webhook_or_404(id), by=by_of(request), now=timezone.now())
        return Response(status=204)


class WebhookSecret(Administered):
    """The secret of a webhook."""

    @extend_schema(
        operation_id="rotate_webhook_secret",
        summary="Give a webhook a new secret",
        description="What is posted has two signatures for 24 hours, with the new secret and with the one before; a "
        "third, older one ends at once. Scope `admin`.",
        request=None,
        responses={200: shapes.WebhookSecretShape},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Rotate the secret."""
        with refusals():
            endpoint, secret = services.rotate_secret(
                webhook_or_404(id), by=by_of(request), now=timezone.now()
            )
        shown = {"secret": secret, "older_signs_until": endpoint.older_signs_until}
        return Response(shapes.WebhookSecretShape(shown).data)


class PauseWebhook(Administered):
    """Pause."""

    @extend_schema(
        operation_id="pause_webhook",
        summary="Pause a webhook",
        description="Posts nothing to it until it is resumed. Its place is kept, for as long as the events are. Of one "
        "that is paused already nothing changes. Scope `admin`.",
        request=shapes.PauseReason,
        responses={200: shapes.WebhookDetailsShape},
        examples=[OpenApiExample("maintenance", value={"why": "their maintenance"}, request_only=True)],
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Pause."""
        why = read_body(request, shapes.PauseReason)["why"]
        with refusals():
            endpoint = services.pause_endpoint(
                webhook_or_404(id), why=why, by=by_of(request), now=timezone.now()
            )
        return _details(endpoint)


class ResumeWebhook(Administered):
    """Resume."""

    @extend_schema(
        operation_id="resume_webhook",
        summary="Resume a webhook",
        description="Goes on where it stopped, at once: also if it is being left alone, or disabled. Its changes tell "
        "how many events it misses, because they are kept no longer or since it goes on from now. Scope `admin`.",
        request=shapes.Resumption,
        responses={200: shapes.WebhookDetailsShape},
        examples=[
            OpenApiExample("with what happens from now on", value={"from_now": True}, request_only=True)
        ],
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Resume."""
        from_now = read_body(request, shapes.Resumption)["from_now"]
        with refusals():
            endpoint = services.resume_endpoint(
                webhook_or_404(id), from_now=from_now, by=by_of(request), now=timezone.now()
            )
        return _details(endpoint)


class TestWebhook(Administered):
    """Test."""

    __test__ = False  # of the house, not one of pytest's

    @extend_schema(
        operation_id="test_webhook",
        summary="Post a test to a webhook",
        description="Posts an event `webhook.test`, once and at once, also to one that is paused or disabled, and "
        "answers what became of it. Scope `admin`.",
        request=None,
        responses={200: shapes.DeliveryShape},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Test."""
        with refusals():
            self.begun = services.begin_test(webhook_or_404(id), by=by_of(request), now=timezone.now())
        response = Response()
        response.replay_as = {"delivery": str(self.begun.pk)}  # type: ignore[attr-defined]
        return response

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Post it, now that it is kept: nobody waits for a receiver within a transaction."""
        begun: Delivery | None = getattr(self, "begun", None)
        if begun is not None and response.status_code == 200:
            response.data = shapes.DeliveryShape(services.finish_test(begun, now=timezone.now())).data
        return super().finalize_response(request, response, *args, **kwargs)

    def replay(self, request: Request, kept: dict[str, Any]) -> Response:
        """Answer a repeat with the test as it is now."""
        row = selectors.deliveries().filter(pk=kept["delivery"]).first()
        return Response(shapes.DeliveryShape(found(row, "delivery", kept["delivery"])).data)


class ReplayWebhook(Administered):
    """Replay."""

    @extend_schema(
        operation_id="replay_webhook",
        summary="Post events to a webhook again",
        description="Either all dead deliveries, or all that was recorded since a time and passes the filter now: its "
        "place is moved back, after at most half a minute in which it ends what it does. Each event keeps its id. "
        "Scope `admin`.",
        request=shapes.Replay,
        responses={200: shapes.ReplayedShape, 409: error("No more deliveries may wait.", ROOM)},
        examples=[
            OpenApiExample("what was given up", value={}, request_only=True),
            OpenApiExample("of yesterday", value={"since": "2026-03-03T00:00:00Z"}, request_only=True),
        ],
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Replay."""
        asked = read_body(request, shapes.Replay)
        endpoint, by, now = webhook_or_404(id), by_of(request), timezone.now()
        shown: dict[str, Any] = {"deliveries": 0, "events": 0, "gone_before": None}
        with refusals():
            if "since" in asked:
                shown["gone_before"] = gone_before(asked["since"], now)
                shown["events"] = services.replay_since(endpoint, since=asked["since"], by=by, now=now)
            else:
                shown["deliveries"] = services.replay_dead(endpoint, by=by, now=now)
        return Response(shapes.ReplayedShape(shown).data)


class DiscardDead(Administered):
    """Discard."""

    @extend_schema(
        operation_id="discard_dead_deliveries",
        summary="Discard the dead deliveries of a webhook",
        description=f"The log keeps them as skipped. The oldest {services.DISCARDED_MAX} at once. Scope `admin`.",
        request=None,
        responses={200: shapes.DiscardedShape},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Discard."""
        with refusals():
            discarded = services.discard_dead(webhook_or_404(id), by=by_of(request), now=timezone.now())
        return Response(shapes.DiscardedShape({"deliveries": discarded}).data)


class WebhookChanges(Administered):
    """What was done to a webhook."""

    query = PageQuery

    @extend_schema(
        operation_id="list_webhook_changes",
        summary="List what was done to a webhook, and by whom",
        description="The newest first.",
        responses={200: paged(shapes.WebhookChangeShape)},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """List changes."""
        rows = selectors.changes(webhook_or_404(id))
        return self.page(rows, order=("-pk",), shape=shapes.WebhookChangeShape)


ONE = "webhooks/<uuid:id>/"

urlpatterns: list[URLPattern] = [
    path("webhooks/", Webhooks.as_view(), name="api-webhooks"),
    path(ONE, OneWebhook.as_view(), name="api-webhook"),
    path(f"{ONE}secret/", WebhookSecret.as_view(), name="api-webhook-secret"),
    path(f"{ONE}pause/", PauseWebhook.as_view(), name="api-pause-webhook"),
    path(f"{ONE}resume/", ResumeWebhook.as_view(), name="api-resume-webhook"),
    path(f"{ONE}test/", TestWebhook.as_view(), name="api-test-webhook"),
    path(f"{ONE}replay/", ReplayWebhook.as_view(), name="api-replay-webhook"),
    path(f"{ONE}discard-dead/", DiscardDead.as_view(), name="api-discard-dead-deliveries"),
    path(f"{ONE}changes/", WebhookChanges.as_view(), name="api-webhook-changes"),
    *deliveries_api.urlpatterns,
]
