"""The API's door to rules: what they may be about, and making, changing, removing and restoring them."""

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.chapter import CHAPTER
from alerts.rules import services
from alerts.rules.models import Rule
from alerts.rules.selectors import ABOUT
from alerts.rules.shapes import (
    AlertConditionsShape,
    AlertRuleChanges,
    AlertRuleShape,
    AlertRulesShape,
    NewAlertRule,
    about_shown,
)
from chargers.commands.sending_api import author_of
from csms.core.api_data import read_body
from csms.core.api_errors import refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, made

EXAMPLE = OpenApiExample(
    "fast chargers of two depots",
    value={
        "slug": "depot-offline",
        "name": "Depot: charge point offline",
        "about": "offline",
        "severity": "critical",
        "lasting_seconds": 300,
        "scope": {"sites": ["Depot Nord", "Depot Süd"], "labels": {"power": "150 kW"}},
        "group_by": ["rule", "site"],
    },
    request_only=True,
)


class Administered(ApiView):
    """The base of the views here: everybody may look, administrators change."""

    chapter = CHAPTER
    scope = "admin"


class AlertRules(Administered):
    """What is an alert."""

    @extend_schema(
        operation_id="list_alert_rules",
        summary="List the rules",
        description="By which alerts begin and end. Conditions are looked at every `CSMS_ALERTS_SECONDS`, happenings "
        "at once.",
        responses={200: AlertRulesShape},
    )
    def get(self, request: Request) -> Response:
        """List the rules."""
        rules = Rule.objects.order_by("slug")
        return Response({"results": AlertRuleShape(rules, many=True).data})

    @extend_schema(
        operation_id="create_alert_rule",
        summary="Make a rule",
        description=f"It counts from the next look on. There are {services.RULES_MAX} at most. Scope `admin`.",
        request=NewAlertRule,
        responses={
            201: AlertRuleShape,
            409: error(
                "There is one of this name, or too many.", {"taken": "there is a rule depot-offline already"}
            ),
        },
        examples=[EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Make a rule."""
        body = read_body(request, NewAlertRule)
        with refusals():
            rule = services.create_rule(
                body.pop("slug"), body, by=author_of(request).name, now=timezone.now()
            )
        return made(AlertRuleShape(rule).data, "api-alert-rule", rule.slug)


def _rule_or_404(slug: str) -> Rule:
    rule: Rule = found(Rule.objects.filter(slug=slug).first(), "alert_rule", slug)
    return rule


class OneAlertRule(Administered):
    """One rule."""

    @extend_schema(operation_id="get_alert_rule", summary="Show a rule", responses={200: AlertRuleShape})
    def get(self, request: Request, slug: str) -> Response:
        """Show a rule."""
        return Response(AlertRuleShape(_rule_or_404(slug)).data)

    @extend_schema(
        operation_id="change_alert_rule",
        summary="Change a rule",
        description="It counts from the next look on: alerts of what it is about no longer are over then. From now on "
        "an update of the program leaves a shipped one as it is. Scope `admin`.",
        request=AlertRuleChanges,
        responses={200: AlertRuleShape},
        examples=[OpenApiExample("switch it off", value={"enabled": False}, request_only=True)],
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Change a rule."""
        changes = read_body(request, AlertRuleChanges)
        with refusals():
            rule = services.change_rule(slug, changes, by=author_of(request).name, now=timezone.now())
        return Response(AlertRuleShape(found(rule, "alert_rule", slug)).data)

    @extend_schema(
        operation_id="delete_alert_rule",
        summary="Remove a rule",
        description="Its route goes with it; its open alerts are over with the next look. A shipped one stays away "
        "until it is restored. Scope `admin`.",
        responses={204: None},
    )
    def delete(self, request: Request, slug: str) -> Response:
        """Remove a rule."""
        rule = _rule_or_404(slug)
        services.delete_rule(rule.slug, by=author_of(request).name, now=timezone.now())
        return Response(status=204)


class RestoreAlertRule(Administered):
    """Restore."""

    @extend_schema(
        operation_id="restore_alert_rule",
        summary="Restore a shipped rule",
        description="Lets it be as it is shipped, whether it was changed or removed. Idempotent. Scope `admin`.",
        request=None,
        responses={
            200: AlertRuleShape,
            409: error("Another rule has its name.", {"taken": "there is another rule site-outage"}),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Restore a rule."""
        if not services.is_shipped(slug):
            found(None, "alert_rule", slug)
        with refusals():
            rule = services.restore_starter(slug, by=author_of(request).name, now=timezone.now())
        return Response(AlertRuleShape(rule).data)


class AlertConditions(ApiView):
    """What a rule may be about."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="list_alert_conditions",
        summary="List what rules may be about",
        description="Conditions, which hold for a time, and happenings, with their parameters.",
        responses={200: AlertConditionsShape},
    )
    def get(self, request: Request) -> Response:
        """List them."""
        return Response({"results": [about_shown(about) for about in ABOUT.values()]})


urlpatterns: list[URLPattern] = [
    path("alert-rules/", AlertRules.as_view(), name="api-alert-rules"),
    path("alert-rules/<slug:slug>/", OneAlertRule.as_view(), name="api-alert-rule"),
    path("alert-rules/<slug:slug>/restore/", RestoreAlertRule.as_view(), name="api-restore-alert-rule"),
    path("alert-conditions/", AlertConditions.as_view(), name="api-alert-conditions"),
]
