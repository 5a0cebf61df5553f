"""What is kept how long: a line for each class of data. Transactions, charge points and tokens are kept for ever."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
from csms.core.audit.models import AuditEntry
from csms.core.config import Config
from csms.core.events.models import Event, Reader
from csms.core.events.retention import places_without_use, undelivered
from csms.core.idempotency.models import KeptAnswer
from csms.core.ids import uuid7_floor
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
