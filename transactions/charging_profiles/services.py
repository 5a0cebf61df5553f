"""The mirror of charging profiles: what was ordered, what the charge point took, and what became of it.

A charge point of OCPP 1.6 cannot be asked which profiles it has. So every answer, every end of a transaction, every
boot and the clock move the mirror; what is not known for sure is called uncertain. Each move is a conditional UPDATE.
"""

import secrets
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import transaction as database
from django.db.models import Max, Q, QuerySet

from chargers.commands.ordering import SYSTEM, CommandRefused, Draft, Outcome
from chargers.commands.saying import fixed_number
from chargers.commands.sending import send_command
from chargers.following import Booted
from chargers.handling import INT32_MAX
from chargers.models import ChargePoint, Command
from csms.core.events.services import record
from csms.core.live import announce
from transactions.charging_profiles.limits import limits_of
from transactions.charging_profiles.models import InstalledProfile
from transactions.charging_profiles.params import ChargingProfile
from transactions.charging_profiles.rules import hints, next_try
from transactions.charging_profiles.selectors import held_profiles
from transactions.happenings import TransactionEnded, TransactionStarted
from transactions.models import Transaction
from transactions.updates import tell_update

Status = InstalledProfile.Status

# What changes the limits of a running transaction; those that end with it do not.
LIMITING = (Status.INSTALLED, Status.REPLACED, Status.CLEARED, Status.EXPIRED)

AT_ONCE = 1000  # rows that one run of the clock moves


# --- ordered ----------------------------------------------------------------------------------------------------------


def request_profile(
    draft: Draft, profile: ChargingProfile, *, connector_number: int | None, transaction: Transaction | None
) -> InstalledProfile:
    """Keep a profile that is about to be ordered, under an id that its charge point has for no other.

    An exact payload brings its id; one that the charge point has already is that of the profile to replace.
    """
    # Two orders at a time must not take the same id.
    charge_point = ChargePoint.objects.select_for_update(no_key=True).get(pk=draft.charge_point.pk)
    given = fixed_number(draft, "profile_id", least=0)
    row = InstalledProfile.objects.create(
        charge_point=charge_point,
        profile_id=_new_id(charge_point.pk) if given is None else given,
        connector_number=connector_number,
        purpose=profile.purpose,
        stack_level=profile.stack_level,
        transaction=transaction,
        profile=profile.model_dump(mode="json"),
        valid_to=profile.valid_to,
        by=draft.author.name[:150],
        command_id=draft.command_id,
        created_at=draft.now,
    )
    _tell(row, draft.now)
    return row


def _new_id(charge_point_id: int) -> int:
    """Return an id that the charge point has never had; above all others, as long as there is a number above."""
    known = InstalledProfile.objects.filter(charge_point_id=charge_point_id)
    number: int = known.aggregate(last=Max("profile_id"))["last"] or 0
    if number < INT32_MAX:
        return number + 1
    while known.filter(profile_id=number).exists():
        number = secrets.randbelow(INT32_MAX) + 1
    return number


def would_replace(
    charge_point_id: int,
    profile: ChargingProfile,
    connector_number: int | None,
    profile_id: int | None = None,
) -> QuerySet[InstalledProfile]:
    """Return the profiles that give way to a new one: of its id, or of its place (1.6, 3.13.2).

    A place is a purpose, a level and a connector (S16-51); without a connector it is not known yet.
    """
    same = Q(pk=None)
    if connector_number is not None:
        same |= Q(connector_number=connector_number, purpose=profile.purpose, stack_level=profile.stack_level)
    if profile_id is not None:
        same |= Q(profile_id=profile_id)
    return InstalledProfile.objects.filter(
        same, charge_point_id=charge_point_id, status__in=InstalledProfile.LIVE
    )


# --- answered ---------------------------------------------------------------------------------------------------------


def settle_profile(outcome: Outcome) -> None:
    """Keep what became of a profile that was ordered, by itself or with a remote start."""
    row = (
        InstalledProfile.objects.select_for_update(of=("self",))
        .select_related("charge_point", "transaction")
        .filter(command_id=outcome.command.pk, status=Status.REQUESTED)
        .first()
    )
    if row is None:
        return
    command, now = outcome.command, outcome.now
    match outcome.status:
        case Command.Status.ACCEPTED:
            _installed(row, now)
        case Command.Status.REJECTED if command.type == "remote-start":
            _move(row, Status.REFUSED, now, note="The charge point rejected the start.")
        case Command.Status.REJECTED if outcome.word == "NotSupported":
            _move(row, Status.REFUSED, now, note="The charge point says that it does not do such profiles.")
        case Command.Status.REJECTED:
            _move(
                row,
                Status.REFUSED,
                now,
                note=f"The charge point rejected it without a reason.{_next(row, outcome)}",
            )
        case Command.Status.TIMED_OUT:
            _move(row, Status.UNCERTAIN, now, note="No answer came in time.")
        case Command.Status.FAILED if command.error_code == "ConnectionLost":
            _move(row, Status.UNCERTAIN, now, note="The connection closed before the answer.")
        case _:
            _move(row, Status.REFUSED, now, note=f"{command.error_code} {command.error_description}".strip())


def _next(row: InstalledProfile, outcome: Outcome) -> str:
    """Try a profile of the same limits instead, if that was wished, or tell what is worth a try (quirk C3)."""
    params, limits = outcome.command.params, limits_of(row.charge_point)
    if params.get("adapt"):
        others = held_profiles(row.charge_point_id).filter(
            purpose=row.purpose, connector_number=row.connector_number
        )
        again = next_try(row.terms, limits, alone=not others.exists(), now=outcome.now)
        if again is not None:
            given = {
                name: params[name] for name in ("connector_id", "transaction_id", "adapt") if name in params
            }
            profile = again.model_dump(mode="json", exclude_none=True)
            with suppress(CommandRefused):  # it went offline, or its transaction ended meanwhile
                send_command(
                    row.charge_point,
                    "set-charging-profile",
                    given | {"charging_profile": profile},
                    author=SYSTEM,
                    reason=f"it rejected profile {row.profile_id}, ordered by {row.by}",
                    now=outcome.now,
                )
                return f" Now it is tried as {again.kind} with stack level {again.stack_level}."
    tries = hints(row.terms, limits)
    return f" Worth a try: {'; '.join(tries)}." if tries else ""


def _installed(row: InstalledProfile, now: datetime) -> None:
    transaction = row.transaction
    if transaction is not None and transaction.status == Transaction.Status.ENDED:
        _move(row, Status.ENDED, now, installed_at=now)
        return
    _replace_older(row, now)
    waits = row.purpose == "TxProfile" and transaction is None
    note = "It counts once its transaction starts." if waits else ""
    _move(row, Status.INSTALLED, now, installed_at=now, note=note)


def _replace_older(row: InstalledProfile, now: datetime) -> None:
    """S16-51: same purpose, stack level and connector means the same place; one id is that of one profile."""
    replaced = would_replace(row.charge_point_id, row.terms, row.connector_number, row.profile_id)
    for older in replaced.filter(status__in=InstalledProfile.HELD, pk__lt=row.pk):
        same = older.profile_id == row.profile_id
        what = "A newer profile of its id" if same else f"Profile {row.profile_id}"
        _move(older, Status.REPLACED, now, note=f"{what} took its place.")


CRITERIA = {
    "profile_id": "profile_id",
    "connector_id": "connector_number",
    "purpose": "purpose",
    "stack_level": "stack_level",
}


def settle_clear(outcome: Outcome) -> None:
    """Take from the mirror what a charge point cleared; what it did not find is not there, either (S16-54)."""
    command = outcome.command
    if outcome.status not in (Command.Status.ACCEPTED, Command.Status.REJECTED):
        return
    note = "" if outcome.accepted else "The charge point says that it had no such profile."
    given = {column: command.params[name] for name, column in CRITERIA.items() if name in command.params}
    for row in held_profiles(command.charge_point_id).filter(**given):
        _move(row, Status.CLEARED, outcome.now, note=note)


# --- what happens at the charge point, and the clock ------------------------------------------------------------------


def follow_boot(booted: Booted) -> None:
    """Charge point and default profiles are kept through a boot; a TxProfile does not outlive it (1.6, 3.13)."""
    if not booted.restarted:
        return
    for row in held_profiles(booted.charge_point_id).filter(purpose="TxProfile"):
        _move(row, Status.ENDED, booted.now, note="The charge point booted.")


def follow_start(started: TransactionStarted) -> None:
    """Give the profile that went with a remote start its transaction."""
    transaction = started.transaction
    commands = Command.objects.filter(
        charge_point_id=transaction.charge_point_id, type="remote-start", effect_subject=str(transaction.pk)
    ).values("pk")
    for row in InstalledProfile.objects.filter(
        charge_point_id=transaction.charge_point_id,
        command_id__in=commands,
        transaction=None,
        status__in=InstalledProfile.LIVE,
    ):
        row.transaction = transaction
        row.connector_number = transaction.connector_number
        row.note = ""
        row.save(update_fields=["transaction", "connector_number", "note"])
        if row.status in InstalledProfile.HELD:
            _replace_older(row, started.now)
        _announce(row)


def follow_end(ended: TransactionEnded) -> None:
    """A TxProfile ends with its transaction."""
    for row in InstalledProfile.objects.filter(
        transaction=ended.transaction, status__in=InstalledProfile.HELD
    ):
        _move(row, Status.ENDED, ended.now)


def drop_profiles_of(command: Command, *, now: datetime) -> None:
    """End the profile of a remote start whose transaction never came."""
    for row in InstalledProfile.objects.filter(
        command_id=command.pk, transaction=None, status__in=InstalledProfile.HELD
    ):
        _move(row, Status.ENDED, now, note="Its transaction never came.")


def expire_profiles(*, now: datetime) -> int:
    """End the profiles whose validity is over, and those of transactions that were ended otherwise; return how many."""
    live = InstalledProfile.objects.filter(status__in=InstalledProfile.HELD)
    over = live.filter(valid_to__lte=now).order_by("valid_to")
    ended = live.filter(transaction__status=Transaction.Status.ENDED)
    moved = 0
    for rows, status in ((over, Status.EXPIRED), (ended, Status.ENDED)):
        for row in rows.select_related("charge_point")[:AT_ONCE]:
            with database.atomic():  # that it is over, and that this is told
                moved += _move(row, status, now)
    return moved


# --- in common --------------------------------------------------------------------------------------------------------


def _move(row: InstalledProfile, status: Status, now: datetime, **values: Any) -> bool:
    """Give a profile its next status and tell of it; return False when it has moved on meanwhile."""
    if status not in InstalledProfile.LIVE:
        values["ended_at"] = now
    moved = InstalledProfile.objects.filter(pk=row.pk, status=row.status).update(status=status, **values) == 1
    if moved:
        for name, value in {"status": status, **values}.items():
            setattr(row, name, value)
        _tell(row, now)
    return moved


def _tell(row: InstalledProfile, now: datetime) -> None:
    record(
        f"charging_profile.{row.status}",
        row.charge_point.cp_id,
        {
            "profile_id": row.profile_id,
            "connector_id": row.connector_number,
            "purpose": row.purpose,
            "stack_level": row.stack_level,
            "transaction": None if row.transaction_id is None else str(row.transaction_id),
            "note": row.note,
            "status": row.status,
        },
        occurred_at=now,
    )
    if row.transaction is not None and row.status in LIMITING:
        limits = {"profile_id": row.profile_id, "profile_status": row.status}
        tell_update(row.transaction, row.charge_point.cp_id, "limits", now=now, **limits)
    _announce(row)


def _announce(row: InstalledProfile) -> None:
    announce(f"charge-point:{row.charge_point_id}")
