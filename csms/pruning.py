"""Remove what is older than the settings keep it. Transactions, charge points and tokens are kept for ever.

On PostgreSQL the partitions of the tables that only grow go whole, once everything in them is old; everything else, and
everything on SQLite, goes row by row, in small steps.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.db.models import Exists, Model, OuterRef, Q

from alerts.incidents.models import Incident
from alerts.models import Alert, LastWord
from alerts.notifications.models import Notification
from alerts.notifications.services import remove_notifications
from alerts.services import remove_alerts
from alerts.silences.models import Silence
from chargers.bulk.models import BulkJob
from chargers.bulk.services import remove_jobs
from chargers.callbacks.models import Callback
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.configuration.models import BootReport, ConfigurationChange
from chargers.diagnostics.models import LogJob, LogReport, StoredFile, Upload
from chargers.diagnostics.uploads import remove_files
from chargers.firmware.models import FirmwareJob, FirmwareReport
from chargers.models import Command, Connection, Frame, Process, RefusedHandshake, StatusReport
from chargers.network.models import NetworkProfile, ProfileChange
from chargers.provisioning.models import ProvisioningRun
from chargers.reporting.models import Report, ReportPart
from chargers.reservations.models import Reservation
from chargers.security_events.models import SecurityEvent
from chargers.topology.models import DeviceEvent
from chargers.traits.models import Deviation
from csms.core import partitions
from csms.core.audit.models import AuditEntry
from csms.core.config import Config
from csms.core.events.models import Event, Reader
from csms.core.events.retention import places_without_use, undelivered
from csms.core.idempotency.models import KeptAnswer
from csms.core.ids import uuid7, uuid7_floor
from csms.core.partitions import Partitioned, Period
from csms.core.webhooks.models import Delivery, Endpoint
from csms.core.webhooks.services import remove_deleted
from transactions.backend.models import SessionReport
from transactions.charging_profiles.models import CompositeSchedule, InstalledProfile
from transactions.figures.models import Day, Minute, Trouble
from transactions.models import MeterValue, UnknownToken
from transactions.remote_control.models import UnexplainedCharging
from transactions.sequence.models import TransactionEvent
from transactions.sequence.waiting import only_readings, remove_in_order
from transactions.signed.models import SignedReading

log = logging.getLogger(__name__)

CHUNK = 5000


@dataclass(frozen=True)
class Kept:
    """One class of data: how many days it is kept, and what is older than a moment."""

    name: str
    model: type[Model]
    days: Callable[[Config], int]
    older: Callable[[datetime], Q]
    remove: Callable[[Any], int] | None = None
    """Removes the rows and what belongs to them; without it the rows go, and nothing else."""
    partitioned: Partitioned | None = None
    """How the table is partitioned on PostgreSQL."""
    held: Callable[[], tuple[Q, str]] | None = None
    """Which rows stay however old they are, and for whom."""


def _by_id(moment: datetime) -> Q:
    return Q(pk__lt=uuid7_floor(moment))


def _followed(moment: datetime) -> Q:
    """Connections that were followed by another: the last one before an outage tells since when it goes on."""
    later = Connection.objects.filter(
        charge_point=OuterRef("charge_point"), opened_at__gt=OuterRef("opened_at"), opened_at__lt=moment
    )
    return Q(Exists(later), closed_at__lt=moment)


def _replaced(moment: datetime) -> Q:
    """Network profiles that something else was told over: the last one that a slot took is what it holds."""
    later = NetworkProfile.objects.filter(
        charge_point=OuterRef("charge_point"),
        slot=OuterRef("slot"),
        pk__gt=OuterRef("pk"),
        state=NetworkProfile.State.ACCEPTED,
    )
    return Q(Exists(later), told_at__lt=moment)


RETENTION = (
    Kept(
        "frames",
        Frame,
        lambda c: c.retain_frames_days,
        _by_id,
        partitioned=Partitioned(Frame._meta.db_table, Period.DAY, ahead=7),
    ),
    Kept("status reports", StatusReport, lambda c: c.retain_connections_days, _by_id),
    Kept(
        "meter values",
        MeterValue,
        lambda c: c.retain_meter_values_days,
        _by_id,
        # Longer ones: who asks for a transaction looks into each, and sixty cost thrice the time of fifteen.
        partitioned=Partitioned(MeterValue._meta.db_table, Period.MONTH, ahead=2),
    ),
    # They are the evidence of the readings, and of no use without them.
    Kept("signed readings", SignedReading, lambda c: c.retain_meter_values_days, _by_id),
    Kept(
        "events of transactions that only brought readings",
        TransactionEvent,
        lambda c: c.retain_frames_days,
        only_readings,
        remove_in_order,
    ),
    Kept(
        "events",
        Event,
        lambda c: c.retain_events_days,
        _by_id,
        partitioned=Partitioned(Event._meta.db_table, Period.DAY, ahead=7),
        held=undelivered,
    ),
    Kept("places of sinks that are gone", Reader, lambda c: c.retain_events_days, places_without_use),
    Kept("audit entries", AuditEntry, lambda c: c.retain_audit_days, _by_id),
    Kept("deviations", Deviation, lambda c: c.retain_connections_days, lambda t: Q(last_at__lt=t)),
    Kept(
        "webhook deliveries",
        Delivery,
        lambda c: c.retain_events_days,
        lambda t: _by_id(t) & ~Q(state=Delivery.State.WAITING),
    ),
    Kept(
        "deleted webhooks",
        Endpoint,
        lambda c: 1,
        lambda t: Q(deleted_at__lt=t),
        remove=remove_deleted,
    ),
    Kept(
        "callbacks",
        Callback,
        lambda c: c.retain_connections_days,
        lambda t: _by_id(t) & ~Q(state__in=Callback.OPEN),
    ),
    Kept(
        "commands",
        Command,
        lambda c: c.retain_connections_days,
        lambda t: _by_id(t) & ~Q(status__in=Command.OPEN) & Q(callback=None),
    ),
    Kept(
        "bulk jobs",
        BulkJob,
        lambda c: c.retain_connections_days,
        lambda t: Q(closed_at__lt=t),
        remove=remove_jobs,
    ),
    Kept("reservations", Reservation, lambda c: c.retain_connections_days, lambda t: Q(ended_at__lt=t)),
    Kept("configuration changes", ConfigurationChange, lambda c: c.retain_connections_days, _by_id),
    Kept("boot reports", BootReport, lambda c: c.retain_connections_days, _by_id),
    Kept("parts of reports", ReportPart, lambda c: c.retain_frames_days, lambda t: Q(received_at__lt=t)),
    Kept(
        "reports",
        Report,
        lambda c: c.retain_connections_days,
        lambda t: _by_id(t) & ~Q(state__in=Report.OPEN) & Q(parts=None),
    ),
    Kept("connections", Connection, lambda c: c.retain_connections_days, _followed),
    Kept(
        "processes",
        Process,
        lambda c: c.retain_connections_days,
        lambda t: Q(ended_at__lt=t) & Q(connections=None),
    ),
    Kept(
        "provisioning runs",
        ProvisioningRun,
        lambda c: c.retain_connections_days,
        lambda t: Q(finished_at__lt=t),
    ),
    Kept("network profiles", NetworkProfile, lambda c: c.retain_connections_days, _replaced),
    Kept(
        "moves to other security profiles",
        ProfileChange,
        lambda c: c.retain_connections_days,
        lambda t: Q(finished_at__lt=t) & ~Q(state__in=ProfileChange.OPEN),
    ),
    Kept("events of components", DeviceEvent, lambda c: c.retain_connections_days, _by_id),
    Kept("security events", SecurityEvent, lambda c: c.retain_security_events_days, _by_id),
    Kept(
        "certificate requests",
        SigningRequest,
        lambda c: c.retain_security_events_days,
        lambda t: Q(closed_at__lt=t),
    ),
    Kept(
        "removed certificates",
        InstalledCertificate,
        lambda c: c.retain_security_events_days,
        lambda t: Q(removed_at__lt=t),
    ),
    Kept(
        "unknown tokens",
        UnknownToken,
        lambda c: c.retain_connections_days,
        lambda t: Q(last_at__lt=t),
    ),
    Kept("firmware jobs", FirmwareJob, lambda c: c.retain_connections_days, lambda t: Q(ended_at__lt=t)),
    Kept("firmware reports", FirmwareReport, lambda c: c.retain_connections_days, _by_id),
    Kept("log jobs", LogJob, lambda c: c.retain_connections_days, lambda t: Q(ended_at__lt=t)),
    Kept("log reports", LogReport, lambda c: c.retain_connections_days, _by_id),
    Kept("upload URLs", Upload, lambda c: c.retain_connections_days, lambda t: Q(expires_at__lt=t)),
    Kept("files", StoredFile, lambda c: c.retain_files_days, _by_id, remove=remove_files),
    Kept(
        "charging profiles",
        InstalledProfile,
        lambda c: c.retain_connections_days,
        lambda t: Q(ended_at__lt=t) & ~Q(status__in=InstalledProfile.LIVE),
    ),
    Kept("composite schedules", CompositeSchedule, lambda c: c.retain_connections_days, _by_id),
    Kept(
        "unexplained charging",
        UnexplainedCharging,
        lambda c: c.retain_connections_days,
        lambda t: Q(ended_at__lt=t),
    ),
    Kept(
        "alerts",
        Alert,
        lambda c: c.retain_alerts_days,
        lambda t: Q(resolved_at__lt=t),
        remove=remove_alerts,
    ),
    Kept(
        "notifications",
        Notification,
        lambda c: c.retain_alerts_days,
        lambda t: _by_id(t) & ~Q(state=Notification.State.PLANNED),
        remove=remove_notifications,
    ),
    Kept(
        "incidents",
        Incident,
        lambda c: c.retain_alerts_days,
        lambda t: Q(ended_at__lt=t, alerts=None),
    ),
    Kept("silences that are over", Silence, lambda c: c.retain_alerts_days, lambda t: Q(over_at__lt=t)),
    # What still speaks says its last word again once a day.
    Kept("last words of what is gone", LastWord, lambda c: c.retain_alerts_days, lambda t: Q(at__lt=t)),
    Kept("figures of minutes", Minute, lambda c: c.retain_figures_days, lambda t: Q(at__lt=t)),
    Kept("figures of days", Day, lambda c: c.retain_figures_days, lambda t: Q(day__lt=t.date())),
    Kept("troubles of days", Trouble, lambda c: c.retain_figures_days, lambda t: Q(day__lt=t.date())),
    Kept(
        "sessions told to the backend",
        SessionReport,
        lambda c: c.retain_events_days,
        lambda t: _by_id(t) & Q(state=SessionReport.State.DELIVERED),
    ),
    Kept("answers kept for repeats", KeptAnswer, lambda c: 1, lambda t: Q(created_at__lt=t)),
    Kept("sessions of people", Session, lambda c: 1, lambda t: Q(expire_date__lt=t)),
    Kept("failed sign-ins", AccessAttempt, lambda c: 1, lambda t: Q(attempt_time__lt=t)),
    Kept(
        "refused handshakes", RefusedHandshake, lambda c: c.retain_refusals_days, lambda t: Q(last_at__lt=t)
    ),
)


PARTITIONED = [kept.partitioned for kept in RETENTION if kept.partitioned is not None]


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
