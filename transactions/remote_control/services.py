"""The clock behind remote starts: one that nothing followed is over, and charging without a transaction is flagged.

An accepted remote start is a promise for ConnectionTimeOut seconds (1.6, 9.1): if no cable comes, no transaction
comes, and nothing tells us. Some charge points keep the promise and never report the transaction (quirk X6).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction as database
from django.db.models import Exists, Max, Min, OuterRef, QuerySet

from chargers.commands.effects import announce_command, note_effect
from chargers.commands.ordering import Draft, Outcome, as_given
from chargers.commands.sending import EXPIRY_MAX
from chargers.configuration.meanings import meant_number
from chargers.models import Command, Connector, ConnectorStatus
from chargers.topology.places import has_evses
from csms.core.events.services import record
from csms.core.id_tokens import canonical_token
from csms.core.ids import uuid7_floor
from csms.core.live import announce
from transactions.charging_profiles.services import drop_profiles_of, settle_profile
from transactions.charging_profiles.services import follow_start as follow_profile
from transactions.happenings import TransactionEnded, TransactionStarted
from transactions.models import MeterValue, Transaction
from transactions.remote_control.models import UnexplainedCharging
from transactions.selectors import by_wire_id, open_transactions
from transactions.wire_ids import kept_id

NO_TRANSACTION = "No transaction came."
NO_CABLE = "No cable came."
ONLY_CHARGING = "It charges, but no transaction was reported."

CONNECTION_TIMEOUT = timedelta(minutes=2)  # of a charge point that has not told its ConnectionTimeOut
GRACE = timedelta(seconds=30)  # for authorizing, and for the messages on their way
LOOKED_BACK = EXPIRY_MAX + timedelta(days=1)  # an order may have waited that long before it was sent
# A start that comes later than was promised is still the effect of the order, for drivers are slow and some charge
# points wait longer than they say. Hours later it is another visit of the same driver.
WAITS_LEAST, WAITS_IF_UNTOLD = timedelta(minutes=15), timedelta(hours=1)
STARTING = (Command.Status.SENT, Command.Status.ACCEPTED, Command.Status.TIMED_OUT)
AT_ONCE = 500


# --- pending starts ---------------------------------------------------------------------------------------------------


def pending_for(charge_point_id: int) -> timedelta:
    """Return how long after its acceptance a remote start may still bring a transaction."""
    return (connection_timeout(charge_point_id) or CONNECTION_TIMEOUT) + GRACE


def connection_timeout(charge_point_id: int) -> timedelta | None:
    """Return how long the charge point says that it waits for a cable; None if it has not told."""
    told = meant_number(charge_point_id, "connection_timeout")
    return timedelta(seconds=told) if told else None


def expire_pending_starts(*, now: datetime) -> int:
    """Note that an accepted remote start brought no transaction (TC_011_2); return how many. Idempotent."""
    waiting = Command.objects.filter(
        pk__gte=uuid7_floor(now - LOOKED_BACK),
        type="remote-start",
        status=Command.Status.ACCEPTED,
        effect_at=None,
        answered_at__lte=now - GRACE,
    ).select_related("charge_point")
    return sum(_expire_start(command, now) for command in waiting.order_by("pk")[:AT_ONCE])


def _expire_start(command: Command, now: datetime) -> bool:
    if command.answered_at is None or now < command.answered_at + pending_for(command.charge_point_id):
        return False
    with database.atomic():
        waiting = Command.objects.select_for_update(of=("self",)).filter(pk=command.pk, effect_at=None)
        if waiting.values_list("pk").first() is None:
            return False  # it had its effect meanwhile, or another worker was faster
        flagged = UnexplainedCharging.objects.filter(command_id=command.pk).exists()
        note_effect(command, ONLY_CHARGING if flagged else NO_TRANSACTION, now=now)
        _tell_expired(command, now)
    return True


def _tell_expired(command: Command, now: datetime) -> None:
    drop_profiles_of(command, now=now)
    params = command.params
    record(
        "remote_start.expired",
        command.charge_point.cp_id,
        {
            "command_id": str(command.pk),
            "id_token": params["id_token"],
            "connector_id": params.get("connector_id"),
            **({"evse_id": params["evse"]} if "evse" in params else {}),
            **({"remote_start_id": params["remote_start_id"]} if "remote_start_id" in params else {}),
        },
        occurred_at=now,
    )


def follow_start(started: TransactionStarted) -> None:
    """See the effect of a remote start, also one that had been given up, and end the riddle of its connector.

    Idempotent: in OCPP 2.x a transaction may begin before anybody knows by which start, or whose it is.
    """
    transaction = started.transaction
    _note_started(transaction, started.now)
    for row in UnexplainedCharging.objects.filter(
        charge_point_id=transaction.charge_point_id,
        connector_number=transaction.connector_number or 0,
        ended_at=None,
    ):
        _end(row, UnexplainedCharging.End.TRANSACTION, started.now)


def _note_started(transaction: Transaction, now: datetime) -> None:
    """Note the transaction as the effect of its order.

    That is the one whose number it names (S2-35) or whose answer named it, else the newest that it can be: same
    driver, place and time.
    """
    # What is told live began now, whatever the charge point's clock says.
    began = transaction.started_at if transaction.offline else now
    orders = _orders(transaction, began)
    if transaction.remote_start_id is not None:
        command = orders.filter(params__remote_start_id=transaction.remote_start_id).first()
    else:
        waiting = list(orders.filter(effect_subject="")[:AT_ONCE])
        command = _named(transaction, waiting) or _likely(transaction, waiting, began)
    if command is not None:
        _have_started(command, transaction, now)


def _orders(transaction: Transaction, began: datetime) -> QuerySet[Command]:
    return Command.objects.filter(
        charge_point_id=transaction.charge_point_id,
        pk__gte=uuid7_floor(began - LOOKED_BACK),
        type="remote-start",
        status__in=STARTING,
    ).order_by("-pk")


def _named(transaction: Transaction, waiting: Sequence[Command]) -> Command | None:
    """Return the accepted order whose answer names the transaction, in whatever case."""
    if transaction.number is not None:  # of 1.6, where no answer names any
        return None
    wanted = transaction.transaction_id.casefold()
    for command in waiting:
        if command.status != Command.Status.ACCEPTED:
            continue
        if kept_id(str((command.answer or {}).get("transactionId", ""))).casefold() == wanted:
            return command
    return None


def _have_started(command: Command, transaction: Transaction, now: datetime) -> None:
    if Command.objects.filter(pk=command.pk, effect_subject="").update(
        effect="The transaction started.",
        effect_kind="transaction",
        effect_subject=str(transaction.pk),
        effect_at=now,
    ):
        announce_command(command)


def _likely(transaction: Transaction, waiting: Sequence[Command], began: datetime) -> Command | None:
    if not transaction.token_key:
        return None  # nobody knows whose it is, or will be
    for command in waiting:
        params = command.params
        if (
            command.created_at <= began + GRACE
            and _is_there(params, transaction)
            and _key(params) == transaction.token_key
            and began <= (command.answered_at or command.sent_at or command.created_at) + _waits(command)
        ):
            return command
    return None


def _is_there(params: dict[str, Any], transaction: Transaction) -> bool:
    """Return whether a transaction is where an order wanted it; in OCPP 2.x that is an EVSE."""
    if "evse" in params:
        return bool(params["evse"] == transaction.evse_number)
    wanted = params.get("connector_id", transaction.connector_number)
    return bool(wanted == transaction.connector_number)


def follow_end(ended: TransactionEnded) -> None:
    """Let a start go for which no cable came in time, though its transaction had begun (2.0.1, F02 and TC_F_04)."""
    transaction = ended.transaction
    if transaction.number is not None or transaction.stop_reason != "Timeout":
        return
    begun = Command.objects.filter(
        charge_point_id=transaction.charge_point_id, type="remote-start", effect_subject=str(transaction.pk)
    ).select_related("charge_point")
    for command in begun:
        Command.objects.filter(pk=command.pk).update(effect=NO_CABLE, effect_at=ended.now)
        _tell_expired(command, ended.now)
        announce_command(command)


def settle_start(outcome: Outcome) -> None:
    """Keep the answer: the profile is there or not; that a transaction is named does not mean that it goes on."""
    settle_profile(outcome)
    wire_id = str(outcome.facts.get("transaction_id", ""))
    if not outcome.accepted or not wire_id:
        return
    command = outcome.command
    named = by_wire_id(command.charge_point_id, wire_id).first()
    # The event that carries the token may be faster than the answer.
    if named is not None and named.token_key == _key(command.params):
        _have_started(command, named, outcome.now)
        follow_profile(TransactionStarted(named, command.charge_point.cp_id, outcome.now))


def prepare_stop(draft: Draft) -> dict[str, Any]:
    """Name the transaction as its charge point spells it; ids of OCPP 2.x are the same in any case (S2-36)."""
    values = as_given(draft)
    if draft.exact is None and has_evses(draft.charge_point.protocol):
        known = by_wire_id(draft.charge_point.pk, draft.params.transaction_id).first()
        if known is not None:
            values["transaction_id"] = known.transaction_id
    return values


def _key(params: dict[str, Any]) -> str:
    return canonical_token(params["id_token"], params.get("token_type", ""))


def _waits(command: Command) -> timedelta:
    """Return how long a start of its driver is taken for the effect of the order, and no longer for another's."""
    told = connection_timeout(command.charge_point_id)
    return WAITS_IF_UNTOLD if told is None else max(told + GRACE, WAITS_LEAST)


# --- charging without a transaction -----------------------------------------------------------------------------------

UNEXPLAINED_AFTER = timedelta(seconds=90)


def watch_charging(*, now: datetime) -> int:
    """Flag connectors that charge without a transaction, and end the flags of those that do not; return how many.

    Only charge points that are online count: of others nobody knows what they do. Idempotent.
    """
    ended = sum(_look_again(row, now) for row in UnexplainedCharging.objects.filter(ended_at=None)[:AT_ONCE])
    running = Transaction.objects.filter(
        charge_point=OuterRef("charge_point"),
        connector_number=OuterRef("number"),
        status=Transaction.Status.ACTIVE,
    )
    flagged = UnexplainedCharging.objects.filter(
        charge_point=OuterRef("charge_point"), connector_number=OuterRef("number"), ended_at=None
    )
    charging = Connector.objects.filter(
        ~Exists(running),
        ~Exists(flagged),
        status=ConnectorStatus.CHARGING,
        number__gt=0,
        received_at__lte=now - UNEXPLAINED_AFTER,
        charge_point__connection_id__isnull=False,
        charge_point__retired_at=None,
    ).select_related("charge_point")
    return ended + sum(_flag(connector, now) for connector in charging[:AT_ONCE])


def _flag(connector: Connector, now: datetime) -> bool:
    since = connector.received_at or now
    start = (
        Command.objects.filter(
            charge_point_id=connector.charge_point_id,
            pk__gte=uuid7_floor(now - LOOKED_BACK),
            type="remote-start",
            status=Command.Status.ACCEPTED,
            effect_subject="",
            answered_at__lte=since + GRACE,
        )
        .order_by("-pk")
        .first()
    )
    if start is not None and (
        start.params.get("connector_id", connector.number) != connector.number
        or (start.answered_at or now) + pending_for(connector.charge_point_id) < since
    ):
        start = None
    with database.atomic():
        row, new = UnexplainedCharging.objects.get_or_create(
            charge_point=connector.charge_point,
            connector_number=connector.number,
            ended_at=None,
            defaults={
                "since": since,
                "noticed_at": now,
                "command_id": None if start is None else start.pk,
            },
        )
        if new:
            _read(row)
            _tell(row, "charging.unexplained", now)
    return new


def _look_again(row: UnexplainedCharging, now: datetime) -> bool:
    """Read the meter of charging without a transaction, and end it when it is over."""
    connectors = Connector.objects.filter(charge_point=row.charge_point_id, number=row.connector_number)
    connector = connectors.first()
    with database.atomic():
        if (
            open_transactions(row.charge_point_id)
            .filter(connector_number=row.connector_number, superseded=False)
            .exists()
        ):
            return _end(row, UnexplainedCharging.End.TRANSACTION, now)
        if connector is None or connector.status != ConnectorStatus.CHARGING:
            over = connector.received_at if connector is not None else None
            return _end(row, UnexplainedCharging.End.STATUS, over or now)
        _read(row)
    return False


def _read(row: UnexplainedCharging) -> None:
    """Keep what the register showed meanwhile."""
    register = MeterValue.objects.filter(
        pk__gte=uuid7_floor(row.since),
        charge_point=row.charge_point_id,
        connector_number=row.connector_number,
        transaction=None,
    ).aggregate(first=Min("energy_wh"), last=Max("energy_wh"))
    row.register_first_wh, row.register_last_wh = register["first"], register["last"]
    row.save(update_fields=["register_first_wh", "register_last_wh"])


def _end(row: UnexplainedCharging, how: UnexplainedCharging.End, at: datetime) -> bool:
    _read(row)
    ended = UnexplainedCharging.objects.filter(pk=row.pk, ended_at=None).update(ended_at=at, end=how) == 1
    if ended:
        row.ended_at, row.end = at, how
        _tell(
            row, "charging.explained" if how == UnexplainedCharging.End.TRANSACTION else "charging.over", at
        )
    return ended


def _tell(row: UnexplainedCharging, topic: str, now: datetime) -> None:
    record(
        topic,
        row.charge_point.cp_id,
        {
            "connector_id": row.connector_number,
            "since": row.since,
            "command_id": None if row.command_id is None else str(row.command_id),
            "energy_wh": row.energy_wh,
        },
        occurred_at=now,
    )
    announce("fleet", f"charge-point:{row.charge_point_id}")
