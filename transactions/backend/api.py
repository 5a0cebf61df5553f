"""The API's door to what the backend is told of sessions: look, and have what was given up told again."""

from uuid import UUID

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from csms.core.api_data import Moment, Shape
from csms.core.api_errors import refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery
from transactions.backend.models import SessionReport
from transactions.backend.services import replay, replay_all

CHAPTER = "Transactions"


class SessionReportShape(Shape):
    """What the backend is to be told of one session, and how far that has come."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(
        SessionReport.Kind.choices, help_text="`open`: it began; `close`: how it ended."
    )
    cp_id = serializers.CharField()
    transaction_id = serializers.CharField(help_text="The id on the wire.")
    state = serializers.ChoiceField(
        SessionReport.State.choices,
        help_text="`pending` while it is being delivered, `delivered`, `dead` once it was given up.",
    )
    attempts = serializers.IntegerField()
    created_at = Moment()
    next_attempt_at = Moment(source="due_at", allow_null=True, help_text="Null if none is due.")
    last_attempt_at = Moment(source="last_at", allow_null=True)
    last_error = serializers.CharField(help_text="Why the last attempt was in vain; else empty.")
    token_status = serializers.CharField(
        help_text="What the backend said of the id token in its answer; else empty."
    )
    delivered_at = Moment(allow_null=True)


class ReplayedSessionsShape(Shape):
    """How many tellings were given up, and are delivered again now."""

    replayed = serializers.IntegerField()


class SessionReportQuery(PageQuery):
    """Which tellings are listed."""

    state = serializers.ChoiceField(SessionReport.State.choices, required=False)
    kind = serializers.ChoiceField(SessionReport.Kind.choices, required=False)
    cp_id = serializers.CharField(required=False)
    transaction_id = serializers.CharField(required=False)


class SessionReports(ApiView):
    """The tellings."""

    chapter = CHAPTER
    query = SessionReportQuery

    @extend_schema(
        operation_id="list_backend_sessions",
        summary="List what the backend is told of sessions",
        description="Newest first. Empty unless a backend is or was configured (`BACKEND_BASE_URL`).",
        responses={200: paged(SessionReportShape)},
    )
    def get(self, request: Request) -> Response:
        """List them."""
        rows = SessionReport.objects.filter(
            **{
                name: self.asked[name]
                for name in ("state", "kind", "cp_id", "transaction_id")
                if name in self.asked
            }
        )
        return self.page(rows, order=("-pk",), shape=SessionReportShape)


class ReplaySession(ApiView):
    """Replay one."""

    chapter = CHAPTER
    scope = "admin"

    @extend_schema(
        operation_id="replay_backend_session",
        summary="Tell the backend of a session again",
        description="Begins a new series of attempts at once for what was given up; its idempotency key stays the "
        "same. Scope `admin`.",
        request=None,
        responses={
            200: SessionReportShape,
            409: error(
                "It was not given up.",
                {"not_dead": "it was not given up: it was delivered, or is tried again by itself"},
            ),
        },
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Replay it."""
        report: SessionReport = found(SessionReport.objects.filter(pk=id).first(), "session report", id)
        with refusals():
            replay(report, now=timezone.now())
        report.refresh_from_db()
        return Response(SessionReportShape(report).data)


class ReplaySessions(ApiView):
    """Replay all."""

    chapter = CHAPTER
    scope = "admin"

    @extend_schema(
        operation_id="replay_backend_sessions",
        summary="Tell the backend again of all sessions that were given up",
        description="Begins a new series of attempts for each. Scope `admin`.",
        request=None,
        responses={200: ReplayedSessionsShape},
    )
    def post(self, request: Request) -> Response:
        """Replay them."""
        return Response(ReplayedSessionsShape({"replayed": replay_all(now=timezone.now())}).data)


urlpatterns: list[URLPattern] = [
    path("backend/sessions/", SessionReports.as_view(), name="api-backend-sessions"),
    path("backend/sessions/replay/", ReplaySessions.as_view(), name="api-replay-backend-sessions"),
    path("backend/sessions/<uuid:id>/replay/", ReplaySession.as_view(), name="api-replay-backend-session"),
]
