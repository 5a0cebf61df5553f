"""What the servers beside the house, Prometheus and Alertmanager, say of alerts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.external.services import TITLES
from console.beside import ALERTMANAGER_ALERTS, PROMETHEUS_ALERTS, Said

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
    """A server, and its alerts."""

    name: str
    said: Said[Any]

    @property
    def title(self) -> str:
        return TITLES[self.name]

    @property
    def alerts(self) -> list[Foreign]:
        """The first of them."""
        return [_foreign(one) for one in self.said.rows[:SHOWN]]


def beside(*, now: datetime) -> list[Beside]:
    """Return what each of them said last."""
    return [
        Beside("prometheus", PROMETHEUS_ALERTS.last(now=now)),
        Beside("alertmanager", ALERTMANAGER_ALERTS.last(now=now)),
    ]


def _foreign(alert: Any) -> Foreign:
    said = alert.annotations
    text = said.get("summary") or said.get("description") or said.get("message") or ""
    labels = [pair for pair in sorted(alert.labels.items()) if pair[0] not in ("alertname", "severity")]
    since = alert.active_at if hasattr(alert, "active_at") else alert.started_at
    return Foreign(alert.name, alert.severity, alert.state, since, text, labels)
