"""The API's door to alerts: what is and was wrong, why, and that somebody looks after it."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts import life, selectors
from alerts.chapter import CHAPTER
from alerts.figures import PERIOD_MAX, response_figures
from alerts.incidents import api as incidents_api
from alerts.models import Alert, Severity
from alerts.rules import api as rules_api
from alerts.shapes import AlertDetailsShape, AlertFiguresRowShape, AlertShape
from alerts.silences import api as silences_api
from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.commands.sending_api import author_of
from csms.core.api_data import Body, Flag, Moment, Query, Shape, Word, read_body
from csms.core.api_errors import invalid, refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, Window, WindowQuery, found, paged

NOTE_MAX = 1000
NOT_FIRING = error(
    "The alert is not firing: it is resolved, or still pending.", {"not_firing": "the alert is resolved"}
)


class AlertQuery(WindowQuery):
    """Which alerts are listed."""

    sortable: ClassVar[dict[str, tuple[str, ...]]] = {
        "began_at": ("began_at", "pk"),
        "fired_at": ("fired_at", "pk"),
        "resolved_at": ("resolved_at", "pk"),
    }
    open = Flag(required=False, help_text="Those that are not resolved, or the others.")
    state = serializers.ChoiceField(Alert.State.choices, required=False)
    severity = serializers.ChoiceField(Severity.choices, required=False)
    rule = serializers.CharField(
        required=False, max_length=64, help_text="Its `slug`; 422 for one that nobody knows."
    )
    incident = serializers.UUIDField(required=False, help_text="The id of the incident that it belongs to.")
    cp_id = serializers.CharField(
        required=False, help_text="Case does not matter; 404 for one that nobody knows."
    )

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; here the window has no bounds unless it is asked for."""
        fields = super().get_fields()
        fields["from"].help_text = "Begun at this time or later."
        fields["to"].help_text = "Begun before this time."
        return fields


class Acknowledgement(Body):
    """That somebody looks after an alert."""

    note = Word(
        default="", allow_blank=True, max_length=NOTE_MAX, help_text="For the others; in the timeline."
    )


class Alerts(ApiView):
    """All alerts."""

    chapter = CHAPTER
    query = AlertQuery

    @extend_schema(
        operation_id="list_alerts",
        summary="List alerts",
        description="Those that began last first, unless another order is asked for. Resolved ones are kept for "
        "`CSMS_RETAIN_ALERTS_DAYS`.",
        responses={200: paged(AlertShape), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request) -> Response:
        """List alerts."""
        return self.page(self._asked_for(), order=("-began_at", "-pk"), shape=AlertShape)

    def _asked_for(self) -> QuerySet[Alert]:
        asked = self.asked
        known_rule(asked.get("rule", ""))
        rows = selectors.alerts().filter(
            **{name: asked[name] for name in ("state", "severity", "rule", "incident") if name in asked}
        )
        if "open" in asked:
            rows = rows.filter(resolved_at__isnull=asked["open"])
        if "from" in asked:
            rows = rows.filter(began_at__gte=asked["from"])
        if "to" in asked:
            rows = rows.filter(began_at__lt=asked["to"])
        if "cp_id" in asked:
            rows = rows.filter(charge_point=charge_point_or_404(asked["cp_id"]))
        return rows


def known_rule(slug: str) -> str:
    """Return the slug, or nothing. Raises 422 for one that nobody knows."""
    if slug and not selectors.is_known_rule(slug):
        raise invalid({"rule": ["There is no such rule, and no alert of one."]})
    return slug


def _exists(id: UUID) -> None:
    found(Alert.objects.filter(pk=id).first(), "alert", id)


def _shown(id: UUID) -> Response:
    alert = found(selectors.alerts().prefetch_related("timeline").filter(pk=id).first(), "alert", id)
    return Response(AlertDetailsShape(alert).data)


class OneAlert(ApiView):
    """One alert."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="get_alert",
        summary="Show an alert",
        description="With its timeline.",
        responses={200: AlertDetailsShape},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show an alert."""
        return _shown(id)


class AcknowledgeAlert(ApiView):
    """Acknowledge."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="acknowledge_alert",
        summary="Acknowledge an alert",
        description="Says that somebody looks after it. It stays acknowledged until its condition ends. Idempotent: "
        "who acknowledged it first stands, with that note. Scope `write`.",
        request=Acknowledgement,
        responses={
            200: AlertDetailsShape,
            409: NOT_FIRING,
        },
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Acknowledge an alert."""
        note = read_body(request, Acknowledgement)["note"]
        _exists(id)
        with refusals():
            life.acknowledge_alert(id, by=author_of(request).name, note=note, now=timezone.now())
        return _shown(id)


class Assignment(Body):
    """Who is to look after an alert."""

    assignee = Word(
        allow_blank=True, max_length=life.NAME_MAX, help_text="A name, printable; empty for nobody."
    )
    note = Word(
        default="", allow_blank=True, max_length=NOTE_MAX, help_text="For the others; in the timeline."
    )


class AssignAlert(ApiView):
    """Assign."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="assign_alert",
        summary="Assign an alert",
        description="Says who is to look after it. Idempotent: of one that is assigned so already nothing changes. "
        "Scope `write`.",
        request=Assignment,
        responses={200: AlertDetailsShape, 409: NOT_FIRING},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Assign an alert."""
        body = read_body(request, Assignment)
        _exists(id)
        with refusals():
            life.assign_alert(
                id, body["assignee"], by=author_of(request).name, note=body["note"], now=timezone.now()
            )
        return _shown(id)


class AlertNote(Body):
    """Something to write down."""

    note = Word(max_length=life.TEXT_MAX, help_text="In the timeline.")


class NoteAlert(ApiView):
    """Write down."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="note_alert",
        summary="Write something down about an alert",
        description="It stands in the timeline, also of an alert that is over. Twice is twice, unless with the same "
        "`Idempotency-Key`. Scope `write`.",
        request=AlertNote,
        responses={
            200: AlertDetailsShape,
            409: error(
                "It has not fired yet, or has too many.", {"not_fired": "the alert has not fired yet"}
            ),
        },
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Write something down."""
        text = read_body(request, AlertNote)["note"]
        _exists(id)
        with refusals():
            life.note_alert(id, text, by=author_of(request).name, now=timezone.now())
        return _shown(id)


class Resolution(Body):
    """That an alert is over."""

    reason = Word(max_length=life.TEXT_MAX, help_text="Why; in the timeline.")


class ResolveAlert(ApiView):
    """Resolve."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="resolve_alert",
        summary="Resolve an alert by hand",
        description="Ends it. Where its condition holds on, it comes back as a new alert only after it was away. "
        "Idempotent: who resolved it first stands. Scope `write`.",
        request=Resolution,
        responses={200: AlertDetailsShape, 409: NOT_FIRING},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Resolve an alert."""
        reason = read_body(request, Resolution)["reason"]
        _exists(id)
        with refusals():
            life.resolve_alert(id, by=author_of(request).name, reason=reason, now=timezone.now())
        return _shown(id)


class AlertFiguresQuery(Query):
    """Of which alerts there are figures."""

    rule = serializers.CharField(
        required=False, max_length=64, help_text="Its `slug`; 422 if nobody knows it."
    )
    severity = serializers.ChoiceField(Severity.choices, required=False)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `from` is no name for an attribute."""
        return {
            "from": Moment(
                required=False, help_text="Fired at this time or later; by default 24 h before `to`."
            ),
            "to": Moment(required=False, help_text="Fired before this time; by default now."),
            **super().get_fields(),
        }


class AlertFiguresShape(Shape):
    """How soon alerts were looked after, and how soon they were over."""

    window = Window()
    results = AlertFiguresRowShape(many=True, help_text="By rule and severity.")


class AlertResponseFigures(ApiView):
    """Figures."""

    chapter = CHAPTER
    query = AlertFiguresQuery

    @extend_schema(
        operation_id="get_alert_figures",
        summary="Show how soon alerts were looked after",
        description="MTTA and MTTR of the alerts that fired in a window of at most "
        f"{PERIOD_MAX.days} days, by rule and severity.",
        responses={200: AlertFiguresShape},
    )
    def get(self, request: Request) -> Response:
        """Show the figures."""
        since, until = self.window(now=timezone.now(), at_most=PERIOD_MAX)
        rule = known_rule(self.asked.get("rule", ""))
        rows = response_figures(since, until, rule=rule, severity=self.asked.get("severity", ""))
        return Response(AlertFiguresShape({"window": {"from": since, "to": until}, "results": rows}).data)


urlpatterns: list[URLPattern] = [
    path("alerts/", Alerts.as_view(), name="api-alerts"),
    path("alerts/<uuid:id>/", OneAlert.as_view(), name="api-alert"),
    path("alerts/<uuid:id>/acknowledge/", AcknowledgeAlert.as_view(), name="api-acknowledge-alert"),
    path("alerts/<uuid:id>/assign/", AssignAlert.as_view(), name="api-assign-alert"),
    path("alerts/<uuid:id>/note/", NoteAlert.as_view(), name="api-note-alert"),
    path("alerts/<uuid:id>/resolve/", ResolveAlert.as_view(), name="api-resolve-alert"),
    path("alert-figures/", AlertResponseFigures.as_view(), name="api-alert-figures"),
    *rules_api.urlpatterns,
    *silences_api.urlpatterns,
    *incidents_api.urlpatterns,
]
