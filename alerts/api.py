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
from alerts.models import Alert, AlertEntry, Severity
from alerts.rules.models import Rule
from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.commands.sending_api import author_of
from csms.core.api_data import Body, Flag, Moment, Shape, Word, read_body
from csms.core.api_errors import invalid, refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, WindowQuery, found, paged

CHAPTER = "Alerts"
NOTE_MAX = 1000


class AlertShape(Shape):
    """A condition that holds or held, for what, and since when."""

    id = serializers.UUIDField()
    rule = serializers.CharField(help_text="Its `slug` among the rules.")
    severity = serializers.ChoiceField(Severity.choices)
    state = serializers.ChoiceField(
        Alert.State.choices,
        help_text="`pending` until it has lasted as long as its rule says; if it ends before, it is gone.",
    )
    subject = serializers.CharField(help_text="What it is about; a rule has at most one open alert for it.")
    cp_id = serializers.CharField(source="charge_point.cp_id", allow_null=True)
    connector_id = serializers.IntegerField(
        source="connector_number", allow_null=True, help_text="0: the station itself."
    )
    text = serializers.CharField(
        help_text="For people, as it was when it began. A part of it may be the charge point's own words; hostile "
        "until proven otherwise."
    )
    began_at = Moment(help_text="Since when the condition holds.")
    fired_at = Moment(allow_null=True)
    acknowledged_at = Moment(allow_null=True)
    acknowledged_by = serializers.CharField(help_text="A person, or `token NAME`; empty for nobody.")
    resolved_at = Moment(allow_null=True, help_text="When the condition was seen to have ended.")


class AlertEntryShape(Shape):
    """A line of a timeline."""

    at = Moment()
    what = serializers.ChoiceField(AlertEntry.What.choices)
    by = serializers.CharField(help_text="A person, or `token NAME`; empty for the clock.")
    note = serializers.CharField()


class AlertDetailsShape(AlertShape):
    """An alert, and what happened to it."""

    timeline = AlertEntryShape(many=True, help_text="Oldest first; empty while it is pending.")


class AlertRuleShape(Shape):
    """When something is an alert."""

    slug = serializers.CharField()
    severity = serializers.ChoiceField(Severity.choices)
    lasting_seconds = serializers.IntegerField(
        min_value=0, help_text="How long the condition must hold before it fires."
    )
    description = serializers.CharField()


class AlertRulesShape(Shape):
    """All rules."""

    results = AlertRuleShape(many=True)


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
        if "rule" in asked and not selectors.is_known_rule(asked["rule"]):
            raise invalid({"rule": ["There is no such rule, and no alert of one."]})
        rows = selectors.alerts().filter(
            **{name: asked[name] for name in ("state", "severity", "rule") if name in asked}
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
            409: error(
                "The alert is not firing: it is resolved, or still pending.",
                {"not_firing": "the alert is resolved"},
            ),
        },
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Acknowledge an alert."""
        note = read_body(request, Acknowledgement)["note"]
        found(selectors.alerts().filter(pk=id).first(), "alert", id)
        with refusals():
            life.acknowledge_alert(id, by=author_of(request).name, note=note, now=timezone.now())
        return _shown(id)


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "slug": rule.slug,
        "severity": rule.severity,
        "lasting_seconds": rule.lasting_seconds,
        "description": rule.description,
    }


class AlertRules(ApiView):
    """What is an alert."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="list_alert_rules",
        summary="List the rules",
        description="By which alerts begin and end. They are looked at every 15 seconds.",
        responses={200: AlertRulesShape},
    )
    def get(self, request: Request) -> Response:
        """List the rules."""
        return Response({"results": [_rule(rule) for rule in Rule.objects.order_by("slug")]})


urlpatterns: list[URLPattern] = [
    path("alerts/", Alerts.as_view(), name="api-alerts"),
    path("alerts/<uuid:id>/", OneAlert.as_view(), name="api-alert"),
    path("alerts/<uuid:id>/acknowledge/", AcknowledgeAlert.as_view(), name="api-acknowledge-alert"),
    path("alert-rules/", AlertRules.as_view(), name="api-alert-rules"),
]
