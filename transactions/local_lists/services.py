"""What keeps the local lists of charge points as their policies want them.

An update is a command: `prepare_update` computes its entries when it is ordered, `settle_update` takes them into the
mirror when the charge point has accepted them, and orders the next part while one is left. So a list of any length
goes out as one Full and then Differentials (S16-32). To compare two long lists takes longer than answers may wait: so
all parts are made by the first, and only made anew when tokens have changed meanwhile.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from chargers.commands.effects import note_effect
from chargers.commands.ordering import SYSTEM, CommandRefused, Outcome
from chargers.commands.sending import send_command
from chargers.following import Booted
from chargers.handling import INT32_MAX
from chargers.models import ChargePoint, Command, Registration
from chargers.services import from_to, note_act
from csms.core.events.services import record
from csms.core.id_tokens import KEY_CODE
from csms.core.live import announce
from transactions.local_lists import selectors
from transactions.local_lists.entries import caseless, read_entry
from transactions.local_lists.models import LocalList, LocalListEntry, LocalListPart
from transactions.local_lists.parts import divided, message_bytes

Policy = LocalList.Policy
Status = Command.Status

RETRY_FIRST, RETRY_MOST = timedelta(minutes=10), timedelta(hours=24)
SYNC_AT_ONCE = 200
GIVEN_MAX = 5000  # entries of one message that somebody else has made; no charge point is known to take more
# A charge point that does not know the message does not know the list either.
NO_SUCH_MESSAGE = {"NotImplemented", "NotSupported"}


class NothingToSend(Exception):
    """An update that makes no sense; the text says why, for people, `field` what of the order is the matter."""

    def __init__(self, text: str, field: str = "update_type") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Update:
    """One message to bring a list up to date; entries without a status are to be removed."""

    kind: str
    version: int
    entries: list[dict[str, Any]]


def locked_list(charge_point_id: int) -> LocalList:
    """Return the list of a charge point, made if need be, as it is once no other process changes it."""
    LocalList.objects.get_or_create(charge_point_id=charge_point_id)
    return (
        LocalList.objects.select_for_update(of=("self",))
        .select_related("charge_point")
        .get(charge_point_id=charge_point_id)
    )


def set_policy(
    charge_point: ChargePoint,
    *,
    policy: str,
    tokens: list[str],
    groups: list[str],
    now: datetime,
    by: str = "",
) -> LocalList:
    """Say which tokens belong on a charge point's list; the clock sends them. Idempotent.

    With the policy off nothing is sent any more, and the list stays as it is.
    """
    with transaction.atomic():
        row = locked_list(charge_point.pk)
        wanted = {"policy": policy, "tokens": tokens, "groups": groups}
        if any(getattr(row, name) != value for name, value in wanted.items()):
            changed: dict[str, Any] = {
                name: from_to(getattr(row, name), value)
                for name, value in wanted.items()
                if getattr(row, name) != value
            }
            note_act("local_list_policy.set", charge_point, by=by, now=now, **changed)
            for name, value in wanted.items():
                setattr(row, name, value)
            row.seen, row.try_after, row.failures, row.fell_back = "", None, 0, False
            row.planned = ""
            row.save()
            _tell(row, "policy_set", now, policy=policy)
    return row


# --- an update, from the order to its outcome -------------------------------------------------------------------------


def prepare_update(charge_point: ChargePoint, kind: str, *, command_id: UUID, now: datetime) -> Update:
    """Return the update to send now, and keep that it is on its way. Raises NothingToSend."""
    row = _free_list(charge_point)
    if kind == "Empty":
        if row.policy != Policy.OFF:
            raise NothingToSend("its policy would fill the list again; set it to off before")
        entries: list[dict[str, Any]] = []
        _plan(row, [], 1, "")
    else:
        kind, entries = _content(row, kind, now)
    row.command_id = command_id
    # S16-30: always above 0 and rising, also above what the charge point has from elsewhere or from a lost answer.
    known = max(row.version, row.told_version, row.reported_version or 0)
    row.told_version = known + 1 if known < INT32_MAX else 1  # above the last number there is none
    row.save(update_fields=["command_id", "told_version", "planned"])
    return Update(kind, row.told_version, entries)


def prepare_given_update(charge_point: ChargePoint, update: Update, *, command_id: UUID) -> None:
    """Keep that an update is on its way whose version and entries somebody else has made. Raises NothingToSend."""
    row = _free_list(charge_point)
    if row.policy != Policy.OFF:
        raise NothingToSend("its policy would change the list again; set it to off before")
    if not 0 < update.version <= INT32_MAX:
        raise NothingToSend(f"a version is a number from 1 to {INT32_MAX}", "list_version")  # S16-30
    # S16-32: without its own word on it the charge point is let try.
    most = selectors.reported_message_max(charge_point.pk) or GIVEN_MAX
    most_bytes = selectors.reported_bytes_max(charge_point.pk)
    if len(update.entries) > most:
        raise NothingToSend(f"{charge_point.cp_id} takes at most {most} entries at once", "entries")
    if most_bytes and message_bytes(charge_point, update.kind, update.entries) > most_bytes:
        raise NothingToSend(f"{charge_point.cp_id} takes at most {most_bytes} bytes at once", "entries")
    seen: set[tuple[str, str]] = set()
    for number, values in enumerate(update.entries):
        key = caseless(values["id_token"]), values.get("type", "")
        if values.get("type") == KEY_CODE:
            raise NothingToSend("no list has key codes, which are secrets", f"entries.{number}.id_token")
        if key in seen:
            raise NothingToSend(
                "the token is there twice; case does not matter", f"entries.{number}.id_token"
            )
        if update.kind == "Full" and "status" not in values:  # 1.6, 7.2
            raise NothingToSend("in a Full update every token has its state", f"entries.{number}.status")
        seen.add(key)
    _plan(row, [], 1, "")
    row.command_id = command_id
    row.told_version = max(row.told_version, update.version)
    row.save(update_fields=["command_id", "told_version", "planned"])


def _free_list(charge_point: ChargePoint) -> LocalList:
    """Return the list of a charge point, locked. Raises NothingToSend while an update of it is on its way."""
    row = locked_list(charge_point.pk)
    if (
        row.command_id is not None
        and Command.objects.filter(pk=row.command_id, status__in=Command.OPEN).exists()
    ):
        raise NothingToSend(f"an update of the list of {charge_point.cp_id} is on its way")
    return row


def _content(row: LocalList, kind: str, now: datetime) -> tuple[str, list[dict[str, Any]]]:
    name = row.charge_point.cp_id
    if row.policy == Policy.OFF:
        raise NothingToSend(f"no token belongs on the list of {name}: its policy is off")
    seen, most = selectors.state_of_tokens(now=now), selectors.message_max(row.charge_point_id)
    if kind == "Sync" and (part := _next_part(row, most, seen)) is not None:
        return "Differential", part
    pending = selectors.pending(row, now=now)
    if kind == "Sync":
        if not pending.kind:
            raise NothingToSend(f"the list of {name} is up to date")
        kind = pending.kind
    if kind == "Full":
        return kind, _plan(row, [entry.as_json() for entry in pending.belonging.entries], most, seen)
    if row.full_needed or row.version == 0 or pending.kind == "Full":
        raise NothingToSend(f"it is not known what {name} has; send the full list")
    if not pending.delta:
        raise NothingToSend(f"nothing has changed since version {row.version}")
    return kind, _plan(row, pending.delta.as_json(), most, seen)


def _plan(row: LocalList, every: list[dict[str, Any]], most: int, seen: str) -> list[dict[str, Any]]:
    """Return the entries of the first message, and keep those of the others."""
    LocalListPart.objects.filter(local_list=row).delete()
    most_bytes = selectors.reported_bytes_max(row.charge_point_id)
    first, *rest = divided(row.charge_point, every, items=most, most_bytes=most_bytes)
    LocalListPart.objects.bulk_create(LocalListPart(local_list=row, entries=part) for part in rest)
    row.planned = seen
    return first


def _next_part(row: LocalList, most: int, seen: str) -> list[dict[str, Any]] | None:
    """Take the next part, if what it was made of still holds."""
    if row.full_needed or not row.planned or row.planned != seen:
        return None
    part = LocalListPart.objects.filter(local_list=row).order_by("pk").first()
    if part is None or len(part.entries) > most:
        return None
    part.delete()
    entries: list[dict[str, Any]] = part.entries
    return entries


def settle_update(outcome: Outcome) -> None:
    """Take what was accepted into the mirror, and go on: with the next part, or with Full after a failed change."""
    command, now = outcome.command, outcome.now
    row = locked_list(command.charge_point_id)
    kind = command.params["update_type"]
    row.command_id, row.last_command_id = None, command.pk
    row.last_kind, row.last_at = kind, now
    row.last_result = (outcome.word or command.error_code or outcome.status)[:64]
    row.seen = ""
    go_on = False
    if outcome.accepted:
        _take(row, command.params, now)
        go_on = row.policy != Policy.OFF and not _is_done(row, now)
    elif outcome.word == "NotSupported" or command.error_code in NO_SUCH_MESSAGE:
        row.supported = False  # TC_043_1: it is not asked again
        _tell(row, "not_supported", now)
    elif command.sent_at is not None:
        # S16-31. Without an answer nobody knows what it has, so that the next update is a Full one, too.
        row.full_needed = row.full_needed or kind == "Differential" or outcome.status != Status.REJECTED
        go_on = outcome.status == Status.REJECTED and kind == "Differential" and not row.fell_back
        row.fell_back = row.fell_back or go_on
        if not go_on:
            row.failures += 1
            row.try_after = now + min(RETRY_FIRST * 2 ** min(row.failures - 1, 10), RETRY_MOST)
        _tell(row, "failed", now, result=row.last_result, list_version=command.params["list_version"])
    if not outcome.accepted:
        row.planned = ""  # a part is missing
    row.save()
    announce(f"charge-point:{row.charge_point_id}")
    if go_on:
        _go_on(row, now)


def _is_done(row: LocalList, now: datetime) -> bool:
    """Return whether that was the last part, and note it: the list has what its tokens say."""
    if row.parts.exists() or row.planned != selectors.state_of_tokens(now=now):
        return False
    row.seen, row.planned, row.fell_back = row.planned, "", False
    return True


def _take(row: LocalList, params: dict[str, Any], now: datetime) -> None:
    """Do to the mirror what the update did to the list."""
    if params["update_type"] != "Differential":
        selectors.entries(row).delete()
    by_type: dict[str, list[str]] = {}
    for values in params["entries"]:
        by_type.setdefault(values.get("type", ""), []).append(caseless(values["id_token"]))
    for kind, keys in by_type.items():
        selectors.entries(row).filter(key__in=keys, type=kind).delete()
    kept = [read_entry(values) for values in params["entries"] if "status" in values]
    LocalListEntry.objects.bulk_create(
        LocalListEntry(
            local_list=row,
            id_token=entry.id_token,
            key=caseless(entry.id_token),
            status=entry.status,
            parent=entry.parent,
            expires_at=entry.expires_at,
            type=entry.type,
            evses=list(entry.evses),
        )
        for entry in kept
    )
    # A change of what nobody knows leaves it unknown.
    unknown = row.full_needed or (row.version == 0 and row.reported_version != 0)
    row.supported, row.full_needed = True, unknown and params["update_type"] == "Differential"
    row.version, row.accepted_at = params["list_version"], now
    row.failures, row.try_after = 0, None
    _tell(
        row,
        "updated",
        now,
        update_type=params["update_type"],
        sent=len(params["entries"]),
        entries=selectors.entries(row).count(),
    )


def _go_on(row: LocalList, now: datetime) -> None:
    """Order the next update, or note that there is none."""
    seen = "" if row.parts.exists() else selectors.state_of_tokens(now=now)
    try:
        send_command(
            row.charge_point, "send-local-list", {}, author=SYSTEM, reason="its tokens changed", now=now
        )
    except CommandRefused as refusal:
        if refusal.code == "invalid":
            # It is up to date. Should an update of another process be on its way instead, its outcome makes the
            # clock look again.
            LocalList.objects.filter(pk=row.pk).update(seen=seen, fell_back=False)
        else:
            # Such as a version without the message: those that cannot be served must not hold up the others.
            LocalList.objects.filter(pk=row.pk).update(try_after=now + RETRY_FIRST)


# --- the version, as the charge point says it -------------------------------------------------------------------------


def settle_version(outcome: Outcome) -> None:
    """Compare the charge point's version with the mirror's; where they differ the whole list is sent."""
    command, now = outcome.command, outcome.now
    if not outcome.accepted:
        if command.error_code in NO_SUCH_MESSAGE:
            row = locked_list(command.charge_point_id)
            row.supported = False
            row.save(update_fields=["supported"])
        return
    version = max(-1, min(outcome.facts["version"], INT32_MAX))
    row = locked_list(command.charge_point_id)
    row.reported_version, row.reported_at = version, now
    row.supported = version >= 0  # S16-30: -1 = not supported, 0 = empty
    empty = version == 0 and not selectors.entries(row).exists()
    if row.supported and version != row.version and not empty:
        row.full_needed = True
        _tell(row, "drifted", now, reported_version=version)
    row.save()
    said = {-1: "It keeps no local list.", 0: "The list is empty."}.get(
        version, f"The list has version {version}."
    )
    note_effect(command, said, kind="local-list", now=now)
    announce(f"charge-point:{row.charge_point_id}")
    wanted = row.supported and row.policy != Policy.OFF and row.command_id is None
    if wanted and (row.full_needed or row.seen != selectors.state_of_tokens(now=now)):
        _go_on(row, now)


def follow_boot(booted: Booted) -> None:
    """Ask a charge point that has booted which list it has: it may have lost it, or learned to keep one."""
    if booted.registration != Registration.ACCEPTED:
        return
    # Of most charge points nothing is wanted, and boots come by the thousand: only what decides is read.
    rows = LocalList.objects.filter(charge_point_id=booted.charge_point_id)
    policy, version, supported = rows.values_list("policy", "version", "supported").first() or (
        "off",
        0,
        None,
    )
    if policy == Policy.OFF and version == 0:
        return
    if "firmware_version" in booted.changes:
        # It may keep lists now, or longer ones.
        rows.update(supported=supported or None, seen="")
    elif supported is False:
        return
    charge_point = ChargePoint.objects.get(pk=booted.charge_point_id)
    with suppress(CommandRefused):
        send_command(
            charge_point, "get-local-list-version", {}, author=SYSTEM, reason="it booted", now=booted.now
        )


# --- the clock --------------------------------------------------------------------------------------------------------


def sync_local_lists(*, now: datetime) -> int:
    """Send what has changed to the charge points that are online, have a policy and keep a list; return how many.

    Whatever changed between two looks goes out as one update.
    """
    seen = selectors.state_of_tokens(now=now)
    due = (
        LocalList.objects.exclude(policy=Policy.OFF)
        .exclude(supported=False)
        .exclude(seen=seen)
        .filter(
            Q(try_after=None) | Q(try_after__lte=now),
            command_id=None,
            charge_point__connection_id__isnull=False,
            charge_point__registration=Registration.ACCEPTED,
            charge_point__retired_at=None,
        )
        .select_related("charge_point")
        .order_by(F("last_at").asc(nulls_first=True))
    )
    looked_at = list(due[:SYNC_AT_ONCE])
    for row in looked_at:
        with transaction.atomic():
            _go_on(row, now)
    return len(looked_at)


def _tell(row: LocalList, verb: str, now: datetime, **facts: Any) -> None:
    record(f"local_list.{verb}", row.charge_point.cp_id, {"version": row.version, **facts}, occurred_at=now)
    announce(f"charge-point:{row.charge_point_id}")
