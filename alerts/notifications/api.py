"""The API's door to notifications: the log of what channels were told, and tests of channels."""

from typing import Any, ClassVar
from uuid import UUID

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.channels.api import CHAPTER, ONE, channel_or_404
from alerts.models import Severity
from alerts.notifications import selectors, testing
from alerts.notifications.models import Notification, Part
from csms.core.api_data import Moment, Shape
from csms.core.api_errors import refusals
from csms.core.api_views import ApiView, WindowQuery, found, paged


class NotificationShape(Shape):
    """One message to one channel, and what became of it."""

    id = serializers.UUIDField(
        help_text="Of a webhook the receiver's `webhook-id` is `msg_` and this in hex."
    )
    kind = serializers.ChoiceField(Notification.Kind.choices)
    channel_id = serializers.UUIDField(allow_null=True, help_text="Null if the channel was removed.")
    channel_name = serializers.CharField(help_text="As it was then.")
    severity = serializers.ChoiceField(Severity.choices, help_text="Of the worst of its alerts.")
    state = serializers.ChoiceField(
        Notification.State.choices,
        help_text="`planned` until it is sent, after failures too; `failed` when it is given up; `suppressed` if it "
        "was not to be told.",
    )
    why = serializers.CharField(help_text="Why it was suppressed, or given up.")
    created_at = Moment()
    next_attempt_at = Moment(source="next_at", allow_null=True)
    attempts = serializers.IntegerField()
    last_attempt_at = Moment(source="last_at", allow_null=True)
    status = serializers.IntegerField(
        allow_null=True, help_text="Of HTTP, or 250 by SMTP; null without an answer."
    )
    latency_ms = serializers.IntegerField(allow_null=True)
    outcome = serializers.CharField(help_text="What the receiver answered, or why there was no answer.")
    sent_at = Moment(allow_null=True)
    title = serializers.CharField(help_text="As it was said last; empty before.")


class PartShape(Shape):
    """An alert that it tells of."""

    alert_id = serializers.UUIDField()
    what = serializers.ChoiceField(Part.What.choices)


class NotificationDetailsShape(NotificationShape):
    """One message, with its words and its alerts."""

    text = serializers.CharField(
        help_text="A part of it may be a charge point's own words; hostile until proven otherwise."
    )
    parts = PartShape(many=True)


class NotificationQuery(WindowQuery):
    """Which notifications are listed."""

    sortable: ClassVar[dict[str, tuple[str, ...]]] = {"id": ("pk",)}
    channel_id = serializers.UUIDField(required=False)
    alert_id = serializers.UUIDField(required=False, help_text="Those that tell of this alert.")
    state = serializers.ChoiceField(Notification.State.choices, required=False)
    kind = serializers.ChoiceField(Notification.Kind.choices, required=False)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; here the window has no bounds unless it is asked for."""
        fields = super().get_fields()
        fields["from"].help_text = "Planned at this time or later."
        fields["to"].help_text = "Planned before this time."
        return fields


class Notifications(ApiView):
    """The log."""

    chapter = CHAPTER
    query = NotificationQuery

    @extend_schema(
        operation_id="list_notifications",
        summary="List what channels were told",
        description="The newest first. Kept for `CSMS_RETAIN_ALERTS_DAYS`.",
        responses={200: paged(NotificationShape)},
    )
    def get(self, request: Request) -> Response:
        """List notifications."""
        asked = self.asked
        names = ("channel_id", "state", "kind")
        rows = selectors.notifications().filter(**{name: asked[name] for name in names if name in asked})
        if "alert_id" in asked:
            rows = selectors.of_alert(rows, asked["alert_id"])
        if "from" in asked:
            rows = rows.filter(created_at__gte=asked["from"])
        if "to" in asked:
            rows = rows.filter(created_at__lt=asked["to"])
        return self.page(rows, order=("-pk",), shape=NotificationShape)


class OneNotification(ApiView):
    """One notification."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="get_notification",
        summary="Show what a channel was told",
        description="With its words and its alerts.",
        responses={200: NotificationDetailsShape},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show a notification."""
        rows = selectors.notifications().prefetch_related("parts")
        return Response(NotificationDetailsShape(found(rows.filter(pk=id).first(), "notification", id)).data)


class TestChannel(ApiView):
    """Test."""

    __test__ = False  # of the house, not one of pytest's
    chapter = CHAPTER
    scope = "admin"

    @extend_schema(
        operation_id="test_alert_channel",
        summary="Send a test to a channel",
        description="By the same way as alerts, once and at once, whatever its quiet hours and bounds, also if it is "
        "disabled, and answers what became of it. Scope `admin`.",
        request=None,
        responses={200: NotificationDetailsShape},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Test."""
        with refusals():
            self.begun = testing.begin_test(channel_or_404(id), by=str(request.user), now=timezone.now())
        response = Response()
        response.replay_as = {"notification": str(self.begun.pk)}  # type: ignore[attr-defined]
        return response

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Send it, now that it is kept: nobody waits for a receiver within a transaction."""
        begun: Notification | None = getattr(self, "begun", None)
        if begun is not None and response.status_code == 200:
            response.data = NotificationDetailsShape(testing.finish_test(begun, now=timezone.now())).data
        return super().finalize_response(request, response, *args, **kwargs)

    def replay(self, request: Request, kept: dict[str, Any]) -> Response:
        """Answer a repeat with the test as it is now."""
        row = selectors.notifications().filter(pk=kept["notification"]).first()
        return Response(NotificationDetailsShape(found(row, "notification", kept["notification"])).data)


urlpatterns: list[URLPattern] = [
    path("notifications/", Notifications.as_view(), name="api-notifications"),
    path("notifications/<uuid:id>/", OneNotification.as_view(), name="api-notification"),
    path(f"{ONE}test/", TestChannel.as_view(), name="api-test-alert-channel"),
]
