"""The API's door to Prometheus: what it says, and the rules that are written for it."""

from typing import Any
from uuid import UUID

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.external.keeping import try_again
from alerts.external.services import reach
from alerts.external.shapes import (
    KeptFileShape,
    kept_shape,
    listing,
    refused_by,
    server_shape,
)
from alerts.prometheus import selectors, services
from alerts.prometheus.delivery import SERVER, delivery
from alerts.prometheus.expressions import check_expression
from alerts.prometheus.models import PrometheusRule
from alerts.prometheus.rendering import GROUP
from alerts.prometheus.shapes import (
    CheckedExpressionShape,
    Expression,
    LoadedRuleShape,
    LoadedRulesShape,
    NewPrometheusRule,
    PrometheusAlertShape,
    PrometheusAlertsShape,
    PrometheusRuleChanges,
    PrometheusRuleQuery,
    PrometheusRuleShape,
    PrometheusShape,
)
from csms.core.api_data import Body, read_body
from csms.core.api_errors import refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, made, paged
from csms.core.config import get_config

CHAPTER = "Prometheus and Alertmanager"
EXAMPLE = OpenApiExample(
    "a third of the fleet is away",
    value={
        "name": "ThirdOfFleetOffline",
        "expression": 'max(csms_charge_points{state="online"}) / max(csms_charge_points{state="known"}) < 0.67',
        "lasting_seconds": 300,
        "severity": "critical",
        "summary": "{{ $value | humanizePercentage }} of the charge points are online",
    },
    request_only=True,
)


def _early_body(request: Request, shape: type[Body]) -> dict[str, Any]:
    """Read the body before its turn: Django keeps what was read as a whole, for the digest of an Idempotency-Key."""
    _whole = request.body
    return read_body(request, shape)


class OfPrometheus(ApiView):
    """The base of the views: everybody may look, administrators change."""

    chapter = CHAPTER
    scope = "admin"


def rule_or_404(id: UUID) -> PrometheusRule:
    """Return the rule. Raises 404."""
    rule: PrometheusRule = found(selectors.rules().filter(pk=id).first(), "prometheus_rule", id)
    return rule


class PrometheusNow(OfPrometheus):
    """Prometheus."""

    @extend_schema(
        operation_id="get_prometheus",
        summary="Show whether Prometheus answers",
        description="And whether it has loaded the rules that are written here.",
        responses={200: PrometheusShape},
    )
    def get(self, request: Request) -> Response:
        """Show it."""
        path = str(get_config().effective_prometheus_rules_file)
        return Response(
            {"server": server_shape(reach(SERVER)), "rules": kept_shape(delivery()), "rules_file": path}
        )


class PrometheusAlerts(OfPrometheus):
    """Its alerts."""

    @extend_schema(
        operation_id="list_prometheus_alerts",
        summary="List the alerts of Prometheus",
        description="Those that fire first, by severity, the oldest first. Prometheus is asked for them; where it is "
        "not set or does not answer the list is empty, and `server` says why and since when.",
        responses={200: PrometheusAlertsShape, 502: refused_by(SERVER)},
    )
    def get(self, request: Request) -> Response:
        """List them."""
        return listing(SERVER, lambda: selectors.alerts(now=timezone.now()), PrometheusAlertShape)


class LoadedRules(OfPrometheus):
    """Its rules."""

    @extend_schema(
        operation_id="list_prometheus_loaded_rules",
        summary="List the rules that Prometheus has loaded",
        description="Of all its files. Prometheus is asked for them; where it is not set or does not answer the list "
        "is empty, and `server` says why and since when.",
        responses={200: LoadedRulesShape, 502: refused_by(SERVER)},
    )
    def get(self, request: Request) -> Response:
        """List them."""
        return listing(SERVER, lambda: selectors.loaded_rules(now=timezone.now()), LoadedRuleShape)


class PrometheusRules(OfPrometheus):
    """The rules that are written here."""

    query = PrometheusRuleQuery
    proven: str | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let promtool see a new rule before a transaction begins, as one does for an Idempotency-Key."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            with refusals():
                self.proven = services.prove(_early_body(request, NewPrometheusRule))

    @extend_schema(
        operation_id="list_prometheus_rules",
        summary="List the rules that are written for Prometheus",
        description=f"The group `{GROUP}`; by name, unless another order is asked for.",
        responses={200: paged(PrometheusRuleShape)},
    )
    def get(self, request: Request) -> Response:
        """List them."""
        rows = selectors.rules()
        if "enabled" in self.asked:
            rows = rows.filter(enabled=self.asked["enabled"])
        return self.page(rows, order=("name",), shape=PrometheusRuleShape)

    @extend_schema(
        operation_id="create_prometheus_rule",
        summary="Write a rule for Prometheus",
        description="It is checked before it is kept (by promtool, where that is installed), and brought to Prometheus "
        f"within seconds: see `GET /prometheus/`. There are {services.RULES_MAX} at most. Scope `admin`.",
        request=NewPrometheusRule,
        responses={
            201: PrometheusRuleShape,
            409: error("There are too many.", {"too_many": "there are 200 rules already, which is the most"}),
        },
        examples=[EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Make one."""
        body = read_body(request, NewPrometheusRule)
        with refusals():
            rule = services.create_rule(body, by=str(request.user), now=timezone.now(), proven=self.proven)
        return made(PrometheusRuleShape(rule).data, "api-prometheus-rule", rule.pk)


class OnePrometheusRule(OfPrometheus):
    """One rule that is written here."""

    proven: str | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let promtool see a changed rule before a transaction begins, as one does for an Idempotency-Key."""
        super().initial(request, *args, **kwargs)
        if request.method == "PATCH":
            changes = _early_body(request, PrometheusRuleChanges)
            with refusals():
                self.proven = services.prove(changes, rule_or_404(kwargs["id"]))

    @extend_schema(
        operation_id="get_prometheus_rule",
        summary="Show a rule that is written for Prometheus",
        responses={200: PrometheusRuleShape},
        description="",
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show it."""
        return Response(PrometheusRuleShape(rule_or_404(id)).data)

    @extend_schema(
        operation_id="change_prometheus_rule",
        summary="Change a rule that is written for Prometheus",
        description="Checked and brought as a new one is. Scope `admin`.",
        request=PrometheusRuleChanges,
        responses={
            200: PrometheusRuleShape,
            409: error("It was deleted meanwhile.", {"gone": "the rule has been deleted"}),
        },
        examples=[OpenApiExample("switch it off", value={"enabled": False}, request_only=True)],
    )
    def patch(self, request: Request, id: UUID) -> Response:
        """Change it."""
        changes = read_body(request, PrometheusRuleChanges)
        with refusals():
            rule = services.change_rule(
                rule_or_404(id), changes, by=str(request.user), now=timezone.now(), proven=self.proven
            )
        return Response(PrometheusRuleShape(rule).data)

    @extend_schema(
        operation_id="delete_prometheus_rule",
        summary="Delete a rule that is written for Prometheus",
        description="Prometheus loses it within seconds. Scope `admin`.",
        responses={204: None},
    )
    def delete(self, request: Request, id: UUID) -> Response:
        """Delete it."""
        services.delete_rule(rule_or_404(id), by=str(request.user), now=timezone.now())
        return Response(status=204)


class CheckExpression(OfPrometheus):
    """Check."""

    @extend_schema(
        operation_id="check_prometheus_expression",
        summary="Check an expression of PromQL",
        description="Whether a rule could be made of it; changes nothing. Scope `admin`.",
        request=Expression,
        responses={200: CheckedExpressionShape},
        examples=[OpenApiExample("a good one", value={"expression": "up == 0"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Check it."""
        with refusals():
            return Response({"expression": check_expression(read_body(request, Expression)["expression"])})


class BringRules(OfPrometheus):
    """Bring."""

    @extend_schema(
        operation_id="bring_prometheus_rules",
        summary="Bring refused rules to Prometheus again",
        description="Within seconds, rather than after five minutes. Of what was not refused nothing changes. Scope "
        "`admin`.",
        request=None,
        responses={200: KeptFileShape},
    )
    def post(self, request: Request) -> Response:
        """Try again."""
        try_again(SERVER)
        return Response(kept_shape(delivery()))


urlpatterns: list[URLPattern] = [
    path("prometheus/", PrometheusNow.as_view(), name="api-prometheus"),
    path("prometheus/alerts/", PrometheusAlerts.as_view(), name="api-prometheus-alerts"),
    path("prometheus/loaded-rules/", LoadedRules.as_view(), name="api-prometheus-loaded-rules"),
    path("prometheus/rules/", PrometheusRules.as_view(), name="api-prometheus-rules"),
    path("prometheus/rules/check/", CheckExpression.as_view(), name="api-check-prometheus-expression"),
    path("prometheus/rules/bring/", BringRules.as_view(), name="api-bring-prometheus-rules"),
    path("prometheus/rules/<uuid:id>/", OnePrometheusRule.as_view(), name="api-prometheus-rule"),
]
