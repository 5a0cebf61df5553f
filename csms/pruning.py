"""Remove what is older than the settings keep it. Transactions, charge points and tokens are kept for ever.

On PostgreSQL the partitions of the tables that only grow go whole, once everything in them is old; everything else, and
everything on SQLite, goes row by row, in small steps.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from csms.core import partitions
from csms.core.config import Config
from csms.core.ids import uuid7, uuid7_floor
from csms.core.partitions import Partitioned
from csms.retention import PARTITIONED, RETENTION, Kept

log = logging.getLogger(__name__)

CHUNK = 5000


def make_partitions(*, now: datetime, most_ahead: int | None = None) -> list[str]:
    """Make the partitions that are needed from now on, at most so many periods ahead, and return their names.

    Idempotent, and harmless when several do it at once; does nothing on SQLite.
    """
    return partitions.make_ahead(PARTITIONED, now=now, most_ahead=most_ahead)


def analyze_partitioned(*, now: datetime) -> list[str]:
    """Tell the planner once a day what the partitioned tables hold; does nothing on SQLite."""
    return partitions.analyze(PARTITIONED, now=now)


def prune(config: Config, *, now: datetime, dry_run: bool = False) -> dict[str, int]:
    """Remove old rows, and return how many of each class; 0 days means for ever.

    Idempotent. With `dry_run` rows are only counted; of large partitions their number is an estimate.
    """
    removed: dict[str, int] = {}
    for kept in RETENTION:
        removed[kept.name] = 0
        if not (days := kept.days(config)):
            continue
        try:
            late, waits_for = held_back(kept, config, now=now)
            if late and not dry_run:
                log.warning("prune.held_back", extra={"kept": kept.name, "rows": late, "by": waits_for})
            removed[kept.name] = _prune(kept, now - timedelta(days=days), dry_run)
        except Exception:
            # One class that cannot be pruned must not let the others grow.
            log.exception("prune.failed", extra={"kept": kept.name})
    return removed


@dataclass(frozen=True)
class Holding:
    """What there is of one class of data, and what of it is old. `bytes` is None on SQLite, 0 days mean for ever."""

    name: str
    days: int
    rows: int
    """An estimate where there are very many."""
    bytes: int | None
    oldest: datetime | None
    """When its oldest row was made, where the key of a row says when."""
    partitions: int
    old: int


def holdings(config: Config, *, now: datetime) -> list[Holding]:
    """Return what there is of each class, and how many rows `prune()` would remove now. Reads much of what there is."""
    old = prune(config, now=now, dry_run=True)
    found = []
    for kept in RETENTION:
        table = kept.model._meta.db_table
        parts = partitions.partitions(table)
        extents = [partitions.extent(name) for name in [part.name for part in parts] or [table]]
        sizes = [extent.bytes for extent in extents if extent.bytes is not None]
        found.append(
            Holding(
                kept.name,
                kept.days(config),
                sum(extent.rows for extent in extents),
                sum(sizes) if sizes else None,
                _oldest(kept.model),
                len(parts),
                old[kept.name],
            )
        )
    return found


def _oldest(model: Any) -> datetime | None:
    if model._meta.pk.default is not uuid7:
        return None
    first = model._default_manager.order_by("pk").values_list("pk", flat=True).first()
    try:
        return partitions.moment_of(first) if first is not None else None
    except (ValueError, OverflowError):  # beyond the calendar
        return None


def held_back(
    kept: Kept, config: Config, *, now: datetime, most: int = partitions.COUNTED
) -> tuple[int, str]:
    """Return how many rows are older than they are kept because somebody waits for them, at most so many, and who."""
    if kept.held is None or not (days := kept.days(config)):
        return 0, ""
    held, waits_for = kept.held()
    late = kept.model._default_manager.filter(kept.older(now - timedelta(days=days)), held)
    return late.values("pk")[:most].count(), waits_for


def _prune(kept: Kept, moment: datetime, dry_run: bool) -> int:
    rows: Any = kept.model._default_manager.filter(kept.older(moment))
    held = kept.held()[0] if kept.held is not None else Q(pk__in=())
    old = rows.filter(~held)
    table = kept.partitioned
    if table is None or not partitions.is_partitioned(table.table):
        return _remove(kept, old, dry_run)
    bound = uuid7_floor(moment)
    if dry_run:
        return _prune_partitions(kept, table, bound, old, held, dry_run)
    with partitions.alone() as mine:  # else another process does it
        return _prune_partitions(kept, table, bound, old, held, dry_run) if mine else 0


def _prune_partitions(kept: Kept, table: Partitioned, bound: UUID, rows: Any, held: Q, dry_run: bool) -> int:
    if not dry_run:
        partitions.drop_leftovers(table.table)
    old = partitions.old(table, bound)
    total = 0
    for part in old.whole:
        ids = {"pk__gte": part.lower or partitions.LOWEST, "pk__lt": part.upper}
        if kept.model._default_manager.filter(held, **ids).exists():
            continue
        count = partitions.extent(part.name).rows
        if not dry_run and not partitions.drop(table.table, part):
            break  # something long is read; the next look tries again
        total += count
    for lower, upper in old.ranges:
        total += _remove(kept, rows.filter(pk__gte=lower, pk__lt=upper), dry_run)
    return total


def _remove(kept: Kept, old: Any, dry_run: bool) -> int:
    if dry_run:
        return int(old.count())
    if kept.remove is not None:
        return kept.remove(old)
    total = 0
    # Chunks: each transaction is short, so the writer never waits long for the lock.
    while ids := list(old.values_list("pk", flat=True)[:CHUNK]):
        total += kept.model._default_manager.filter(pk__in=ids)._raw_delete("default")
    return total
