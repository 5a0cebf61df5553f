"""The network in figures, made of rows when somebody asks for /metrics: the same at every server."""

import logging
from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from alerts.selectors import alert_figures
from chargers.models import Command, Process
from csms.summary import charge_points, connectors_by_status
from transactions.models import Transaction

log = logging.getLogger(__name__)


class FleetCollector(Collector):
    """Counts by indexes, as the first page does: some ten queries, however long the history is."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Return nothing, so that to register asks no database."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the figures as they are now; none while the database is away."""
        try:
            yield from _figures()
        except Exception as error:  # whatever it is, the rest of the page does not depend on it
            log.warning("metrics.fleet_unknown", extra={"error": repr(error)[:300]})


def _figures() -> list[GaugeMetricFamily]:
    fleet, alerts = charge_points(), alert_figures()
    running = Transaction.objects.filter(status=Transaction.Status.ACTIVE)
    processes = Process.objects.filter(ended_at=None)
    states = ("known", "online", "offline", "pending", "charging", "faulted", "warning")
    looked = alerts.evaluated_at
    return [
        _by(
            "csms_charge_points",
            "Charge points that are neither retired nor rejected, by what holds for them: most stand under several.",
            "state",
            {state: getattr(fleet, state) for state in states},
        ),
        _by("csms_connectors", "Connectors, by their last state.", "status", connectors_by_status()),
        _one("csms_transactions_active", "Transactions that run.", running.count()),
        _one(
            "csms_transactions_unended",
            "Transactions that run by our books, though something says that they are over.",
            running.exclude(end_seen_at=None).count(),
        ),
        _one(
            "csms_commands_open",
            "Commands that wait to be sent or answered.",
            Command.objects.filter(status__in=Command.OPEN).count(),
        ),
        _one("csms_server_processes", "Servers that are not known to have ended.", processes.count()),
        _by(
            "csms_alerts_firing",
            "Alerts of the built-in engine that fire and that nobody has acknowledged.",
            "severity",
            alerts.by_severity,
        ),
        _one(
            "csms_alerts_evaluated_timestamp_seconds",
            "When the built-in engine last looked for alerts, as a Unix time; 0: never.",
            0.0 if looked is None else looked.timestamp(),
        ),
    ]


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for word, value in values.items():
        family.add_metric([word], value)
    return family
