"""The move of a charge point to another security profile (A05, B10), a small job over commands.

The new network profile is written into a free slot, the slot is put before the others in the order in which they are
tried, and the charge point is reset. Whoever comes back with the new profile has proven it, and the lower ones are
closed (T-037). Whoever comes back by the old way, or never leaves, keeps it: the old slots stay in the order.
Nothing is tried twice by itself.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, TextField, Value
from django.db.models.functions import Concat, Replace

from chargers.commands.ledger import cancel_command
from chargers.commands.ordering import SYSTEM, Author, CommandRefused
from chargers.commands.sending import send_command, spoken_order, why_not
from chargers.configuration.restoring import order_quietly
from chargers.following import Booted, CommandSettled, SignedIn
from chargers.models import ChargePoint, Command
from chargers.network.models import ProfileChange
from chargers.network.selectors import PRIORITY, slots_of
from chargers.services import note_act, set_security_profile
from csms.core.events.services import record
from csms.core.live import announce
from csms.core.refusals import BadField, NotNow

State = ProfileChange.State

RETURN_WITHIN = timedelta(days=1)
"""A reset on idle waits for the cars that charge."""

AT_ONCE = 100  # rows that one look of the clock takes further


class Refusal(NotNow):
    """A move that cannot begin; `code` is for programs, the text for people."""


def change_profile(
    charge_point: ChargePoint,
    profile: int,
    url: str,
    *,
    by: str,
    now: datetime,
    slot: int | None = None,
    **values: Any,
) -> ProfileChange:
    """Begin to move a charge point to another security profile at this URL; `values` are others of its network profile.

    Raises BadField for what the new profile cannot have, and Refusal `under_way`, `unknown_slots`, `no_free_slot`,
    `present` or the code of CommandRefused. Not idempotent, but one at a time.
    """
    if spoken_order(charge_point, "set-network-profile") is None:
        raise Refusal("not_supported", f"{charge_point.cp_id} knows no network profiles")
    if profile == charge_point.security_profile:
        raise Refusal("present", f"it connects with security profile {profile} already")
    slots = slots_of(charge_point.pk)
    if not slots.priority:
        raise Refusal(
            "unknown_slots", "it has not reported in which order it tries its slots: read its configuration"
        )
    owed = ProfileChange.objects.filter(charge_point=charge_point, set_back_due=True).order_by("-pk").first()
    if owed is not None:
        raise Refusal(
            "under_way",
            "its order of slots has yet to be set back from the move before; that is done when it answers",
        )
    free = slots.free if slot is None else slot
    if free is None:
        raise Refusal("no_free_slot", "it has no free slot that is known; name one")
    try:
        with transaction.atomic():
            params = {**values, "slot": free, "url": url, "security_profile": profile}
            command = _order(charge_point, "set-network-profile", params, by, profile, now)
            row = ProfileChange.objects.create(
                charge_point=charge_point,
                before=charge_point.security_profile,
                wanted=profile,
                slot=free,
                priority_before=slots.priority_text,
                priority=",".join(map(str, dict.fromkeys((free, *slots.priority)))),
                command_id=command.pk,
                by=by[:150],
                started_at=now,
                due_at=now + RETURN_WITHIN,
            )
            note_act("security_profile.change_begun", charge_point, by=by, now=now, security_profile=profile)
            _tell(row, now)
    except CommandRefused as refusal:
        if refusal.errors:
            name, texts = next(iter(refusal.errors.items()))
            raise BadField(name, texts[0]) from refusal
        raise Refusal(refusal.code, refusal.detail) from refusal
    except IntegrityError as error:
        raise Refusal("under_way", "it is being moved to another security profile already") from error
    return row


def cancel_change(row: ProfileChange, *, by: str, now: datetime) -> ProfileChange:
    """Call a move off and return it. Idempotent: one that has come to an end, whichever, stays as it is.

    A command that waits is taken back, and no other follows. What was sent cannot be taken back: the order of slots is
    set back, so that its next boot takes the old way. One that comes with the new profile all the same is done.
    """
    with transaction.atomic():
        # The command first, as whoever settles it locks it first: two that meet cannot wait for each other.
        commands = Command.objects.select_for_update(of=("self",)).select_related("charge_point")
        command = commands.filter(pk=row.command_id).first()
        locked = ProfileChange.objects.select_for_update(of=("self",)).select_related("charge_point")
        stored = locked.get(pk=row.pk)
        gone_on = stored.command_id != row.command_id
        if not gone_on and stored.state in ProfileChange.OPEN:
            _end(stored, State.CANCELLED, now, f"{by} called it off")
            unsent = command is not None and cancel_command(command, by=Author(by), now=now)
            if stored.state in (State.RESETTING, State.AWAITED) or (
                stored.state == State.ORDERING and not unsent
            ):
                _way_back(stored, now)
            note_act(
                "security_profile.change_cancelled",
                stored.charge_point,
                by=by,
                now=now,
                security_profile=stored.wanted,
            )
    if gone_on:  # to its next step, meanwhile
        return cancel_change(stored, by=by, now=now)
    return ProfileChange.objects.select_related("charge_point").get(pk=row.pk)


def _order(
    charge_point: ChargePoint, type: str, params: dict[str, Any], by: str, profile: int, now: datetime
) -> Command:
    why = f"security profile {profile}, ordered by {by}"
    return send_command(charge_point, type, params, author=SYSTEM, reason=why[:500], now=now)


# --- step by step -----------------------------------------------------------------------------------------------------


def go_on(settled: CommandSettled) -> None:
    """Take the move to its next step when the command of the present one has settled."""
    _note_set_back(settled)
    row = (
        ProfileChange.objects.select_related("charge_point")
        .filter(
            charge_point_id=settled.charge_point_id,
            command_id=settled.command_id,
            state__in=ProfileChange.OPEN,
        )
        .first()
    )
    if row is None:
        return
    done = settled.status == Command.Status.ACCEPTED
    in_doubt = Command.objects.filter(pk=settled.command_id, sent_at__isnull=False, answered_at=None).exists()
    match row.state:
        case State.WRITING if done:
            _next(row, State.ORDERING, "change-configuration", _order_of(row.priority), settled.now)
        case State.ORDERING if done:
            if row.wanted < row.before:  # 3 to 2, which it allows; it comes back with the one or the other
                set_security_profile(row.charge_point, row.wanted, now=settled.now, by=row.by)
            _next(row, State.RESETTING, "reset", {"type": "OnIdle"}, settled.now)
        case State.RESETTING if done or in_doubt:  # it may have been reset before it could answer
            _advance(row, State.AWAITED, settled.now)
        case _:
            _fail(row, settled, in_doubt=in_doubt)


def _order_of(priority: str) -> dict[str, str]:
    return {"key": str(PRIORITY), "value": priority}


def _next(row: ProfileChange, state: State, type: str, params: dict[str, Any], now: datetime) -> None:
    try:
        with transaction.atomic():
            command = _order(row.charge_point, type, params, row.by, row.wanted, now)
    except CommandRefused as refusal:
        _end(row, State.FAILED, now, f"{type} cannot be sent: {refusal.detail}")
        if row.state == State.ORDERING:
            _way_back(row, now)
    else:
        _advance(row, state, now, command_id=command.pk)


def _fail(row: ProfileChange, settled: CommandSettled, *, in_doubt: bool) -> None:
    command = Command.objects.get(pk=settled.command_id)
    said = settled.word or settled.error_code or command.get_status_display()
    more = command.answer_info or command.error_description
    _end(row, State.FAILED, settled.now, f"{command.type}: {said}{f' ({more})' if more else ''}"[:2000])
    if row.state == State.RESETTING or (row.state == State.ORDERING and in_doubt):
        _way_back(row, settled.now)


OWED = "; its order of slots is set back when it connects again"


def _way_back(row: ProfileChange, now: datetime) -> None:
    """Set the order of slots back, so that a boot in a year does not do what was given up today.

    That is owed until the charge point has taken it: who is gone is told when it connects again.
    """
    _close_again(row, now)
    ProfileChange.objects.filter(pk=row.pk).update(set_back_due=True)
    if not _set_back(row, now):
        _add_problem(row, OWED)


def _set_back(row: ProfileChange, now: datetime) -> bool:
    """Tell a charge point to set its order of slots back; return whether that could be sent."""
    charge_point = ChargePoint.objects.get(pk=row.charge_point_id)
    sent = order_quietly(
        charge_point,
        "change-configuration",
        _order_of(row.priority_before),
        f"it stays with security profile {row.before}",
        now=now,
    )
    tried = ProfileChange.objects.filter(pk=row.pk)
    tried.update(set_back_by=sent and sent.pk, set_back_on=charge_point.connection_id)
    return sent is not None


def _note_set_back(settled: CommandSettled) -> None:
    """See what came of setting an order of slots back. Without an answer it is still owed on the next connection."""
    owed = ProfileChange.objects.filter(
        charge_point_id=settled.charge_point_id, set_back_by=settled.command_id, set_back_due=True
    )
    row = owed.first()
    if row is None or not Command.objects.filter(pk=settled.command_id, answered_at__isnull=False).exists():
        return
    owed.update(set_back_due=False)
    if settled.status != Command.Status.ACCEPTED:
        _add_problem(row, "; its order of slots could not be set back")
    elif OWED in row.problem:
        _add_problem(row, "; its order of slots was set back")


def _add_problem(row: ProfileChange, text: str) -> None:
    """Add what became of a move; what was owed until then is no longer to come."""
    rest = Replace("problem", Value(OWED), Value(""), output_field=TextField())
    ProfileChange.objects.filter(pk=row.pk).update(problem=Concat(rest, Value(text)))


def set_back_due(*, now: datetime) -> int:
    """Tell those who are online again to set their orders of slots back; return how many. Once on each connection.

    Whoever reports an order that is neither the old nor the new one was given it by somebody else, and keeps it.
    """
    owed = ProfileChange.objects.filter(set_back_due=True, charge_point__connection_id__isnull=False).exclude(
        set_back_on__isnull=False, set_back_on=F("charge_point__connection_id")
    )
    told = 0
    for row in owed.select_related("charge_point").order_by("pk")[:AT_ONCE]:
        if why_not(row.charge_point, "change-configuration") is not None:
            continue  # such as one that was rejected: its one try on this connection is not used up
        if slots_of(row.charge_point_id).priority_text not in (row.priority, row.priority_before):
            ProfileChange.objects.filter(pk=row.pk).update(set_back_due=False)
            _add_problem(row, "; its order of slots was changed by others")
        else:
            told += _set_back(row, now)
    return told


def _close_again(row: ProfileChange, now: datetime) -> None:
    if row.wanted < row.before:
        set_security_profile(row.charge_point, row.before, now=now)


# --- it comes back ----------------------------------------------------------------------------------------------------


def note_sign_in(signed_in: SignedIn) -> None:
    """See whether the charge point has come back with the new profile, which is the proof, also if it comes late."""
    row = ProfileChange.objects.filter(charge_point_id=signed_in.charge_point_id).order_by("-pk").first()
    if row is None or not (row.state in ProfileChange.MAY_STILL or row.set_back_due):
        return
    up = row.wanted > row.before
    if signed_in.security_profile >= row.wanted if up else signed_in.security_profile == row.wanted:
        # Also of one that failed while it was gone: it uses the new slot, which must not be taken from it.
        ProfileChange.objects.filter(pk=row.pk).update(set_back_due=False)
        _end(row, State.DONE, signed_in.now, among=(*ProfileChange.MAY_STILL, State.FAILED))


def note_boot(booted: Booted) -> None:
    """See that the charge point has booted and come back without the new profile: it keeps the old one."""
    if not booted.reason or not booted.restarted:  # 1.6, which tells none, has no network profiles
        return
    row = (
        ProfileChange.objects.select_related("charge_point")
        .filter(charge_point_id=booted.charge_point_id, state=State.AWAITED)
        .first()
    )
    if row is not None:
        why = f"it booted ({booted.reason[:64]}) and came by its old way"
        _end(row, State.WENT_BACK, booted.now, why)
        _way_back(row, booted.now)


def give_up(*, now: datetime) -> int:
    """End the moves of charge points that have not come back in time; return how many. Idempotent."""
    ended = 0
    overdue = ProfileChange.objects.filter(state__in=ProfileChange.OPEN, due_at__lte=now)
    for row in overdue.select_related("charge_point").order_by("pk")[:AT_ONCE]:
        hours = RETURN_WITHIN // timedelta(hours=1)
        why = f"it has not come back with security profile {row.wanted} within {hours} hours"
        if _end(row, State.LOST, now, why):
            _way_back(row, now)
            ended += 1
    return ended


def _advance(row: ProfileChange, state: State, now: datetime, **values: Any) -> bool:
    moved = ProfileChange.objects.filter(pk=row.pk, state=row.state).update(state=state, **values)
    if moved:
        _tell(row, now)
    return moved == 1


def _end(
    row: ProfileChange,
    state: State,
    now: datetime,
    problem: str = "",
    among: tuple[State, ...] = ProfileChange.OPEN,
) -> bool:
    ended = ProfileChange.objects.filter(pk=row.pk, state__in=among).update(
        state=state, problem=problem, finished_at=now
    )
    if ended:
        _tell(row, now)
    return ended == 1


def _tell(row: ProfileChange, now: datetime) -> None:
    told = ProfileChange.objects.select_related("charge_point").get(pk=row.pk)
    record(
        "security_profile.change",
        told.charge_point.cp_id,
        {
            "change_id": str(told.pk),
            "before": told.before,
            "security_profile": told.wanted,
            "slot": told.slot,
            "state": told.state,
            "problem": told.problem,
            "command_id": str(told.command_id),
            "by": told.by,
        },
        occurred_at=now,
    )
    announce(f"charge-point:{row.charge_point_id}")
