"""What the API says of Prometheus and of the rules that are written for it, and what it is told of them."""

from typing import Any, ClassVar

from rest_framework import serializers

from alerts.external.shapes import (
    ExternalServerShape,
    KeptFileShape,
)
from alerts.models import Severity
from alerts.prometheus import selectors, services
from alerts.prometheus.models import DESCRIPTION_MAX, EXPRESSION_MAX, NAME_MAX, SUMMARY_MAX
from alerts.prometheus.rendering import GROUP
from csms.core.api_data import Body, Flag, Moment, Shape, Whole, Word
from csms.core.paging import PageQuery


class PrometheusShape(Shape):
    """Prometheus as this server knows it."""

    server = ExternalServerShape()
    rules = KeptFileShape(help_text=f"The file of the group `{GROUP}`.")
    rules_file = serializers.CharField(help_text="Where it is, as this server sees it.")


class PrometheusAlertShape(Shape):
    """An alert of Prometheus."""

    name = serializers.CharField()
    state = serializers.CharField(help_text="`pending` or `firing`.")
    severity = serializers.CharField(help_text="Its label of this name; empty without one.")
    labels = serializers.DictField(child=serializers.CharField())
    annotations = serializers.DictField(child=serializers.CharField())
    active_at = Moment(allow_null=True)
    value = serializers.CharField()


class PrometheusAlertsShape(Shape):
    """The alerts of Prometheus, and whether it answers."""

    server = ExternalServerShape()
    results = PrometheusAlertShape(many=True)
    truncated = serializers.BooleanField(help_text=f"Whether there are more than {selectors.SHOWN_MAX}.")


class LoadedRuleShape(Shape):
    """A rule that Prometheus has loaded."""

    group = serializers.CharField()
    file = serializers.CharField()
    kind = serializers.CharField(help_text="`alerting` or `recording`.")
    name = serializers.CharField()
    expression = serializers.CharField()
    health = serializers.CharField(help_text="`ok`, `err` or `unknown`.")
    error = serializers.CharField(help_text="Of its last evaluation.")
    state = serializers.CharField(help_text="Of an alerting one: `inactive`, `pending` or `firing`.")
    lasting_seconds = serializers.FloatField()
    labels = serializers.DictField(child=serializers.CharField())
    annotations = serializers.DictField(child=serializers.CharField())
    evaluated_at = Moment(allow_null=True)
    managed = serializers.BooleanField(help_text="Whether it is one of those that are written here.")


class LoadedRulesShape(Shape):
    """The rules of Prometheus, and whether it answers."""

    server = ExternalServerShape()
    results = LoadedRuleShape(many=True)
    truncated = serializers.BooleanField(help_text=f"Whether there are more than {selectors.SHOWN_MAX}.")


class PrometheusRuleShape(Shape):
    """A rule that is written for Prometheus."""

    id = serializers.UUIDField()
    name = serializers.CharField(help_text="Its label `alertname`.")
    expression = serializers.CharField()
    lasting_seconds = serializers.IntegerField(help_text="How long it must hold before it fires (`for`).")
    keep_seconds = serializers.IntegerField(
        help_text="How long it fires on when it no longer holds (`keep_firing_for`)."
    )
    severity = serializers.ChoiceField(Severity.choices)
    summary = serializers.CharField()
    description = serializers.CharField()
    labels = serializers.DictField(child=serializers.CharField())
    enabled = serializers.BooleanField()
    created_at = Moment()
    created_by = serializers.CharField()
    updated_at = Moment()
    updated_by = serializers.CharField()


class CheckedExpressionShape(Shape):
    """An expression that is good."""

    expression = serializers.CharField()


class PrometheusRuleQuery(PageQuery):
    """Which rules are listed."""

    sortable: ClassVar[dict[str, tuple[str, ...]]] = {"name": ("name",), "updated_at": ("updated_at", "pk")}
    enabled = Flag(required=False)


def _rule_fields(*, required: bool) -> dict[str, Any]:
    """Return the fields of a rule, as they may be given; those of a change are all left out at will."""
    return {
        "name": Word(max_length=NAME_MAX, required=required, help_text="Its label `alertname`."),
        "expression": Word(
            max_length=EXPRESSION_MAX,
            required=required,
            help_text="PromQL; each series it returns is an alert.",
        ),
        "lasting_seconds": Whole(
            min_value=0, max_value=services.SECONDS_MAX, required=False, help_text="By default 0."
        ),
        "keep_seconds": Whole(
            min_value=0, max_value=services.SECONDS_MAX, required=False, help_text="By default 0."
        ),
        "severity": serializers.ChoiceField(
            Severity.choices, required=False, help_text="By default `warning`."
        ),
        "summary": Word(
            max_length=SUMMARY_MAX,
            required=False,
            allow_blank=True,
            help_text="May hold `{{ $value }}` and `{{ $labels.NAME }}`, and no other template.",
        ),
        "description": Word(max_length=DESCRIPTION_MAX, required=False, allow_blank=True),
        "labels": serializers.DictField(
            child=Word(max_length=services.VALUE_MAX),
            required=False,
            help_text="Further labels. `channel`, the name of a channel, is where Alertmanager sends it.",
        ),
        "enabled": Flag(required=False, help_text="By default true."),
    }


class NewPrometheusRule(Body):
    """A rule that is to be written."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return _rule_fields(required=True)


class PrometheusRuleChanges(Body):
    """What shall be different about a rule."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return _rule_fields(required=False)


class Expression(Body):
    """An expression that is to be checked."""

    expression = Word(max_length=EXPRESSION_MAX, trim_whitespace=False)
