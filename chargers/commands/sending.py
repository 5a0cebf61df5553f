"""Give commands to charge points: the catalogue of what there is to order, the checks, and the row that is queued.

`send_command()` writes a row and rings at the process that holds the charge point. That process claims the row when
the charge point's one-CALL slot is free (`chargers.commands.ledger`), so an order is sent at most once.
The answer is one fact, the effect that was seen to follow another (`chargers.commands.effects`).
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from pydantic import ValidationError

from chargers.commands.effects import announce_command
from chargers.commands.ordering import (
    EXACT,
    SYSTEM,
    Author,
    BadParam,
    CommandRefused,
    CommandType,
    Draft,
    Order,
    Params,
    narrowed,
)
from chargers.models import ChargePoint, Command, Registration
from chargers.protocol import schemas
from chargers.protocol.redaction import MASK, redacted, without
from chargers.protocol.versions import Version
from chargers.services import tell_holder
from csms.core.ids import uuid7
from csms.core.sealing import seal

DEFAULT_EXPIRY = timedelta(minutes=1)
QUEUED_EXPIRY = timedelta(hours=1)  # of a command that may wait for its charge point, where nobody says more
EXPIRY_MAX = timedelta(days=7)
WAITING_MAX = 100
"""Commands that may wait for one charge point while it is offline."""
QUEUED_MAX = 1000
"""Commands in all that are queued for one charge point. Both bounds are counted without a lock: two that are ordered
at the same moment may both be the last."""


def catalogue() -> dict[str, CommandType]:
    """Return all there is to command, by slug; named in the settings, since rooms above add to it."""
    return cast(dict[str, CommandType], import_string(settings.OCPP_COMMANDS))


def orders() -> dict[Version, dict[str, Order]]:
    """Return how each version says each command."""
    return cast(dict[Version, dict[str, Order]], import_string(settings.OCPP_ORDERS))


def entry_of(type: str) -> CommandType | None:
    """Return the entry of the catalogue; for an exact payload that no entry can say, one that keeps nothing."""
    return EXACT if type == EXACT.slug else catalogue().get(type)


def order_of(version: Version, type: str, action: str = "") -> Order | None:
    """Return how the version says a command, or an exact payload of this action; None if it cannot."""
    table = orders().get(version, {})
    if type != EXACT.slug:
        return table.get(type)
    if action not in schemas.for_charger(version):
        return None
    return next((order for order in table.values() if order.action == action), None) or _plain(
        version, action
    )


def _plain(version: Version, action: str) -> Order:
    """Return the order of an action that no entry has: "Accepted" is yes, the other words of its answers are no."""
    document = schemas.response_schema(version, action).document
    status = document.get("properties", {}).get("status", {})
    reference = status.get("$ref", "").rpartition("/")[2]
    words = document.get("definitions", {}).get(reference, status).get("enum", ())
    accepted = frozenset({"Accepted"} if words else {""})
    return Order(action, dict, accepted=accepted, refused=frozenset(words) - accepted)


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


def why_not(
    charge_point: ChargePoint, type: str, *, action: str = "", may_wait: bool = False
) -> CommandRefused | None:
    """Return why a command cannot be sent to the charge point now, or queued for later; None when it can.

    `action` is that of a payload that no entry of the catalogue can say.
    """
    if charge_point.retired_at is not None:
        return CommandRefused("retired", f"{charge_point.cp_id} was retired")
    if charge_point.registration == Registration.REJECTED:
        return CommandRefused("not_accepted", f"{charge_point.cp_id} was rejected")  # T-083
    entry = entry_of(type)
    waits = charge_point.standing == Registration.PENDING
    if waits and charge_point.boot_refused:
        name = charge_point.cp_id
        text = f"the backend had the last boot of {name} answered Rejected: it is told nothing till the next"
        return CommandRefused("not_accepted", text)  # T-083; 2.0.1, B03
    if waits and not (entry and entry.while_pending):
        return CommandRefused("not_accepted", f"{charge_point.cp_id} {_why_it_waits(charge_point)}")  # T-082
    if charge_point.connection_id is None and not may_wait:
        return CommandRefused("offline", f"{charge_point.cp_id} is offline")
    if not charge_point.protocol:
        text = f"{charge_point.cp_id} has never connected: nobody knows which OCPP version it speaks"
        return CommandRefused("version_unknown", text)
    version = Version(charge_point.protocol)
    if order_of(version, type, action) is None:
        return CommandRefused("not_supported", why_unsaid(version, type))
    return None


def why_unsaid(version: Version, type: str) -> str:
    """Return why a version says a command in no way: it has none, or it is this server that does not send it yet."""
    theirs = {order.action for table in orders().values() if (order := table.get(type)) is not None}
    if theirs.isdisjoint(schemas.for_charger(version)):
        return f"{version.label} has no such command"
    return f"this server does not send {type} to {version.label} yet"


def _why_it_waits(charge_point: ChargePoint) -> str:
    if charge_point.registration == Registration.PENDING:
        return "waits for approval"
    if charge_point.certificate_ended:
        return "has shown a certificate that has ended, and must first come back with a new one"
    return "is being set up before it is accepted"


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
    not_accepted, offline, version_unknown, not_supported or queue_full.
    """
    entry = entry_of(type) if exact is not None else catalogue().get(type)
    names = entry.params.model_fields if entry is not None else params
    fixed = {name: value for name, value in params.items() if name not in names} if exact is not None else {}
    given = {name: value for name, value in params.items() if name not in fixed}
    checked = check_params(type, given) if type != EXACT.slug or entry is None else EXACT.params(**given)
    action = str(params.get("action", ""))
    refusal = why_not(charge_point, type, action=action, may_wait=may_wait)
    if refusal is not None:
        raise refusal
    order = order_of(Version(charge_point.protocol), type, action)
    assert entry is not None
    assert order is not None
    if exact is None:
        checked = narrowed(order, checked)
    draft = Draft(uuid7(), charge_point, checked, author, now, exact, fixed)
    with transaction.atomic():
        if author != SYSTEM:
            _mind_the_queue(charge_point, may_wait=may_wait)
        values = entry.prepare(draft)
        try:
            if exact is None:
                order.payload(values)
        except BadParam as error:
            raise CommandRefused("invalid", str(error), {error.field: [str(error)]}) from error
        secret = {name: values[name] for name in entry.secrets(values)}
        # An exact payload waits sealed, secrets or none: a column of JSON may write its numbers in another way.
        hidden = secret_texts(secret)
        sealed = (
            secret
            if exact is None
            else {"payload": exact, "version": charge_point.protocol, "hidden": list(hidden)}
        )
        command = Command.objects.create(
            id=draft.command_id,
            charge_point=charge_point,
            type=type,
            params=values | dict.fromkeys(secret, MASK),
            exact=None if exact is None else without(hidden, redacted(order.action, exact)),
            sealed=seal(sealed) if sealed else "",
            user=author.user,
            by=author.name[:150],
            reason=reason,
            created_at=now,
            not_before=not_before,
            expires_at=min(filter(None, ((not_before or now) + expires_in, entry.until(values)))),
            may_wait=may_wait,
        )
        tell_holder(charge_point.pk, "commands")
        announce_command(command)
    return command


def secret_texts(secret: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the secret values that stand for themselves; nothing is masked by an empty one."""
    return tuple(value for value in secret.values() if isinstance(value, str) and value)


def spoken_order(charge_point: ChargePoint, type: str) -> Order | None:
    """Return how the charge point would be told a command; None while nobody knows, or if it cannot be said."""
    return order_of(Version(charge_point.protocol), type) if charge_point.protocol else None


def _mind_the_queue(charge_point: ChargePoint, *, may_wait: bool) -> None:
    queued = Command.objects.filter(charge_point=charge_point, status=Command.Status.QUEUED)
    bound = WAITING_MAX if may_wait else QUEUED_MAX
    if (queued.filter(may_wait=True) if may_wait else queued).count() >= bound:
        text = f"{bound} commands wait for {charge_point.cp_id} already; cancel some, or let them expire"
        raise CommandRefused("queue_full", text)


def ask_to_boot(charge_point_id: int, *, approved: bool, now: datetime) -> Command:
    """Ask a charge point that need not wait any more for the boot that will be answered Accepted.

    `approved` says whether it was approved before, so that it has waited while it was being set up.
    """
    return send_command(
        ChargePoint.objects.get(pk=charge_point_id),
        "trigger-message",
        {"requested_message": "BootNotification"},
        author=SYSTEM,
        reason="it is not being set up any more" if approved else "it was approved",
        now=now,
    )
