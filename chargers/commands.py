"""The ledger of operator commands: what was ordered, by whom, and what became of it.

`send_command()` writes a row and rings at the process that holds the charge point. That process claims the row by a
conditional UPDATE and sends it when the charge point's one-CALL slot is free, so an order is sent at most once.
The answer is one fact, the effect that was seen to follow another.
"""

import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.module_loading import import_string
from pydantic import ValidationError

from chargers.following import Booted, CommandSettled, tell
from chargers.models import ChargePoint, Command, Connection, Registration
from chargers.ordering import (
    SYSTEM,
    Author,
    BadParam,
    Claimed,
    CommandRefused,
    CommandType,
    Draft,
    Order,
    Outcome,
    Params,
)
from chargers.protocol.redaction import MASK, redact, redact_text
from chargers.protocol.versions import Version
from chargers.services import tell_holder
from csms.core.events.services import record
from csms.core.ids import uuid7
from csms.core.live import announce
from csms.core.sealing import seal, unseal

log = logging.getLogger(__name__)
Status = Command.Status


def catalogue() -> dict[str, CommandType]:
    """Return all there is to command, by slug; named in the settings, since rooms above add to it."""
    return cast(dict[str, CommandType], import_string(settings.OCPP_COMMANDS))


def orders() -> dict[Version, dict[str, Order]]:
    """Return how each version says each command."""
    return cast(dict[Version, dict[str, Order]], import_string(settings.OCPP_ORDERS))


DEFAULT_EXPIRY = timedelta(minutes=1)


def check_params(type: str, params: Mapping[str, Any], *, strict: bool = False) -> Params:
    """Return the checked parameters; `strict` takes no text for a number, as the answers of forms do.

    Raises CommandRefused `unknown_command` or `invalid` with errors by field.
    """
    entry = catalogue().get(type)
    if entry is None:
        raise CommandRefused(
            "unknown_command", f"there is no command {type!r}; there are {', '.join(catalogue())}"
        )
    if odd := [name for name, value in params.items() if "\\u0000" in json.dumps(value, default=str)]:
        text = "It has a NUL character, which no store takes."
        raise CommandRefused("invalid", text, {name: [text] for name in odd})
    try:
        return entry.params.model_validate(dict(params), strict=strict)
    except ValidationError as error:
        errors: dict[str, list[str]] = {}
        for problem in error.errors():
            where = ".".join(str(part) for part in problem["loc"]) or "__all__"
            errors.setdefault(where, []).append(problem["msg"])
        listed = "; ".join(f"{name}: {', '.join(texts)}" for name, texts in errors.items())
        raise CommandRefused("invalid", listed, errors) from error


def why_not(charge_point: ChargePoint, type: str, *, may_wait: bool = False) -> CommandRefused | None:
    """Return why a command cannot be sent to the charge point now, or queued for later; None when it can."""
    if charge_point.retired_at is not None:
        return CommandRefused("retired", f"{charge_point.cp_id} was retired")
    if charge_point.registration == Registration.REJECTED:
        return CommandRefused("not_accepted", f"{charge_point.cp_id} was rejected")  # T-083
    if charge_point.registration == Registration.PENDING and not catalogue()[type].while_pending:
        return CommandRefused("not_accepted", f"{charge_point.cp_id} waits for approval")  # T-082
    if charge_point.connection_id is None and not may_wait:
        return CommandRefused("offline", f"{charge_point.cp_id} is offline")
    if not charge_point.protocol:
        text = f"{charge_point.cp_id} has never connected: nobody knows which OCPP version it speaks"
        return CommandRefused("version_unknown", text)
    version = Version(charge_point.protocol)
    if type not in orders().get(version, {}):
        return CommandRefused("not_supported", f"{version.label} has no such command")
    return None


def send_command(
    charge_point: ChargePoint,
    type: str,
    params: Mapping[str, Any],
    *,
    author: Author,
    now: datetime,
    reason: str = "",
    expires_in: timedelta = DEFAULT_EXPIRY,
    not_before: datetime | None = None,
    may_wait: bool = False,
    exact: dict[str, Any] | None = None,
) -> Command:
    """Queue a command and ring at the process that holds the charge point.

    With `not_before` it is sent by the first sweep after that moment, and expires so much later. One that `may_wait`
    is also queued for a charge point that is offline, and kept for it until its expiry. `exact` is the payload to
    send word for word; `params` is then what `Order.said` made of it.

    Not idempotent: two calls are two orders. Raises CommandRefused with the code unknown_command, invalid, retired,
    not_accepted, offline, version_unknown or not_supported.
    """
    entry = catalogue().get(type)
    names = entry.params.model_fields if entry is not None else params
    fixed = {name: value for name, value in params.items() if name not in names} if exact is not None else {}
    checked = check_params(type, {name: value for name, value in params.items() if name not in fixed})
    refusal = why_not(charge_point, type, may_wait=may_wait)
    if refusal is not None:
        raise refusal
    entry = catalogue()[type]
    draft = Draft(uuid7(), charge_point, checked, author, now, exact, fixed)
    with transaction.atomic():
        values = entry.prepare(draft)
        order = orders()[Version(charge_point.protocol)][type]
        try:
            payload = order.payload(values) if exact is None else exact
        except BadParam as error:
            raise CommandRefused("invalid", str(error), {error.field: [str(error)]}) from error
        secret = {name: values[name] for name in entry.secrets(values)}
        to_seal = secret if exact is None else {"payload": payload}
        command = Command.objects.create(
            id=draft.command_id,
            charge_point=charge_point,
            type=type,
            params=values | dict.fromkeys(secret, MASK),
            exact=None if exact is None else _masked(order.action, exact),
            sealed=seal(to_seal) if to_seal else "",
            may_wait=may_wait,
            user=author.user,
            by=author.name[:150],
            reason=reason,
            created_at=now,
            not_before=not_before,
            expires_at=(not_before or now) + expires_in,
        )
        tell_holder(charge_point.pk, "commands")
        _announce(command)
    return command


# --- the ledger: what the holder of the charge point notes ------------------------------------------------------------


def due(now: datetime) -> Q:
    """Return the condition for commands whose time has come."""
    return Q(not_before=None) | Q(not_before__lte=now)


def claim_next(
    charge_point_id: int, *, connection_id: UUID, version: Version, now: datetime
) -> Claimed | None:
    """Claim the oldest queued command for a connection; None when there is nothing to send."""
    queued = (
        Command.objects.filter(
            due(now),
            charge_point_id=charge_point_id,
            charge_point__connection_id=connection_id,  # one that was replaced sends no more orders
            status=Status.QUEUED,
            expires_at__gt=now,
        )
        .select_related("charge_point")
        .order_by("id")
    )
    while (command := queued.first()) is not None:
        order = orders()[version].get(command.type)
        try:
            # The connection that sends may speak another version than the one the command was checked for.
            if order is None:
                raise ValueError(f"{version.label} has no such command")
            secret = unseal(command.sealed)
            payload = (
                secret["payload"] if command.exact is not None else order.payload(command.params | secret)
            )
        except ValueError as error:
            _settle(command, Status.FAILED, now, error_description=str(error))
            continue
        message_id = str(uuid4())  # T-042: unique over all connections
        claimed = Command.objects.filter(pk=command.pk, status=Status.QUEUED).update(
            status=Status.SENT,
            sent_at=now,
            connection_id=connection_id,
            message_id=message_id,
            action=order.action,
            payload=_masked(order.action, payload),
            sealed="",
        )
        if claimed == 1:
            _announce(command)
            return Claimed(command.pk, message_id, order.action, payload, order.asks_for(payload))
    return None


def settle_answer(
    command_id: UUID, payload: dict[str, Any], *, version: Version, whole: bool = True, now: datetime
) -> bool:
    """Note the charge point's answer, `whole` if all of it could be read; return whether it is what was hoped for."""
    command = Command.objects.select_related("charge_point").get(pk=command_id)
    word = str(payload.get("status", ""))
    order = orders()[version][command.type]
    answer = _masked(command.action, payload)
    values: dict[str, Any] = {"answer": answer, "answer_status": word[:64], "answered_at": now}
    facts: dict[str, Any] = {}
    if word in order.accepted or word in order.refused:
        facts = order.read(payload)
    if word in order.accepted:
        status = Status.ACCEPTED
    elif word in order.refused:
        status = Status.REJECTED
    else:
        status = Status.FAILED
        values["error_description"] = f"it answered {word[:64]!r}, which {version.label} does not know here"
    _settle(command, status, now, facts, whole, **values)
    return status == Status.ACCEPTED


def settle_failure(
    command_id: UUID, *, code: str, description: str, details: dict[str, Any] | None = None, now: datetime
) -> None:
    """Note that the charge point answered with an error, or with something that cannot be read.

    Without a `code` it is ours that failed: the order cannot be said, and has never left.
    """
    command = Command.objects.select_related("charge_point").get(pk=command_id)
    _settle(
        command,
        Status.FAILED,
        now,
        error_code=code[:64],
        error_description=redact_text(description),  # some repeat the URL that they were given
        error_details=_masked(command.action, details) if details else None,
        **({"answered_at": now} if code else {"sent_at": None}),
    )


def settle_timeout(command_id: UUID, *, now: datetime) -> None:
    """Note that no answer came in time (T-046)."""
    command = Command.objects.select_related("charge_point").get(pk=command_id)
    _settle(command, Status.TIMED_OUT, now, error_description=UNANSWERED)


def note_late_answer(command_id: UUID, text: str, *, now: datetime) -> None:
    """Attach an answer that came after the time-out; the status stays."""
    if Command.objects.filter(pk=command_id, late_at=None).update(late_answer=text, late_at=now):
        _announce(Command.objects.get(pk=command_id))


def note_effect(command: Command, effect: str, *, subject: str = "", now: datetime) -> None:
    """Note what was seen to follow a command; the first sight counts."""
    if Command.objects.filter(pk=command.pk, effect_at=None).update(
        effect=effect, effect_subject=subject, effect_at=now
    ):
        _announce(command)


def note_message(command_id: UUID, action: str, *, now: datetime) -> None:
    """Note that the message a command asked for has come."""
    command = Command.objects.filter(pk=command_id, effect_at=None).first()
    if command is not None:
        note_effect(command, f"{action} came.", now=now)


def ask_to_boot(charge_point_id: int, *, now: datetime) -> Command:
    """Ask a charge point that has just been approved for the boot that will be answered Accepted."""
    return send_command(
        ChargePoint.objects.get(pk=charge_point_id),
        "trigger-message",
        {"requested_message": "BootNotification"},
        author=SYSTEM,
        reason="it was approved",
        now=now,
    )


def follow_boot(booted: Booted) -> None:
    """See the effect of a reset."""
    command = command_awaiting_effect(booted.charge_point_id, "reset", now=booted.now)
    if command is not None:
        note_effect(command, "The charge point booted.", now=booted.now)


EFFECT_WINDOW = timedelta(minutes=15)


def command_awaiting_effect(
    charge_point_id: int, type: str, *, now: datetime, **params: object
) -> Command | None:
    """Return the newest command of this type, with these parameters, whose effect was not yet seen."""
    wanted = {name: str(value).casefold() for name, value in params.items()}
    for command in Command.objects.filter(
        charge_point_id=charge_point_id,
        type=type,
        effect_at=None,
        created_at__gt=now - EFFECT_WINDOW,
        status__in=[Status.SENT, Status.ACCEPTED, Status.TIMED_OUT],
    ).order_by("-id")[:20]:
        if all(str(command.params.get(name, value)).casefold() == value for name, value in wanted.items()):
            return command
    return None


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
            why = "the charge point went offline"
            _settle(command, Status.FAILED, now, error_code="Offline", error_description=why)
    return waiting


LOST_AFTER = timedelta(minutes=5)
UNSENT = "it was not sent before its expiry"
UNANSWERED = "the charge point did not answer in time"
CLOSED = "the connection closed before the answer"


def expire_commands(*, now: datetime) -> int:
    """End queued commands past their expiry and sent ones whose process was lost; return how many."""
    closed = Exists(Connection.objects.filter(pk=OuterRef("connection_id"), closed_at__isnull=False))
    ends = (
        (Q(status=Status.QUEUED, expires_at__lte=now), Status.EXPIRED, "", UNSENT),
        (Q(status=Status.SENT, sent_at__lte=now - LOST_AFTER), Status.TIMED_OUT, "", UNANSWERED),
        # A process that was killed left it.
        (Q(closed, status=Status.SENT), Status.FAILED, "ConnectionLost", CLOSED),
    )
    expired = 0
    for over, status, code, why in ends:
        for command in Command.objects.filter(over).select_related("charge_point")[:1000]:
            try:
                expired += _settle(command, status, now, error_code=code, error_description=why)
            except Exception:  # one that cannot be ended must not keep the others open
                log.exception("commands.not_ended", extra={"command_id": str(command.pk)})
    return expired


def _settle(
    command: Command,
    status: Status,
    now: datetime,
    facts: dict[str, Any] | None = None,
    whole: bool = True,
    **values: Any,
) -> bool:
    """Give an open command its final status; a command is settled once."""
    with transaction.atomic():
        settled = (
            Command.objects.filter(pk=command.pk, status__in=Command.OPEN).update(
                status=status, sealed="", **values
            )
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
                },
                occurred_at=now,
            )
            _announce(command)
            entry = catalogue().get(command.type)
            if entry is not None:
                for name, value in values.items():
                    setattr(command, name, value)
                command.status = status
                entry.settled(Outcome(command, status, command.answer_status, facts or {}, now, whole))
            tell(CommandSettled(cp.pk, cp.cp_id, command.pk, command.type, status, word, code, now))
    return settled


def _masked(action: str, payload: dict[str, Any]) -> dict[str, Any]:
    text = redact(action, payload)  # T-028
    return cast(dict[str, Any], orjson.loads(text)) if MASK in text else payload


def _announce(command: Command) -> None:
    announce("commands", f"commands:{command.charge_point_id}")
