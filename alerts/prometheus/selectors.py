"""What is read of Prometheus: its alerts, the rules that it has loaded, and those that are written here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from alerts.external.reading import as_told, moment, rows, text, words
from alerts.external.services import ask_server
from alerts.prometheus.models import PrometheusRule
from alerts.prometheus.rendering import GROUP

SERVER, TITLE = "prometheus", "Prometheus"
SHOWN_MAX = 1000


@dataclass(frozen=True, slots=True)
class PrometheusAlert:
    """An alert that Prometheus has: `pending` or `firing`."""

    name: str
    state: str
    severity: str
    labels: dict[str, str]
    annotations: dict[str, str]
    active_at: datetime | None
    value: str


@dataclass(frozen=True, slots=True)
class LoadedRule:
    """A rule that Prometheus has loaded; `health` is ok, err or unknown."""

    group: str
    file: str
    kind: str
    name: str
    expression: str
    health: str
    error: str
    state: str = ""
    lasting_seconds: float = 0.0
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    evaluated_at: datetime | None = None

    @property
    def managed(self) -> bool:
        """Whether it is of the group that is kept here."""
        return self.group == GROUP


def rules() -> QuerySet[PrometheusRule]:
    """Return the rules that are written here."""
    return PrometheusRule.objects.all()


def alerts(*, now: datetime) -> tuple[list[PrometheusAlert], bool]:
    """Return the alerts that Prometheus has, the worst and oldest first, and whether there are more.

    Raises Unset, Unreachable and Refused.
    """
    answer = ask_server(SERVER, "/api/v1/alerts", now=now)
    with as_told(TITLE):
        told, more = rows(answer["data"]["alerts"], SHOWN_MAX)
        found = [_alert(one) for one in told]
    return sorted(found, key=_by_weight), more


def loaded_rules(*, now: datetime) -> tuple[list[LoadedRule], bool]:
    """Return the rules that Prometheus has loaded, by group as it has them, and whether there are more.

    Raises Unset, Unreachable and Refused.
    """
    answer = ask_server(SERVER, "/api/v1/rules", now=now)
    with as_told(TITLE):
        found = list(_loaded(answer["data"]["groups"]))
    return found[:SHOWN_MAX], len(found) > SHOWN_MAX


SEVERITIES = {"critical": 0, "page": 0, "warning": 1, "info": 2}
"""How soon somebody must look, by the words in use for it; others come last."""


def _by_weight(alert: PrometheusAlert) -> tuple[Any, ...]:
    began = alert.active_at.timestamp() if alert.active_at else 0.0
    return (alert.state != "firing", SEVERITIES.get(alert.severity, 3), began, alert.name)


def _alert(told: Any) -> PrometheusAlert:
    labels = words(told["labels"])
    return PrometheusAlert(
        name=labels.get("alertname", ""),
        state=text(told["state"]),
        severity=labels.get("severity", ""),
        labels=labels,
        annotations=words(told.get("annotations")),
        active_at=moment(told.get("activeAt")),
        value=text(told.get("value")),
    )


def _loaded(groups: Any) -> Iterator[LoadedRule]:
    for group in groups:
        for rule in group["rules"]:
            yield LoadedRule(
                group=text(group["name"]),
                file=text(group["file"]),
                kind=text(rule["type"]),
                name=text(rule["name"]),
                expression=text(rule["query"]),
                health=text(rule["health"]),
                error=text(rule.get("lastError")),
                state=text(rule.get("state")),
                lasting_seconds=float(rule.get("duration") or 0),
                labels=words(rule.get("labels")),
                annotations=words(rule.get("annotations")),
                evaluated_at=moment(rule.get("lastEvaluation")),
            )
