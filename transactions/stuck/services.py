"""Put a stuck session right: end it with its last trustworthy register, ask the charge point, or leave it as it is.

A correction never touches what the charge point claimed. It ends a transaction the way the clock does, so that the
real end, whenever it comes, replaces it. Before anything is changed the case is looked at again under a lock: what the
charge point has said meanwhile goes before what a person saw on a page.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction as database
from django.db.models import Q, QuerySet

from chargers.commands.ordering import Author
from chargers.commands.sending import send_command
from chargers.models import ChargePoint, Command
from csms.core.audit.services import note
from csms.core.live import announce
from csms.core.refusals import NotNow
from transactions.ending import close_unreported, end_by_evidence, registers, rose_at
from transactions.metering import Register
from transactions.models import Transaction
from transactions.rows import locked, topics_of
from transactions.selectors import FRESH
from transactions.sequence.asking import TYPE as STATUS
from transactions.stuck.cases import DISMISSED_FOR, Case, case_of, unmatched_case
from transactions.stuck.counting import forget_counts
from transactions.stuck.models import Correction, Kind

STUCK = "stuck"  # the topic
ASKED_AGAIN_AFTER = timedelta(minutes=1)
END = ("status", "end_source", "end_evidence", "stopped_at", "meter_stop_wh", "energy_wh")

Step = Correction.Step


# --- ending -----------------------------------------------------------------------------------------------------------


def end_stuck(pk: UUID, kind: Kind, *, by: str, reason: str, now: datetime) -> Correction:
    """End an open transaction with the last register that can be believed, or confirm an end that was inferred.

    One that was inferred is settled again where its register rose after it. Idempotent: what was done is returned.
    Raises NotNow `reported` when the charge point has told the end, `charging` when energy flows, and `not_stuck`.
    """
    with database.atomic():
        rows = Transaction.objects.filter(pk=pk).select_related("charge_point")
        transaction = locked(rows).get()
        if transaction.end_source == Transaction.EndSource.REPORTED:
            raise NotNow(
                "reported", "The charge point has reported the end of it meanwhile; that one stands."
            )
        case = case_of(kind, pk, now=now)
        if case is None or Step.ENDED not in case.steps:
            done = transaction.corrections.filter(step=Step.ENDED).order_by("-pk").first()
            if done is not None and transaction.status == Transaction.Status.ENDED:
                return done
            raise _not_stuck(kind)
        told = registers(transaction, (), now)
        rose = rose_at(transaction, told)
        if transaction.status == Transaction.Status.ACTIVE and _energy_flows(transaction, told, rose, now):
            raise NotNow(
                "charging",
                "Its register rose, or it told of power, within the last minutes: it still charges. Ask it to stop.",
            )
        before = _end_of(transaction)
        if transaction.status == Transaction.Status.ACTIVE:
            _end(transaction, told, rose, now=now)
        elif transaction.stopped_at is not None:
            stopped_at = max(transaction.stopped_at, rose or transaction.stopped_at)
            if stopped_at > transaction.stopped_at or case.rose_after_end:
                close_unreported(transaction, told, stopped_at=stopped_at, now=now)
        return _written(
            case, Step.ENDED, by=by, reason=reason, now=now, before=before, after=_end_of(transaction)
        )


def _end(transaction: Transaction, told: Sequence[Register], rose: datetime | None, *, now: datetime) -> None:
    """End an open transaction when evidence says, or at its last sign of life; never before energy stopped to flow."""
    ended_at = told[-1].at if told else transaction.started_at
    if transaction.end_seen_at is None:
        transaction.end_seen_at = now
    else:
        ended_at = end_by_evidence(transaction, list(told))
    transaction.end_evidence = "person"
    close_unreported(transaction, list(told), stopped_at=max(ended_at, rose or ended_at), now=now)


def _energy_flows(
    transaction: Transaction, told: Sequence[Register], rose: datetime | None, now: datetime
) -> bool:
    """Whether the register rose lately, or power was told of, and nothing has said since that it is over."""
    since = max(now - FRESH, transaction.end_seen_at or now - FRESH)
    if rose is not None and rose > since:
        return True
    powers = (register for register in reversed(told) if register.power_w is not None)
    newest = next(powers, None)
    return newest is not None and newest.at > since and (newest.power_w or 0) > 0


def _end_of(transaction: Transaction) -> dict[str, object]:
    values = {name: getattr(transaction, name) for name in END}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


# --- asking the charge point ------------------------------------------------------------------------------------------


def ask_to_stop(case: Case, *, author: Author, reason: str, now: datetime) -> Correction:
    """Order the charge point to stop a transaction. Raises NotNow if it is not stuck any more, CommandRefused."""
    wire_id = case.transaction.transaction_id if case.transaction else case.claimed_id
    params: dict[str, object] = {"transaction_id": wire_id}
    return _ask(case, Step.STOP_ORDERED, "remote-stop", params, author=author, reason=reason, now=now)


def ask_for_readings(case: Case, *, author: Author, reason: str, now: datetime) -> Correction:
    """Order the charge point to send its readings now. Raises NotNow if it is not stuck any more, CommandRefused."""
    params: dict[str, object] = {"requested_message": "MeterValues"}
    if case.connector_number:
        params["connector_id"] = case.connector_number
    return _ask(case, Step.READINGS_ORDERED, "trigger-message", params, author=author, reason=reason, now=now)


def ask_for_status(case: Case, *, author: Author, reason: str, now: datetime) -> Correction:
    """Ask the charge point whether a transaction runs, and whether events of it wait; what it answers is heeded.

    Raises NotNow if it is not stuck any more, CommandRefused.
    """
    params: dict[str, object] = {
        "transaction_id": case.transaction.transaction_id if case.transaction else ""
    }
    return _ask(case, Step.STATUS_ORDERED, STATUS, params, author=author, reason=reason, now=now)


def _ask(
    case: Case,
    step: Correction.Step,
    type: str,
    params: dict[str, object],
    *,
    author: Author,
    reason: str,
    now: datetime,
) -> Correction:
    """Give the command, unless the same one was given a moment ago and is on its way."""
    with database.atomic():
        _hold(case)
        lately = _earlier(case, step).filter(at__gt=now - ASKED_AGAIN_AFTER).first()
        if lately is not None and lately.command_id is not None:
            under_way = Command.objects.filter(pk=lately.command_id, status__in=Command.OPEN)
            if under_way.exists():
                return lately
        case = _as_it_is(case, now)
        command = send_command(case.charge_point, type, params, author=author, now=now, reason=reason)
        return _written(case, step, by=author.name, reason=reason, now=now, command_id=command.pk)


# --- leaving it -------------------------------------------------------------------------------------------------------


def dismiss(case: Case, *, by: str, reason: str, now: datetime) -> Correction:
    """Leave a session as it is: one that is open for DISMISSED_FOR, one that has ended for good. Idempotent.

    Raises NotNow if it is not stuck any more.
    """
    with database.atomic():
        _hold(case)
        known = _earlier(case, Step.DISMISSED).filter(Q(until=None) | Q(until__gt=now)).first()
        if known is not None:
            return known
        case = _as_it_is(case, now)
        ended = case.transaction is not None and case.transaction.status == Transaction.Status.ENDED
        until = None if ended else now + DISMISSED_FOR
        return _written(case, Step.DISMISSED, by=by, reason=reason, now=now, until=until)


# --- all of them ------------------------------------------------------------------------------------------------------


def take_step(case: Case, step: Correction.Step, *, author: Author, reason: str, now: datetime) -> Correction:
    """Take a step of a case. Raises NotNow for one that it does not have or that came too late, CommandRefused."""
    if step not in case.steps:
        raise NotNow("no_such_step", "There is no such step for a session that is stuck in this way.")
    if step == Step.STOP_ORDERED:
        return ask_to_stop(case, author=author, reason=reason, now=now)
    if step == Step.READINGS_ORDERED:
        return ask_for_readings(case, author=author, reason=reason, now=now)
    if step == Step.STATUS_ORDERED:
        return ask_for_status(case, author=author, reason=reason, now=now)
    if step == Step.DISMISSED:
        return dismiss(case, by=author.name, reason=reason, now=now)
    assert case.transaction is not None
    return end_stuck(case.transaction.pk, case.kind, by=author.name, reason=reason, now=now)


def correct_transaction(
    transaction: Transaction, kind: Kind, step: Correction.Step, *, author: Author, reason: str, now: datetime
) -> Correction:
    """Take a step about a transaction that is stuck in this way. Raises NotNow, CommandRefused."""
    if step == Step.ENDED:  # a repeat of it finds no case any more, but what was done
        return end_stuck(transaction.pk, kind, by=author.name, reason=reason, now=now)
    case = None if kind == Kind.UNMATCHED else case_of(kind, transaction.pk, now=now)
    if case is None:
        raise _not_stuck(kind)
    return take_step(case, step, author=author, reason=reason, now=now)


def correct_unmatched(
    charge_point: ChargePoint,
    claimed_id: str,
    step: Correction.Step,
    *,
    author: Author,
    reason: str,
    now: datetime,
) -> Correction:
    """Take a step about readings of a transaction that nobody knows. Raises NotNow, CommandRefused."""
    case = unmatched_case(charge_point.pk, claimed_id, now=now)
    if case is None:
        raise _not_stuck(Kind.UNMATCHED)
    return take_step(case, step, author=author, reason=reason, now=now)


def _hold(case: Case) -> None:
    """Let nobody else change what the case is about until our commit: its end, or a step that another takes."""
    if case.transaction is not None:
        locked(Transaction.objects.filter(pk=case.transaction.pk)).get()
    else:
        ChargePoint.objects.select_for_update().get(pk=case.charge_point.pk)


def _as_it_is(case: Case, now: datetime) -> Case:
    """Return the case as it is by now. Raises NotNow if it is not stuck any more."""
    if case.transaction is not None:
        found = case_of(case.kind, case.transaction.pk, now=now)
    else:
        found = unmatched_case(case.charge_point.pk, case.claimed_id, now=now)
    if found is None:
        raise _not_stuck(case.kind)
    return found


def _earlier(case: Case, step: Correction.Step) -> QuerySet[Correction]:
    of_it = Q(transaction=case.transaction)
    if case.transaction is None:
        of_it = Q(transaction=None, charge_point=case.charge_point, claimed_transaction_id=case.claimed_id)
    return Correction.objects.filter(of_it, kind=case.kind, step=step).order_by("-pk")


def _not_stuck(kind: Kind) -> NotNow:
    return NotNow("not_stuck", f"It is not stuck in this way any more ({kind.label.lower()}).")


def _written(
    case: Case, step: Correction.Step, *, by: str, reason: str, now: datetime, **more: object
) -> Correction:
    correction = Correction.objects.create(
        at=now,
        by=by[:150],
        kind=case.kind,
        step=step,
        charge_point=case.charge_point,
        transaction=case.transaction,
        claimed_transaction_id=case.claimed_id,
        reason=reason[:500],
        evidence=[evidence.plain for evidence in case.evidence],
        **more,
    )
    subject = (
        ("transaction", case.transaction.pk)
        if case.transaction
        else ("charge_point", case.charge_point.cp_id)
    )
    note(
        f"stuck_session.{step}",
        by=by,
        subject_type=subject[0],
        subject=subject[1],
        now=now,
        reason=reason,
        kind=str(case.kind),
        correction=str(correction.pk),
        **{name: value for name, value in more.items() if name in ("before", "after")},
    )
    topics = [STUCK, f"charge-point:{case.charge_point.pk}"]
    database.on_commit(forget_counts)  # before the pages are told
    announce(*topics, *(topics_of(case.transaction) if case.transaction else ()))
    return correction
