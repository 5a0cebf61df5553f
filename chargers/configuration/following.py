"""What follows a boot: its facts are kept, the configuration is read, and what is desired is restored."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, Subquery, Value, When

from chargers.commands.ordering import SYSTEM, Outcome
from chargers.configuration.models import BootReport, ConfigurationReading
from chargers.configuration.restoring import (
    LESSER,
    WHOLE,
    apply_desired,
    order_quietly,
    read_wanted,
    refresh_quietly,
)
from chargers.configuration.selectors import speaks_addresses
from chargers.configuration.services import forget_other_versions, note_restart
from chargers.configuration.support import note_support
from chargers.following import Booted, CommandSettled, ReportOver, VersionChanged
from chargers.models import ChargePoint, Command, Connection, Registration, in_standing
from chargers.protocol.versions import OCPP_2X
from csms.core.config import get_config


def follow_version(changed: VersionChanged) -> None:
    """Keep the settings of the version that it speaks now apart from those of the one before."""
    forget_other_versions(changed.charge_point_id, addressed=changed.version in OCPP_2X)
    ConfigurationReading.objects.filter(charge_point_id=changed.charge_point_id).update(stale=True)


READ_EVERY = timedelta(minutes=10)
"""At most so often is a charge point read that boots again and again (quirk T8)."""
ANEW = {"vendor", "model", "serial_number", "firmware_version"}
"""Facts of a boot without which a device model is another one."""
SPREAD = 30
"""Parts in which the charge points of a fleet that boots at once are read, over as long again as they settle."""


def follow_boot(booted: Booted) -> None:
    """Keep what is new, and plan to read what it is set to."""
    if booted.changes:
        changes = {name: list(values) for name, values in booted.changes.items()}
        BootReport.objects.create(charge_point_id=booted.charge_point_id, at=booted.now, changes=changes)
    if booted.registration != Registration.ACCEPTED:
        return
    rebooted = booted.restarted and note_restart(booted.charge_point_id)
    at_once = rebooted or bool(booted.changes)
    plan_reading(
        booted.charge_point_id, at_once=at_once, anew=not ANEW.isdisjoint(booted.changes), now=booted.now
    )


def plan_reading(charge_point_id: int, *, at_once: bool, anew: bool = False, now: datetime) -> None:
    """Plan to read what it is set to when the charge point has settled, and to bring it to what is desired.

    One that was read a short while ago is read later, unless `at_once`; another boot lets it wait anew. One of 2.x is
    read whole once, and `anew` when it is another than it was (S2-51). Only the plan is made here, and cheaply: boots
    come by the thousand after a power cut.
    """
    settle = timedelta(seconds=get_config().configuration_settle)
    due_at = now + settle + settle * (charge_point_id % SPREAD) / SPREAD
    readings = ConfigurationReading.objects.filter(charge_point_id=charge_point_id)
    rest = When(asked_at__gt=due_at - READ_EVERY, then=F("asked_at") + READ_EVERY)
    when = Value(due_at) if at_once else Case(rest, default=Value(due_at), output_field=DateTimeField())
    if not readings.update(due_at=when, **({"stale": True} if anew else {})):
        readings.update_or_create(charge_point_id=charge_point_id, defaults={"due_at": due_at})
    if due_at <= now:
        read_due(now=now)


# Nobody waits for readings, and a fleet that boots at once must not slow the others' messages.
AT_ONCE = 10
INVENTORY = 5
"""The first reading of a device model counts for so many: it comes in parts, hundreds of variables of it."""


def read_due(*, now: datetime) -> int:
    """Order the readings whose time has come, AT_ONCE of charge points that are online; return how many. Idempotent.

    Those of whole device models count for more.
    """
    due = ConfigurationReading.objects.filter(
        due_at__lte=now,
        charge_point__connection_id__isnull=False,
        charge_point__registration=Registration.ACCEPTED,
        charge_point__retired_at=None,
    ).select_related("charge_point")
    ordered, left = 0, AT_ONCE
    for reading in due.order_by("due_at")[:AT_ONCE]:
        if left <= 0:
            break
        claimed = ConfigurationReading.objects.filter(pk=reading.pk, due_at=reading.due_at)
        with transaction.atomic():
            if claimed.update(due_at=None, asked_at=now) != 1:
                continue  # another process has it, or another boot came
            addressed = speaks_addresses(reading.charge_point)
            left -= INVENTORY if addressed and reading.stale else 1
            whole = reading.stale or not addressed
            read = refresh_quietly if whole else read_wanted
            ordered += read(reading.charge_point, "it booted", now=now) is not None
    return ordered


def continue_after_reading(outcome: Outcome) -> None:
    """Bring the charge point to what is desired, if that was the purpose of the reading."""
    command = outcome.command
    if outcome.accepted and ConfigurationReading.objects.filter(apply_after=command.pk).exists():
        apply_desired(command.charge_point, now=outcome.now)


def follow_report(over: ReportOver) -> None:
    """Go on after a report that was asked for to restore what is desired; one that gives none is read in other ways.

    S2-51: FullInventory, then the lesser reports, then what is desired by name. One that was cut off is read later.
    """
    readings = ConfigurationReading.objects.filter(apply_after=over.command_id)
    if over.again is not None:
        readings.update(apply_after=over.again)
    reading = readings.select_related("charge_point").first()
    if reading is None:
        return
    charge_point = reading.charge_point
    if over.state == "whole" and over.about != LESSER[-1]:
        apply_desired(charge_point, now=over.now)
        return
    cut_off = Q(status=Command.Status.EXPIRED) | Q(error_code__in=CUT_OFF)
    if charge_point.connection_id is None or Command.objects.filter(cut_off, pk=over.command_id).exists():
        readings.filter(due_at=None).update(due_at=over.now + READ_EVERY)
        return
    bases = (WHOLE, *LESSER)
    at = bases.index(over.about) if over.about in bases else len(bases)
    reason = f"it gave no {over.about}"
    if at + 1 >= len(bases) or not refresh_quietly(charge_point, reason, now=over.now, base=bases[at + 1]):
        read_wanted(charge_point, reason, now=over.now)


CUT_OFF = {"ConnectionLost", "Offline"}


def read_again(outcome: Outcome) -> None:
    """Plan a reading anew that was cut off; a charge point that refused or ignored it is left alone till it boots."""
    command = outcome.command
    if outcome.status == Command.Status.EXPIRED or command.error_code in CUT_OFF:
        ConfigurationReading.objects.filter(apply_after=command.pk, due_at=None).update(
            due_at=outcome.now + READ_EVERY
        )


# In an answer to these, the word is about the key or the connector and not about the command.
ABOUT_THEIR_SUBJECT = {"change-configuration", "get-base-report", "get-report", "unlock-connector"}
NOT_KNOWN = {"NotSupported", "NotImplemented"}


def follow_command(settled: CommandSettled) -> None:
    """Learn from what happens which commands a charge point knows (quirk C12)."""
    lacks = ""
    if settled.error_code in NOT_KNOWN:
        lacks = f"it answered {settled.error_code}"
    elif settled.word == "NotSupported" and settled.type not in ABOUT_THEIR_SUBJECT:
        lacks = "it answered NotSupported"
    if lacks or settled.status == Command.Status.ACCEPTED:
        note_support(settled.charge_point_id, settled.type, lacks)


SILENT_FOR = timedelta(minutes=2)


def ask_silent(*, now: datetime) -> int:
    """See to charge points that connect but do not boot (quirk C1); return how many.

    One that never booted is asked to, once a connection; one whose boots were all before this house read
    configurations is read. Idempotent, a few hundred at a time.
    """
    connected = Connection.objects.filter(pk=OuterRef("connection_id"))
    online = ChargePoint.objects.filter(
        in_standing(Registration.ACCEPTED), retired_at=None, connection_id__isnull=False
    ).annotate(since=Subquery(connected.values("opened_at")[:1]))
    online = online.filter(since__lte=now - SILENT_FOR)
    asked = Command.objects.filter(
        charge_point=OuterRef("pk"),
        type="trigger-message",
        by=SYSTEM.name,
        created_at__gte=OuterRef("since"),
    )
    seen_to = 0
    params = {"requested_message": "BootNotification"}
    reason = "it is connected and has never booted"
    silent = online.filter(~Exists(asked), booted_at=None)
    for charge_point in silent[:200]:
        with transaction.atomic():
            # Another worker may look at the same moment: whoever has the row asks, and the other sees that it did.
            ChargePoint.objects.select_for_update().filter(pk=charge_point.pk).values_list("pk").first()
            if silent.filter(pk=charge_point.pk).exists():
                seen_to += order_quietly(charge_point, "trigger-message", params, reason, now=now) is not None
    unread = online.filter(booted_at__isnull=False, configuration_reading=None)
    for charge_point in unread[:200]:
        plan_reading(charge_point.pk, at_once=True, now=now)
        seen_to += 1
    return seen_to
