"""Commands that are ordered word for word: an OCPP payload as the version of the charge point spells it.

The payload is sent as it is, value for value. What it means is told by `Order.said` of whichever entry of the catalogue
has its action, so that jobs, reservations and mirrors hear of it as of any command. What no entry can say is sent all
the same, as a command of the type `exact`, of which only the ledger knows.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from chargers.commands.ordering import EXACT, Author, BadParam, CommandRefused, Order
from chargers.commands.sending import DEFAULT_EXPIRY, catalogue, orders, send_command, why_not
from chargers.models import ChargePoint, Command
from chargers.protocol import schemas
from chargers.protocol.versions import Version
from csms.core.access.models import SCOPES

WHOLE = "__all__"
COMPLAINTS_MAX, COMPLAINT_MAX = 20, 300


def actions(version: Version) -> list[str]:
    """Return every action that a central system may send in this version."""
    return sorted(schemas.for_charger(version))


def entries_of(version: Version, action: str) -> list[str]:
    """Return the entries of the catalogue that say this action, or a part of it."""
    return [slug for slug, order in orders().get(version, {}).items() if order.action == action]


def scopes_of(version: Version, action: str) -> list[str]:
    """Return what is needed to order this action, the least first: it depends on which entry says the payload."""
    scopes = {catalogue()[slug].scope for slug in entries_of(version, action)}
    return sorted(scopes or {EXACT.scope}, key=SCOPES.index)


def spoken_by(charge_point: ChargePoint, action: str = "", *, may_wait: bool = False) -> Version:
    """Return the version of a charge point: of its connection, or of its last one.

    Raises CommandRefused `offline` or `version_unknown` if there was none yet; and for an `action` that a central
    system does not send in this version, `unknown_action`, or `not_supported` if another version has it.
    """
    if not charge_point.protocol:
        refusal = why_not(charge_point, EXACT.slug, may_wait=may_wait)
        assert refusal is not None
        raise refusal
    version = Version(charge_point.protocol)
    if action and action not in schemas.for_charger(version):
        elsewhere = any(action in schemas.for_charger(other) for other in Version)
        raise CommandRefused(
            "not_supported" if elsewhere else "unknown_action",
            f"a central system does not send {action[:64]!r} in {version.label}; it sends "
            + ", ".join(actions(version)),
        )
    return version


def send_exact(
    charge_point: ChargePoint,
    action: str,
    payload: dict[str, Any],
    *,
    author: Author,
    now: datetime,
    reason: str = "",
    expires_in: timedelta = DEFAULT_EXPIRY,
    may_wait: bool = False,
    may: Callable[[str], bool] = lambda scope: True,
) -> Command:
    """Queue a payload to be sent word for word; see `send_command()`. `may` tells which scopes the author has.

    Raises CommandRefused: beside its codes `unknown_action`, `forbidden` without the scope of the entry that says the
    payload (of all of them, if none can), and `invalid` with errors by place in the payload.
    """
    version = spoken_by(charge_point, action, may_wait=may_wait)
    errors: dict[str, list[str]] = {}
    for where, why in islice(_complaints(version, action, payload), COMPLAINTS_MAX):
        errors.setdefault(where or WHOLE, []).append(why[:COMPLAINT_MAX])
    if errors:
        listed = "; ".join(f"{where}: {' '.join(whys)}" for where, whys in errors.items())
        raise CommandRefused("invalid", f"it is no {action} of {version.label}: {listed}", errors)
    type, params = _in_our_words(version, action, payload)
    scope = scopes_of(version, action)[-1] if type == EXACT.slug else catalogue()[type].scope
    if not may(scope):
        raise CommandRefused("forbidden", f"this needs the scope {scope!r}")
    try:
        return send_command(
            charge_point,
            type,
            params,
            author=author,
            now=now,
            reason=reason,
            expires_in=expires_in,
            may_wait=may_wait,
            exact=payload,
        )
    except CommandRefused as refusal:
        errors = {}
        for name, texts in refusal.errors.items():
            errors.setdefault(_place(name, orders()[version].get(type), payload), []).extend(texts)
        raise CommandRefused(refusal.code, refusal.detail, errors) from refusal


def _complaints(version: Version, action: str, payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from schemas.request_schema(version, action).complaints(payload)
    for where, text in _texts(payload):
        if "\0" in text:
            yield where, "It has a NUL character, which no store takes."


def _texts(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Each text in a value, names of fields too, with its place."""
    match value:
        case str():
            yield where, value
        case list():
            for index, item in enumerate(value):
                yield from _texts(item, f"{where}.{index}".lstrip("."))
        case dict():
            for name, item in value.items():
                yield where, name
                yield from _texts(item, f"{where}.{name}".lstrip("."))


def _in_our_words(version: Version, action: str, payload: dict[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the type and the parameters of the first entry that can say the payload.

    What an entry understands and refuses is not sent past it: nobody would know of the reservation or the password.
    """
    for slug in entries_of(version, action):
        said = orders()[version][slug].said
        if said is None:
            continue
        with suppress(BadParam):
            return slug, said(payload)
    return EXACT.slug, {"action": action}


def _place(name: str, order: Order | None, payload: dict[str, Any]) -> str:
    """Return where in a payload our parameter stands, or the part of which it is one; else the whole."""
    parts = name.split(".")
    places = order.places if order is not None else {}
    while parts:
        indexes = iter(part for part in parts if part.isdigit())
        if place := places.get(".".join("*" if part.isdigit() else part for part in parts)):
            return ".".join(next(indexes, part) if part == "*" else part for part in place.split("."))
        parts.pop()
    plain = name.partition(".")[0].replace("_", "").casefold()
    return next((theirs for theirs in payload if theirs.casefold() == plain), WHOLE)
