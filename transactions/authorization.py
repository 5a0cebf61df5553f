"""Whether an id token may charge."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import Case, IntegerField, Q, Value, When

from chargers.configuration.meanings import name_of
from chargers.configuration.selectors import desired_values, fold, reported_value
from chargers.models import ChargePoint, Command
from chargers.topology.models import Evse
from csms.core.backend.answers import TokenStatus, TokenVerdict
from csms.core.config import get_config
from csms.core.id_tokens import CENTRAL, KEY_CODE, NO_AUTHORIZATION, canonical_token, is_key_code_name
from csms.core.ids import uuid7_floor
from transactions.models import IdToken, Transaction
from transactions.token_places import NOWHERE, allowed_evses
from transactions.verdict_rules import SAID, Rule

Verdict = TokenStatus

UNREGISTERED = frozenset({"Invalid", "Unknown"})
"""What our own tokens say of one that nobody registered: the one in 1.6, the other in 2.x (S2-21)."""

# A driver may take this long from the remote start to the plug.
GIVEN_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Authorization:
    """Our verdict on a token; what else is here goes to the charge point with it.

    `evses` are the only ones that the token may use there; none = all of them. `cached_until` is until when the
    charge point may trust this (2.x), None for as long as it likes. `rule` is what decided.
    """

    status: Verdict
    parent: str = ""
    expires_at: datetime | None = None
    evses: tuple[int, ...] = ()
    language: str = ""
    personal_message: str = ""
    cached_until: datetime | None = None
    rule: Rule | Literal[""] = ""

    @property
    def accepted(self) -> bool:
        return self.status == "Accepted"


@dataclass(frozen=True, slots=True)
class Where:
    """At which charge point a token is shown; `evse` is None where nobody said at which of its EVSEs."""

    charge_point_id: int
    cp_id: str
    evse: int | None = None


def find_id_token(id_token: str, type: str = "") -> IdToken | None:
    """Return the token that a charge point was shown, in whatever form it is written; see `csms.core.id_tokens`.

    One that is registered for a type is found by this type only (S2-20), and goes before one of any type. 1.6 tells
    no type: of several of one text the one of any type is meant there, then that of a card. A key code never is.
    """
    untyped = canonical_token(id_token)
    if not type:
        ranks = [When(type=word, then=Value(rank)) for rank, word in enumerate(("", "ISO14443", "ISO15693"))]
        rank = Case(*ranks, default=Value(len(ranks)), output_field=IntegerField())
        return IdToken.objects.filter(canonical=untyped).exclude(type=KEY_CODE).order_by(rank, "type").first()
    own = Q(canonical=canonical_token(id_token, type), type=type)
    # Whatever somebody types: the number of a card is no code.
    meant = own if type == KEY_CODE else own | Q(canonical=untyped, type="")
    return IdToken.objects.filter(meant).order_by("-type").first()


def find_registered(id_token: str, type: str = "") -> IdToken | None:
    """Return the token that people mean: they name key codes by their digests. Else as `find_id_token`."""
    if is_key_code_name(id_token) and type in ("", KEY_CODE):
        return IdToken.objects.filter(canonical=id_token, type=KEY_CODE).first()
    return None if type == KEY_CODE else find_id_token(id_token, type)


def authorize(
    id_token: str,
    *,
    now: datetime,
    starting: bool = False,
    said: TokenVerdict | None = None,
    type: str = "",
    where: Where | None = None,
    continuing: Transaction | None = None,
) -> Authorization:
    """Judge a token. With `starting` the limit of transactions at a time counts too (S16-03: only meaningful there).

    `id_token` is the part that means the driver, `type` OCPP 2.x's word for its kind, "" in 1.6. An unknown one is
    refused unless the settings accept every token. `said` is what the backend decided: then only our limit of
    transactions still counts, and, should nobody have decided and everybody be accepted, that we have blocked it.
    `continuing` is the transaction that the token goes on with, which is no other (S2-24). Nothing is stored: to ask
    is not to charge. With `starting` it runs in the transaction that stores the start; a token with a limit is held.
    """
    if type == NO_AUTHORIZATION:
        # S2-11: nobody was asked to show anything, and nobody is refused.
        return Authorization("Accepted", rule=Rule.NOBODY)
    token = find_id_token(id_token, type)
    busy = False
    if starting and token is not None and token.max_active is not None:
        _hold(token)
        busy = _is_busy(token, id_token, type, continuing)
    if said is not None:
        master = (
            starting
            and type != ""
            and where is not None
            and is_master_group(where.charge_point_id, said.parent)
        )
        return _as_said(said, token, now=now, busy=busy, master=master)
    if token is None:
        return _of_unregistered(id_token, type, where, now)
    return _of_registered(token, now=now, starting=starting, type=type, where=where, busy=busy)


def standing_of(token: IdToken, *, now: datetime) -> Authorization:
    """Return what our own tokens say of a registered one that starts now, wherever it is not limited by its places."""
    busy = _is_busy(token, token.id_token, token.type, None)
    return _of_registered(token, now=now, starting=True, type=token.type, where=None, busy=busy)


def _of_registered(
    token: IdToken, *, now: datetime, starting: bool, type: str, where: Where | None, busy: bool
) -> Authorization:
    evses = allowed_evses(token.evses, where.cp_id, _numbers(where)) if where and token.evses else None
    status: Verdict
    if token.blocked:
        status, rule = "Blocked", Rule.BLOCKED
    elif token.expires_at is not None and token.expires_at <= now:
        status, rule = "Expired", Rule.EXPIRED
    elif starting and type and where and is_master_group(where.charge_point_id, token.parent):
        # A master pass stops the charging of others, and starts none (2.0.1, C16).
        status, rule = "Blocked", Rule.MASTER_GROUP
    elif evses == NOWHERE or (evses and where and where.evse and where.evse not in evses):
        status, rule, evses = "NotAtThisLocation", Rule.PLACE, None  # S2-22
    elif busy:
        status, rule = "ConcurrentTx", Rule.BUSY
    else:
        status, rule = "Accepted", Rule.REGISTERED
    return Authorization(
        status,
        token.parent,
        token.expires_at,
        tuple(evses or ()),
        token.language,
        token.personal_message,
        rule=rule,
    )


def _of_unregistered(id_token: str, type: str, where: Where | None, now: datetime) -> Authorization:
    if id_token.strip() == "":
        return Authorization("Invalid", rule=Rule.EMPTY)
    if get_config().unknown_id_tags == "accept":
        return Authorization("Accepted", rule=Rule.EVERYBODY)
    if type == CENTRAL and where and _was_given(id_token, where.charge_point_id, now):
        return Authorization("Accepted", rule=Rule.GIVEN)
    return Authorization("Unknown" if type else "Invalid", rule=Rule.UNREGISTERED)


def _was_given(id_token: str, charge_point_id: int, now: datetime) -> bool:
    """Return whether we have started this charge point remotely for the token lately (S2-11)."""
    rows = Command.objects.filter(
        charge_point_id=charge_point_id,
        type="remote-start",
        pk__gte=uuid7_floor(now - GIVEN_FOR),
        params__token_type=CENTRAL,
    ).exclude(status__in=(Command.Status.REJECTED, Command.Status.CANCELLED, Command.Status.QUEUED))
    asked = canonical_token(id_token, CENTRAL)
    given = rows.values_list("params", flat=True)
    return any(canonical_token(str(params.get("id_token", "")), CENTRAL) == asked for params in given)


def _as_said(
    said: TokenVerdict, token: IdToken | None, *, now: datetime, busy: bool, master: bool
) -> Authorization:
    status: Verdict = said.status
    rule = SAID[said.source]
    if said.accepted and said.expires_at is not None and said.expires_at <= now:
        status, rule = "Expired", Rule.BACKEND_EXPIRED
    elif said.accepted and master:
        status, rule = "Blocked", Rule.MASTER_GROUP
    elif token is not None and said.accepted:
        if said.source == "accept" and token.blocked:
            status, rule = "Blocked", Rule.BLOCKED
        elif busy:
            status, rule = "ConcurrentTx", Rule.BUSY
    return Authorization(status, said.parent, said.expires_at, rule=rule)


def is_master_group(charge_point_id: int, group: str) -> bool:
    """Return whether tokens of this group may stop all transactions of a charge point, and start none.

    Its name is a setting of the charge point (2.x, MasterPassGroupId): as it was reported, or is desired.
    """
    if not group or not (name := name_of(charge_point_id, "master_pass_group")):
        return False
    wish = desired_values(ChargePoint.objects.get(pk=charge_point_id)).get(fold(name))
    names: Sequence[Any] = (reported_value(charge_point_id, name), wish and wish.wanted)
    return any(str(one).strip().casefold() == group.casefold() for one in names if one)


def _numbers(where: Where) -> list[int]:
    """Return the EVSEs that the charge point has reported; none while it has not.

    Those that were only met, as in transactions, are perhaps not all that there are.
    """
    rows = Evse.objects.filter(charge_point_id=where.charge_point_id, known_from=Evse.Known.REPORT)
    return list(rows.order_by("number").values_list("number", flat=True))


def _hold(token: IdToken) -> None:
    """Let nobody else decide on a start of this token until this one is stored: two processes would both see room.

    Of tokens without a limit nothing is held. Two batches that hold each other's tokens are a deadlock, which the
    database ends, and the writer does again.
    """
    list(IdToken.objects.select_for_update(no_key=True).filter(pk=token.pk).values_list("pk"))


def _is_busy(token: IdToken, id_token: str, type: str, continuing: Transaction | None) -> bool:
    """Return whether the limit of a token is reached. What it goes on with does not count.

    What seems to be over, though its end was lost, must not lock its driver out.
    """
    if token.max_active is None:
        return False
    active = Transaction.objects.filter(
        token_key__in={token.canonical, canonical_token(id_token, type)},
        status=Transaction.Status.ACTIVE,
        superseded=False,
        end_seen_at=None,
        authorization="Accepted",
    )
    if token.type:  # one of any type has them all
        active = active.filter(token_type__in=("", token.type))
    if continuing is not None:
        active = active.exclude(pk=continuing.pk)
    return active.count() >= token.max_active
