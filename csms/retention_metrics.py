"""Figures about what is kept, read from the database when somebody asks for /metrics."""

import logging
from collections.abc import Iterator

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from csms.core.config import get_config
from csms.core.ids import uuid7_floor
from csms.core.partitions import partitions, strays
from csms.pruning import held_back
from csms.retention import PARTITIONED, RETENTION

log = logging.getLogger(__name__)

MOST = 10_000  # rows that are counted at each scrape


class RetentionCollector(Collector):
    """Computes them anew for each scrape, with a few small queries."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Return nothing: the registry would ask the database else, when the process starts."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the figures; none while the database is away, since all others are wanted then the more."""
        try:
            yield from [*_partitions(), _held_back()]
        except Exception as error:
            log.warning("metrics.retention_unknown", extra={"error": repr(error)[:300]})


def _partitions() -> Iterator[GaugeMetricFamily]:
    now = uuid7_floor(timezone.now())
    ahead = GaugeMetricFamily(
        "csms_partitions_ahead",
        "Partitions of days or months to come; 0: rows fall into the default partition soon.",
        labels=["table"],
    )
    default = GaugeMetricFamily(
        "csms_partition_default_rows",
        f"Rows without a partition of their own, at most {MOST}.",
        labels=["table"],
    )
    for table in PARTITIONED:
        if there := partitions(table.table):
            ahead.add_metric(
                [table.table], sum(part.lower is not None and part.lower > now for part in there)
            )
            default.add_metric([table.table], strays(table, most=MOST))
    yield ahead
    yield default


def _held_back() -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "csms_retention_held_back_rows",
        f"Rows that are older than they are to be kept, and stay since they have not been delivered, at most {MOST}.",
        labels=["kept"],
    )
    for kept in RETENTION:
        if kept.held is not None:
            family.add_metric([kept.name], held_back(kept, get_config(), now=timezone.now(), most=MOST)[0])
    return family
