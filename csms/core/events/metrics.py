"""What /metrics says of the outbox: figures made of rows when they are asked for, at every server."""

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from csms.core.events.selectors import backlogs, unnumbered
from csms.core.events.sinks import wanted_sinks

log = logging.getLogger(__name__)

COUNTED = 10_000
"""As far as rows are counted for these figures; that many are too many, however many there are."""


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
            f"Events without a position, counted up to {COUNTED}; many if no relay runs.",
        )
        new.add_metric([], unnumbered(most=COUNTED).events)
        return [backlog, oldest, failing, new]


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What is in a queue of deliveries. `oldest_at` is when the oldest that waits was queued, None without any."""

    waiting: int
    given_up: int
    oldest_at: datetime | None


class QueueMetrics(Collector):
    """What waits in a queue behind the outbox, since when, and what of it was given up; counted up to COUNTED."""

    def __init__(self, prefix: str, what: str, look: Callable[[], Unsettled]) -> None:
        self._prefix = prefix
        self._what = what
        self._look = look

    def describe(self) -> list[Metric]:
        """Return nothing, so that to register asks no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the figures as they are now; none while the database is away."""
        try:
            now, found = timezone.now(), self._look()
        except Exception as error:  # whatever it is, the rest of the page does not depend on it
            log.warning("metrics.queue_unknown", extra={"queue": self._prefix, "error": repr(error)[:300]})
            return
        age = (now - found.oldest_at).total_seconds() if found.oldest_at else 0.0
        for name, text, value in (
            ("waiting", f"{self._what} that wait for an attempt, counted up to {COUNTED}.", found.waiting),
            ("given_up", f"{self._what} that were given up, counted up to {COUNTED}.", found.given_up),
            ("oldest_seconds", f"{self._what}: age of the oldest that waits.", max(0.0, age)),
        ):
            yield GaugeMetricFamily(f"{self._prefix}_{name}", text, value=value)
