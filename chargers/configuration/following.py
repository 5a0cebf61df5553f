"""What follows a boot: its facts are kept, the configuration is read, and what is desired is restored."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Subquery, Value, When

from chargers.commands.effects import note_effect
from chargers.commands.ordering import SYSTEM, Outcome
from chargers.configuration.models import BootReport, ConfigurationKey, ConfigurationReading
from chargers.configuration.selectors import fold
from chargers.configuration.services import apply_desired, note_support, order_quietly
from chargers.following import Booted, CommandSettled, SignedIn
from chargers.models import ChargePoint, Command, Connection, Registration
from chargers.services import drop_offered_password
from csms.core.config import get_config

READ_EVERY = timedelta(minutes=10)
"""At most so often is a charge point read that boots again and again (quirk T8)."""
SPREAD = 30
"""Parts in which the charge points of a fleet that boots at once are read, over as long again as they settle."""


def follow_boot(booted: Booted) -> None:
    """Keep what is new, and plan to read what it is set to."""
    if booted.changes:
        changes = {name: list(values) for name, values in booted.changes.items()}
        BootReport.objects.create(charge_point_id=booted.charge_point_id, at=booted.now, changes=changes)
    if booted.registration != Registration.ACCEPTED:
        return
    waited = ConfigurationKey.objects.filter(charge_point_id=booted.charge_point_id, needs_reboot=True)
    rebooted = waited.update(needs_reboot=False) > 0
    plan_reading(booted.charge_point_id, at_once=rebooted or bool(booted.changes), now=booted.now)


def plan_reading(charge_point_id: int, *, at_once: bool, now: datetime) -> None:
    """Plan to read the whole configuration when the charge point has settled, and to bring it to what is desired.

    One that was read a short while ago is read later, unless `at_once`; another boot lets it wait anew. Only the plan
    is made here, and cheaply: boots come by the thousand after a power cut.
    """
    settle = timedelta(seconds=get_config().configuration_settle)
    due_at = now + settle + settle * (charge_point_id % SPREAD) / SPREAD
    readings = ConfigurationReading.objects.filter(charge_point_id=charge_point_id)
    rest = When(asked_at__gt=due_at - READ_EVERY, then=F("asked_at") + READ_EVERY)
    when = Value(due_at) if at_once else Case(rest, default=Value(due_at), output_field=DateTimeField())
    if not readings.update(due_at=when):
        readings.update_or_create(charge_point_id=charge_point_id, defaults={"due_at": due_at})
    if due_at <= now:
        read_due(now=now)


AT_ONCE = (
    10  # readings; nobody waits for them, and a fleet that boots at once must not slow the others' messages
)


def read_due(*, now: datetime) -> int:
    """Order the readings whose time has come, AT_ONCE of charge points that are online; return how many. Idempotent."""
    due = ConfigurationReading.objects.filter(
        due_at__lte=now,
        charge_point__connection_id__isnull=False,
        charge_point__registration=Registration.ACCEPTED,
        charge_point__retired_at=None,
    ).select_related("charge_point")
    ordered = 0
    for reading in due.order_by("due_at")[:AT_ONCE]:
        claimed = ConfigurationReading.objects.filter(pk=reading.pk, due_at=reading.due_at)
        with transaction.atomic():
            if claimed.update(due_at=None, asked_at=now) != 1:
                continue  # another process has it, or another boot came
            command = order_quietly(reading.charge_point, "get-configuration", {}, "it booted", now=now)
            if command is not None:
                ConfigurationReading.objects.filter(pk=reading.pk).update(apply_after=command.pk)
                ordered += 1
    return ordered


def continue_after_reading(outcome: Outcome) -> None:
    """Bring the charge point to what is desired, if that was the purpose of the reading."""
    command = outcome.command
    if outcome.accepted and ConfigurationReading.objects.filter(apply_after=command.pk).exists():
        apply_desired(command.charge_point, now=outcome.now)


CUT_OFF = {"ConnectionLost", "Offline"}


def read_again(outcome: Outcome) -> None:
    """Plan a reading anew that was cut off; a charge point that refused or ignored it is left alone till it boots."""
    command = outcome.command
    if outcome.status == Command.Status.EXPIRED or command.error_code in CUT_OFF:
        ConfigurationReading.objects.filter(apply_after=command.pk, due_at=None).update(
            due_at=outcome.now + READ_EVERY
        )


SIGN_IN_WINDOW = timedelta(days=7)
"""So long after a change of password or profile may its first sign-in be seen; some stay connected for days."""


def follow_sign_in(signed_in: SignedIn) -> None:
    """See the effect of a new password (T-029) or security profile (S16-74).

    The old password after the new one was told: it was not taken, unless it counts only after a reboot yet to come.
    """
    waits = ConfigurationKey.objects.filter(
        charge_point_id=signed_in.charge_point_id, folded="authorizationkey", needs_reboot=True
    )
    if not signed_in.newest and not waits.exists():
        drop_offered_password(signed_in.charge_point_id)
    told = Command.objects.filter(
        charge_point_id=signed_in.charge_point_id,
        type__in=("change-configuration", "set-authorization-key"),
        effect_at=None,
        sent_at__gt=signed_in.now - SIGN_IN_WINDOW,
    ).exclude(status=Command.Status.REJECTED)
    for command in told.order_by("-id")[:50]:
        key = fold(command.params.get("key", ""))
        if command.type == "set-authorization-key":
            if signed_in.newest:
                note_effect(command, "It signed in with the new password.", now=signed_in.now)
            elif command.status != Command.Status.ACCEPTED:
                note_effect(
                    command, "It signed in with the old password: it did not take it.", now=signed_in.now
                )
        elif key == "securityprofile" and command.params.get("value") == str(signed_in.security_profile):
            text = f"It connected with security profile {signed_in.security_profile}."
            note_effect(command, text, kind="charge-point", now=signed_in.now)


# In an answer to these, the word is about the key or the connector and not about the command.
ABOUT_THEIR_SUBJECT = {"change-configuration", "unlock-connector"}
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
        registration=Registration.ACCEPTED, retired_at=None, connection_id__isnull=False
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
