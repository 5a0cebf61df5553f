"""The ledger of commands: what the holder of a charge point notes of each on its way, from its claim to its end.

A command is claimed by a conditional UPDATE and settled by another, so that it is sent at most once and ends once,
whoever else wants to send it, end it or take it back meanwhile.
"""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from chargers.commands.effects import announce_command
from chargers.commands.ordering import EXACT, Author, Claimed, Order, Outcome
from chargers.commands.sending import catalogue, entry_of, order_of, secret_texts, why_unsaid
from chargers.following import CommandSettled, VersionChanged, tell
from chargers.models import Command, Connection, Registration, in_standing
from chargers.protocol.redaction import (
    frame_without_echo,
    redact,
    redact_text,
    redacted,
    without,
    without_echo,
)
from chargers.protocol.versions import Version
from csms.core.counting import FactCounter
from csms.core.events.services import record
from csms.core.sealing import unseal

log = logging.getLogger(__name__)
Status = Command.Status

SETTLED = FactCounter(
    "csms_commands_total",
    "Commands that came to their end, by what became of them.",
    command=lambda: {*catalogue(), EXACT.slug},
    outcome=[status.value for status in Status if status not in Command.OPEN],
)


def due(now: datetime) -> Q:
    """Return the condition for commands whose time has come."""
    return Q(not_before=None) | Q(not_before__lte=now)


def _may_be_told() -> Q:
    """Return the condition for commands that the standing of their charge point allows (T-082, T-083)."""
    harmless = [slug for slug, entry in catalogue().items() if entry.while_pending]
    accepted = in_standing(Registration.ACCEPTED, "charge_point__")
    waiting = in_standing(Registration.PENDING, "charge_point__") & Q(charge_point__boot_refused=False)
    return accepted | (waiting & Q(type__in=harmless))


def claim_next(
    charge_point_id: int, *, connection_id: UUID, version: Version, now: datetime
) -> Claimed | None:
    """Claim the oldest queued command for a connection; None when there is nothing to send."""
    queued = (
        Command.objects.filter(
            due(now),
            _may_be_told(),
            charge_point_id=charge_point_id,
            charge_point__connection_id=connection_id,  # one that was replaced sends no more orders
            status=Status.QUEUED,
            expires_at__gt=now,
        )
        .select_related("charge_point")
        .order_by("id")
    )
    while (command := queued.first()) is not None:
        order = order_of(version, command.type, command.params.get("action", ""))
        try:
            # The connection that sends may speak another version than the one the command was checked for.
            if order is None:
                raise ValueError(why_unsaid(version, command.type))
            secret = unseal(command.sealed)
            hidden = tuple(secret.get("hidden", ()) if command.exact is not None else secret_texts(secret))
            if command.exact is None:
                payload = order.payload(command.params | secret)
            elif secret["version"] == version:
                payload = secret["payload"]
            else:  # what is valid in both may mean two things
                words = Version(secret["version"]).label
                raise ValueError(f"it was ordered in the words of {words}, and {version.label} is spoken now")
        except Exception as error:  # whatever it is, it must not keep those behind it waiting
            if not isinstance(error, ValueError):
                log.exception("commands.not_said", extra={"command_id": str(command.pk)})
            why = str(error) if isinstance(error, ValueError) else UNSAID
            _settle(command, Status.FAILED, now, among=(Status.QUEUED,), error_description=why)
            continue
        message_id = str(uuid4())  # T-042: unique over all connections
        claimed = Command.objects.filter(pk=command.pk, status=Status.QUEUED).update(
            status=Status.SENT,
            sent_at=now,
            connection_id=connection_id,
            message_id=message_id,
            action=order.action,
            payload=without(hidden, redacted(order.action, payload)),
            sealed="",
        )
        if claimed == 1:
            announce_command(command)
            return Claimed(
                command.pk,
                message_id,
                order.action,
                payload,
                order.asks_for(payload),
                order.opens,
                None if order.brings is None else partial(order.brings, payload),
                hidden,
                partial(_hidden_in, order, command),
            )
    return None


def _hidden_in(order: Order, command: Command, answer: dict[str, Any]) -> Collection[str]:
    entry = entry_of(command.type)
    if entry is None or command.type == EXACT.slug:
        return ()
    return entry.hides(command.charge_point_id, order.read(answer))


def settle_answer(
    command_id: UUID,
    payload: dict[str, Any],
    *,
    version: Version,
    whole: bool = True,
    text: str = "",
    hidden: Collection[str] = (),
    now: datetime,
) -> bool:
    """Note the charge point's answer, `whole` if all of it could be read; return whether it is what was hoped for.

    Of a command that was given up meanwhile it is a late answer; `text` is its frame. `hidden` are secret values that
    are not kept, wherever they stand.
    """
    command = Command.objects.select_related("charge_point").get(pk=command_id)
    order = order_of(version, command.type, command.action)
    assert order is not None  # it was claimed by it
    word = order.word(payload)
    answer = without_echo(hidden, redacted(command.action, payload))
    values: dict[str, Any] = {"answer": answer, "answer_status": word[:64], "answered_at": now}
    said = payload.get("statusInfo")  # 2.x: why, for programs and for people
    if isinstance(said, dict):
        said = without_echo(hidden, said)
        values["answer_reason"] = str(said.get("reasonCode", ""))[:64]
        values["answer_info"] = redact_text(str(said.get("additionalInfo", "")))
    facts: dict[str, Any] = {}
    if command.type != EXACT.slug and (word in order.accepted or word in order.refused):
        facts = order.read(payload)
    if word in order.accepted:
        status = Status.ACCEPTED
    elif word in order.refused:
        status = Status.REJECTED
    else:
        status = Status.FAILED
        values["error_description"] = f"it answered {word[:64]!r}, which {version.label} does not know here"
    settled = _settle(command, status, now, facts, whole, hidden=hidden, **values)
    if text and not settled:
        note_late_answer(command_id, frame_without_echo(hidden, redact(command.action, text)), now=now)
    return settled and status == Status.ACCEPTED


NOT_READABLE, NOT_HANDLED = "AnswerNotReadable", "AnswerNotHandled"
NOT_UNDERSTOOD = (NOT_READABLE, NOT_HANDLED)
"""Codes of ours for an answer that is none of the charge point's errors, and that nobody here understood."""


def settle_failure(
    command_id: UUID,
    *,
    code: str,
    description: str,
    details: dict[str, Any] | None = None,
    text: str = "",
    hidden: Collection[str] = (),
    now: datetime,
) -> None:
    """Note that the charge point answered with an error, or with what is not understood; `text` is its frame.

    Without a `code` it is ours that failed: the order cannot be said, and has never left. `hidden` are secret values
    that are not kept, wherever they stand.
    """
    command = Command.objects.select_related("charge_point").get(pk=command_id)
    settled = _settle(
        command,
        Status.FAILED,
        now,
        error_code=code[:64],
        hidden=hidden,
        error_description=redact_text(without_echo(hidden, description)),  # some repeat what they were given
        error_details=without_echo(hidden, redacted(command.action, details)) if details else None,
        **({"answered_at": now} if code else {"sent_at": None}),
    )
    if text and not settled:
        note_late_answer(command_id, frame_without_echo(hidden, redact(command.action, text)), now=now)


def settle_timeout(command_id: UUID, *, now: datetime) -> None:
    """Note that no answer came in time (T-046)."""
    command = Command.objects.select_related("charge_point").get(pk=command_id)
    _settle(command, Status.TIMED_OUT, now, error_description=UNANSWERED)


def note_late_answer(command_id: UUID, text: str, *, now: datetime) -> None:
    """Attach an answer that came after the time-out; the status stays."""
    if Command.objects.filter(pk=command_id, late_at=None).update(late_answer=text, late_at=now):
        announce_command(Command.objects.get(pk=command_id))


def fail_unanswered(connection_id: UUID | None, *, now: datetime) -> None:
    """End the command whose answer a lost connection owes; it touches no other connection's."""
    for command in Command.objects.filter(connection_id=connection_id, status=Status.SENT).select_related(
        "charge_point"
    ):
        _settle(command, Status.FAILED, now, error_code="ConnectionLost", error_description=CLOSED)


def fail_unsent(charge_point_id: int, *, now: datetime) -> bool:
    """End queued commands that may not wait for a charge point that has gone offline; return whether others wait.

    A start or a reset that was meant for now must not reach the charge point when it comes back (S-04).
    """
    waiting = False
    for command in Command.objects.filter(
        charge_point_id=charge_point_id, status=Status.QUEUED
    ).select_related("charge_point"):
        if command.may_wait:
            waiting = True
        else:
            _settle(
                command,
                Status.FAILED,
                now,
                among=(Status.QUEUED,),
                error_code="Offline",
                error_description=OFFLINE,
            )
    return waiting


def follow_version(changed: VersionChanged) -> None:
    """Fail what waits for a charge point that speaks another version of OCPP now: a word may mean two things there."""
    before, version = Version(changed.before), Version(changed.version)
    why = f"it was ordered in the words of {before.label}, and {version.label} is spoken now"
    waiting = Command.objects.filter(charge_point=changed.charge_point_id, status=Status.QUEUED)
    for command in waiting.select_related("charge_point").order_by("id"):
        _settle(command, Status.FAILED, changed.now, among=(Status.QUEUED,), error_description=why)


def cancel_command(command: Command, *, by: Author, now: datetime) -> bool:
    """Take a command back that is still queued; return whether it is taken back now, by this or an earlier call.

    What its block has prepared for it (a job, a reservation) is let go, as that of any command that never left.
    """
    _settle(
        command,
        Status.CANCELLED,
        now,
        among=(Status.QUEUED,),
        error_description=f"{by.name} took it back",
    )
    return Command.objects.filter(pk=command.pk, status=Status.CANCELLED).exists()


LOST_AFTER = timedelta(minutes=5)
OFFLINE = "the charge point went offline"
UNSENT = "it was not sent before its expiry"
UNSAID = "it cannot be said; the log says why"
UNANSWERED = "the charge point did not answer in time"
CLOSED = "the connection closed before the answer"


def expire_commands(*, now: datetime) -> int:
    """End commands past their expiry, those left behind offline and those whose process was lost; return how many."""
    closed = Exists(Connection.objects.filter(pk=OuterRef("connection_id"), closed_at__isnull=False))
    ends = (
        (Status.QUEUED, Q(expires_at__lte=now), Status.EXPIRED, "", UNSENT),
        # It was ordered in the moment in which the connection ended: `fail_unsent()` did not see it yet.
        (
            Status.QUEUED,
            Q(may_wait=False, charge_point__connection_id=None),
            Status.FAILED,
            "Offline",
            OFFLINE,
        ),
        (Status.SENT, Q(sent_at__lte=now - LOST_AFTER), Status.TIMED_OUT, "", UNANSWERED),
        # A process that was killed left it.
        (Status.SENT, Q(closed), Status.FAILED, "ConnectionLost", CLOSED),
    )
    expired = 0
    for present, over, status, code, why in ends:
        for command in Command.objects.filter(over, status=present).select_related("charge_point")[:1000]:
            try:
                expired += _settle(
                    command, status, now, among=(present,), error_code=code, error_description=why
                )
            except Exception:  # one that cannot be ended must not keep the others open
                log.exception("commands.not_ended", extra={"command_id": str(command.pk)})
    return expired


def _settle(
    command: Command,
    status: Status,
    now: datetime,
    facts: dict[str, Any] | None = None,
    whole: bool = True,
    among: Collection[Status] = Command.OPEN,
    hidden: Collection[str] = (),
    **values: Any,
) -> bool:
    """Give a command its final status if it still has one of these; return whether it had. It is settled once.

    Whoever ends what is queued says so: a command that was sent since it was looked at has not expired.
    """
    with transaction.atomic():
        settled = (
            Command.objects.filter(pk=command.pk, status__in=among).update(status=status, sealed="", **values)
            == 1
        )
        if settled:
            cp = command.charge_point
            word, code = values.get("answer_status", ""), values.get("error_code", "")
            record(
                "cp.command",
                cp.cp_id,
                {
                    "command_id": str(command.pk),
                    "type": command.type,
                    "status": status,
                    "answer_status": word,
                    "error_code": code,
                    "error_description": values.get("error_description", ""),
                    "action": command.action,
                    "by": command.by,
                },
                occurred_at=now,
            )
            SETTLED.add(command.type, status)
            announce_command(command)
            entry = entry_of(command.type)
            if entry is not None:
                for name, value in values.items():
                    setattr(command, name, value)
                command.status = status
                entry.settled(
                    Outcome(command, status, command.answer_status, facts or {}, now, whole, hidden)
                )
            tell(
                CommandSettled(
                    cp.pk, cp.cp_id, command.pk, command.type, status, word, code, now, command.action
                )
            )
    return settled
