"""What the servers beside the house, Prometheus and Alertmanager, say of alerts."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alerts.alertmanager import selectors as alertmanager
from alerts.external.client import Refused, Unreachable, Unset
from alerts.external.services import TITLES, Reach, reach
from alerts.prometheus import selectors as prometheus

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Foreign:
    """An alert of such a server."""

    name: str
    severity: str
    state: str
    since: datetime | None
    text: str
    labels: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Beside:
    """A server: whether it answers, and its alerts."""

    title: str
    reach: Reach
    alerts: list[Foreign] = field(default_factory=list)
    count: int = 0
    more: bool = False
    refused: str = ""


def beside(name: str, *, now: datetime) -> Beside:
    """Ask a server for its alerts; one that is not set, or does not answer, says so."""
    title = TITLES[name]
    try:
        found, more = _ask(name, now)
    except (Unset, Unreachable):
        return Beside(title, reach(name))
    except Refused as refused:
        return Beside(title, reach(name), refused=str(refused))
    return Beside(title, reach(name), found[:SHOWN], len(found), more)


def _ask(name: str, now: datetime) -> tuple[list[Foreign], bool]:
    found: list[Any]
    if name == "prometheus":
        found, more = prometheus.alerts(now=now)
        return [_foreign(one, one.active_at) for one in found], more
    found, more = alertmanager.alerts(now=now)
    return [_foreign(one, one.started_at) for one in found], more


def _foreign(alert: Any, since: datetime | None) -> Foreign:
    said = alert.annotations
    text = said.get("summary") or said.get("description") or said.get("message") or ""
    labels = [pair for pair in sorted(alert.labels.items()) if pair[0] not in ("alertname", "severity")]
    return Foreign(alert.name, alert.severity, alert.state, since, text, labels)
