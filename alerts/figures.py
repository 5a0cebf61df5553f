"""How soon alerts were looked after, and how soon they were over: MTTA and MTTR."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F

from alerts.models import Alert

PERIOD_MAX = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Response:
    """Of alerts that fired in a period: how many, and the means; None where there is nothing to take a mean of."""

    rule: str
    severity: str
    fired: int
    acknowledged: int
    resolved: int
    mtta_seconds: float | None
    """From firing to somebody looking after it; of those that were acknowledged."""
    mttr_seconds: float | None
    """From firing to the end; of those that are resolved."""


def response_figures(
    since: datetime, until: datetime, *, rule: str = "", severity: str = ""
) -> list[Response]:
    """Return the figures of alerts that fired from `since` to before `until`, by rule and severity. One query."""
    rows = Alert.objects.filter(fired_at__gte=since, fired_at__lt=until)
    if rule:
        rows = rows.filter(rule=rule)
    if severity:
        rows = rows.filter(severity=severity)
    return [
        Response(
            found["rule"],
            found["severity"],
            found["fired"],
            found["acknowledged"],
            found["resolved"],
            _seconds(found["mtta"]),
            _seconds(found["mttr"]),
        )
        for found in _figures(rows.order_by("rule", "severity").values("rule", "severity"))
    ]


def _figures(rows: Any) -> Any:
    return rows.annotate(
        fired=Count("pk"),
        acknowledged=Count("acknowledged_at"),
        resolved=Count("resolved_at"),
        mtta=Avg(_lasted("acknowledged_at")),
        mttr=Avg(_lasted("resolved_at")),
    )


def _lasted(end: str) -> Any:
    return ExpressionWrapper(F(end) - F("fired_at"), output_field=DurationField())


def _seconds(mean: timedelta | None) -> float | None:
    return None if mean is None else round(mean.total_seconds(), 3)
