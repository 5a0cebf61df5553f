"""What is read of alerts: by the API, and by whoever else shows them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, IntegerField, QuerySet, Value, When

from alerts.models import Alert, Evaluation, Severity
from alerts.rules.models import Rule

OPEN_STATES = (Alert.State.FIRING, Alert.State.ACKNOWLEDGED, Alert.State.PENDING)


def _rank(name: str, words: Iterable[str]) -> Case:
    ranks = (When(**{name: word}, then=Value(rank)) for rank, word in enumerate(words))
    return Case(*ranks, default=Value(9), output_field=IntegerField())


WORST_FIRST = (_rank("severity", Severity.values), _rank("state", OPEN_STATES), "began_at", "pk")
"""The order in which people look at open alerts."""


def alerts() -> QuerySet[Alert]:
    """Return the alerts, with their charge points."""
    return Alert.objects.select_related("charge_point")


def is_known_rule(slug: str) -> bool:
    """Whether there is a rule of this name, or was: then alerts of it are kept."""
    return Rule.objects.filter(slug=slug).exists() or Alert.objects.filter(rule=slug).exists()


@dataclass(frozen=True, slots=True)
class AlertFigures:
    """Counts of open alerts; `by_severity` counts those that fire and nobody has acknowledged."""

    firing: int
    acknowledged: int
    pending: int
    by_severity: dict[str, int]
    evaluated_at: datetime | None
    """When the conditions were last looked at; None = never."""


def alert_figures() -> AlertFigures:
    """Count the open alerts. Two queries."""
    rows = Alert.objects.filter(resolved_at=None).order_by().values_list("severity", "state")
    states = dict.fromkeys(Alert.State.values, 0)
    severities = dict.fromkeys(Severity.values, 0)
    for severity, state, count in rows.annotate(count=Count("pk")):
        states[state] += count
        if state == Alert.State.FIRING:
            severities[severity] += count
    return AlertFigures(
        states[Alert.State.FIRING],
        states[Alert.State.ACKNOWLEDGED],
        states[Alert.State.PENDING],
        severities,
        Evaluation.objects.values_list("at", flat=True).first(),
    )
