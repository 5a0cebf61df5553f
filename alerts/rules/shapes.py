"""What the API shows of rules and of what they may be about, and what it takes."""

from collections.abc import Iterable
from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.finding import Condition, Happening, Param
from alerts.models import Severity
from alerts.rules import scopes, services
from alerts.rules.models import NAME_MAX, SLUG_MAX, TEXT_MAX, Group, Rule
from alerts.rules.selectors import problem_of
from chargers.labels import LabelsField
from csms.core.api_data import Body, Flag, Moment, Shape, Whole, Word


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class Figure(serializers.Field[Any, Any, Any, Any]):
    """A whole number or a word."""

    default_error_messages = {"invalid": "It is a whole number or a word."}

    def to_internal_value(self, data: Any) -> int | str:
        """Return it."""
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        """Return it."""
        return value


class AlertScopeShape(Shape):
    """Of which charge points a rule is."""

    cp_ids = serializers.ListField(child=serializers.CharField())
    sites = serializers.ListField(child=serializers.CharField())
    models = serializers.ListField(child=serializers.CharField())
    labels = serializers.DictField(child=serializers.CharField())


class AlertInhibitionShape(Shape):
    """Of which alerts nobody is told while this rule fires."""

    rule = serializers.CharField(help_text="Their rule.")
    equal = serializers.ListField(
        child=serializers.ChoiceField(services.EQUALS),
        help_text="In what they are equal; empty: whatever they are.",
    )


class AlertRuleShape(Shape):
    """When something is an alert."""

    slug = serializers.CharField()
    name = serializers.CharField()
    severity = serializers.ChoiceField(Severity.choices)
    lasting_seconds = serializers.IntegerField(
        min_value=0, help_text="How long the condition must hold before it fires."
    )
    keep_seconds = serializers.IntegerField(
        min_value=0,
        help_text="How long it must be away before the alert is over; if it comes again, it is the same.",
    )
    description = serializers.CharField()
    advice = serializers.CharField(help_text="For who is told: what to do.")
    about = serializers.CharField(help_text="Its `slug` among the conditions and happenings.")
    params = serializers.DictField(child=Figure(), help_text="What is absent is the default.")
    scope = serializers.SerializerMethodField()
    group_by = serializers.ListField(
        child=serializers.ChoiceField(Group.choices), help_text="By what its alerts are told together."
    )
    inhibits = AlertInhibitionShape(many=True)
    enabled = serializers.BooleanField()
    starter = serializers.CharField(help_text="The shipped rule that it comes from; empty: a person made it.")
    changed = serializers.SerializerMethodField(
        help_text="Whether it differs from the shipped one by a person's will."
    )
    by = serializers.CharField(help_text="Who wrote it last; empty: it is as shipped.")
    problem = serializers.SerializerMethodField(help_text="Why it cannot be looked at; empty: it is.")
    created_at = Moment()
    updated_at = Moment()

    @extend_schema_field(AlertScopeShape)
    def get_scope(self, rule: Rule) -> dict[str, Any]:
        """Return each kind, with nothing where it says nothing."""
        none: dict[str, Any] = {kind: [] for kind in scopes.KINDS} | {"labels": {}}
        return {**none, **rule.scope}

    def get_changed(self, rule: Rule) -> bool:
        """Return whether updates of the program leave it as it is."""
        return bool(rule.starter and rule.by)

    def get_problem(self, rule: Rule) -> str:
        """Return it."""
        return problem_of(rule)


class AlertRulesShape(Shape):
    """All rules."""

    results = AlertRuleShape(many=True)


class AlertParamShape(Shape):
    """A figure of a rule."""

    name = serializers.CharField()
    title = serializers.CharField()
    unit = serializers.CharField()
    default = Figure()
    least = serializers.IntegerField(allow_null=True, help_text="Null: it is a word.")
    most = serializers.IntegerField(allow_null=True)
    choices = serializers.ListField(child=serializers.CharField(), help_text="Empty: it is a whole number.")


class AlertConditionShape(Shape):
    """What a rule may be about."""

    slug = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.ChoiceField(
        ["condition", "happening"],
        help_text="A condition holds for a time; a happening fires at once, and is over after `hold` seconds or when "
        "its opposite happens.",
    )
    scoped = serializers.BooleanField(help_text="Whether a rule about it may have a scope.")
    types = serializers.ListField(
        child=serializers.CharField(), help_text="Of a happening: the types of events it is seen in."
    )
    params = AlertParamShape(many=True)


class AlertConditionsShape(Shape):
    """All that a rule may be about."""

    results = AlertConditionShape(many=True)


def _params(params: Iterable[Param]) -> list[dict[str, Any]]:
    return [
        {
            "name": param.name,
            "title": param.title,
            "unit": param.unit,
            "default": param.default,
            "least": None if param.choices else param.least,
            "most": None if param.choices else param.most,
            "choices": list(param.choices),
        }
        for param in params
    ]


def about_shown(about: Condition | Happening) -> dict[str, Any]:
    happening = isinstance(about, Happening)
    return {
        "slug": about.slug,
        "title": about.title,
        "kind": "happening" if happening else "condition",
        "scoped": about.scoped,
        "types": list(about.types) if isinstance(about, Happening) else [],
        "params": _params(about.params),
    }


# --- what is taken ----------------------------------------------------------------------------------------------------


class AlertScope(Body):
    """Of which charge points a rule is: of each kind one must fit, and every kind. What is absent does not matter."""

    cp_ids = serializers.ListField(
        child=Word(max_length=scopes.TEXT_MAX), max_length=scopes.EACH_MAX, required=False
    )
    sites = serializers.ListField(
        child=Word(max_length=scopes.TEXT_MAX), max_length=scopes.EACH_MAX, required=False
    )
    models = serializers.ListField(
        child=Word(max_length=scopes.TEXT_MAX), max_length=scopes.EACH_MAX, required=False
    )
    labels = LabelsField(required=False)


class AlertInhibition(Body):
    """Of which alerts nobody is told while this rule fires."""

    rule = Word(max_length=SLUG_MAX)
    equal = serializers.ListField(
        child=serializers.ChoiceField(services.EQUALS),
        max_length=len(services.EQUALS),
        help_text="In what they are equal; what is not known of both is not. Empty: whatever they are.",
    )


def _fields(*, new: bool) -> dict[str, Any]:
    must: dict[str, Any] = {"required": new}
    may: dict[str, Any] = {"required": False}
    longest = services.SECONDS_MAX
    return {
        "name": Word(max_length=NAME_MAX, **must),
        "about": Word(max_length=64, help_text="A `slug` among the conditions and happenings.", **must),
        "severity": serializers.ChoiceField(Severity.choices, **must),
        "description": Word(allow_blank=True, max_length=TEXT_MAX, help_text="When it is an alert.", **may),
        "advice": Word(allow_blank=True, max_length=TEXT_MAX, help_text="What to do.", **may),
        "params": serializers.DictField(
            child=Figure(), help_text="Those that differ from the default.", **may
        ),
        "lasting_seconds": Whole(
            min_value=0,
            max_value=longest,
            help_text="How long a condition must hold before it fires; 422 for a happening, which fires at once.",
            **may,
        ),
        "keep_seconds": Whole(
            min_value=0,
            max_value=longest,
            help_text="How long a condition must be away before the alert is over; 422 for a happening.",
            **may,
        ),
        "scope": AlertScope(**may),
        "group_by": serializers.ListField(
            child=serializers.ChoiceField(Group.choices), max_length=len(Group.choices), **may
        ),
        "inhibits": serializers.ListField(child=AlertInhibition(), max_length=services.INHIBITS_MAX, **may),
        "enabled": Flag(**may),
    }


class NewAlertRule(Body):
    """A rule."""

    slug = Word(
        max_length=SLUG_MAX,
        validators=[RegexValidator(services.SLUG, "It has small letters, digits and dashes between them.")],
        help_text="Small letters, digits, dashes between them; it stays.",
    )

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return super().get_fields() | _fields(new=True)


class AlertRuleChanges(Body):
    """What is to be different in a rule; what is absent stays."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return _fields(new=False)
