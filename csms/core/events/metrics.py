"""What /metrics says of the outbox: figures made of rows when they are asked for, since workers have no such page."""

import logging
from collections.abc import Callable, Collection, Iterator

from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from csms.core.events.selectors import backlogs, unnumbered
from csms.core.events.sinks import wanted_sinks

log = logging.getLogger(__name__)


class EventMetrics(Collector):
    """Backlog, age and failure of each sink that is wanted now; nothing while the database is away."""

    def __init__(self, wanted: Callable[[], Collection[str]] = wanted_sinks) -> None:
        self._wanted = wanted

    def describe(self) -> list[Metric]:
        """Return nothing, so that to register asks no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the figures as they are now."""
        try:
            yield from self._figures()
        except Exception as error:  # whatever it is, the rest of the page does not depend on it
            log.warning("metrics.events_unknown", extra={"error": repr(error)[:300]})

    def _figures(self) -> list[Metric]:
        now = timezone.now()
        backlog = GaugeMetricFamily(
            "csms_events_backlog", "Events that a sink has before it.", labels=["sink"]
        )
        oldest = GaugeMetricFamily(
            "csms_events_oldest_seconds",
            "Age of the oldest event that a sink has before it.",
            labels=["sink"],
        )
        failing = GaugeMetricFamily(
            "csms_events_sink_failing", "1 while a sink cannot take events, else 0.", labels=["sink"]
        )
        wanted = self._wanted()
        for each in backlogs():
            if each.name in wanted:  # what was switched off keeps its row, and waits for nothing
                age = (now - each.oldest_at).total_seconds() if each.oldest_at else 0.0
                backlog.add_metric([each.name], each.events)
                oldest.add_metric([each.name], max(0.0, age))
                failing.add_metric([each.name], each.failing_since is not None)
        new = GaugeMetricFamily(
            "csms_events_unnumbered",
            "Events without a position, counted up to 100,000; many if no relay runs.",
        )
        new.add_metric([], unnumbered().events)
        return [backlog, oldest, failing, new]


def register() -> None:
    """Add the figures to what this process tells."""
    REGISTRY.register(EventMetrics())
