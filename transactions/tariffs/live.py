"""What running transactions cost so far, as their drivers are told at the charge point."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TypeVar

from django.db import InterfaceError, OperationalError
from django.db import transaction as database
from django.db.models import Exists, F, OuterRef, Q

from chargers.commands.ordering import SYSTEM, CommandRefused
from chargers.commands.sending import orders, send_command
from chargers.configuration.meanings import meanings
from chargers.configuration.models import ConfigurationKey
from chargers.configuration.selectors import fold
from chargers.models import STATUS_REPORTS
from csms.core.config import get_config
from csms.core.events.services import record
from transactions.models import METER_VALUES, Transaction
from transactions.rows import announce_transaction
from transactions.selectors import add_live_figures
from transactions.sequence.models import TRANSACTION_EVENTS
from transactions.tariffs.models import LiveCost
from transactions.tariffs.services import estimated
from transactions.tariffs.speaking import prices_text, shown_by

log = logging.getLogger(__name__)

COMMAND = "cost-updated"
AT_MOST = 200  # transactions in a look of the clock
Via = LiveCost.Via
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class SoFar:
    """What a transaction costs so far, and the prices that count for its driver now, as a text."""

    total: Decimal
    currency: str
    prices: str


def flush_facts() -> None:
    """Write what the running batch has collected, so that what this very message told counts.

    Not inside of `forgiving`, which would take it back.
    """
    for table in (METER_VALUES, STATUS_REPORTS, TRANSACTION_EVENTS):
        table.flush()


def cost_so_far(transaction: Transaction, *, now: datetime) -> SoFar | None:
    """Return what a running transaction costs so far, tax included; None where no tariff holds. Raises Unpriceable."""
    add_live_figures(transaction, now=now)
    found = estimated(transaction, now=now)
    if found is None:
        return None
    tariff, used, amount = found
    state = transaction.charging_state
    parked = state == "SuspendedEV" or (state == "EVConnected" and used.charging_seconds > 0)
    due = parked and used.parking_seconds > tariff.parking_grace_seconds
    return SoFar(amount.total, tariff.currency, prices_text(tariff, parked=due))


def forgiving(cp_id: str, work: Callable[[], Value], otherwise: Value) -> Value:
    """Return what the work returns, beside a fact that must be kept: if it fails, what it wrote is undone.

    The failure is logged, and the caller gets `otherwise`.
    """
    try:
        with database.atomic():
            return work()
    except (OperationalError, InterfaceError):
        raise  # the database is away or was in the way: the writer tries all of it again
    except Exception:
        log.exception("tariff.not_told", extra={"cp_id": cp_id})
        return otherwise


def note_look(transaction: Transaction, *, now: datetime) -> LiveCost:
    """Note that the cost of a transaction was reckoned; return what its driver knows of it."""
    row, _ = LiveCost.objects.update_or_create(transaction=transaction, defaults={"looked_at": now})
    return row


def note_told(
    transaction: Transaction, cp_id: str, total: Decimal, currency: str, *, via: Via, now: datetime
) -> None:
    """Note that a driver was told what a transaction costs, and tell it outside. One that was told later stays."""
    noted = LiveCost.objects.filter(Q(told_at=None) | Q(told_at__lte=now), transaction=transaction).update(
        total=total, currency=currency, told_at=now, via=via
    )
    if not noted:
        return
    record(
        "cost.updated",
        cp_id,
        {
            "transaction_id": transaction.transaction_id,
            "currency": currency or None,
            "total": f"{total:f}",
            "via": via,
            "final": transaction.status == Transaction.Status.ENDED,
        },
        occurred_at=now,
    )
    announce_transaction(transaction)


def tell_costs(*, now: datetime, at_most: int = AT_MOST) -> int:
    """Tell charge points what their running transactions cost, where no answer has told it within the interval.

    Returns how many. Idempotent: a transaction is looked at once in the interval, and told only of another total.
    """
    interval = get_config().cost_interval
    if not interval:
        return 0
    before = now - timedelta(seconds=interval)
    able = Q()
    for version, table in orders().items():
        if COMMAND in table:
            enabled = ConfigurationKey.objects.filter(
                charge_point=OuterRef("charge_point"),
                folded=fold(meanings()[version]["cost_enabled"]),
                known=True,
                value__iexact="true",
            )
            able |= Q(Exists(enabled), charge_point__protocol=version)  # S2-61
    due = (
        Transaction.objects.filter(
            able,
            Q(live_cost=None) | Q(live_cost__looked_at__lte=before),
            status=Transaction.Status.ACTIVE,
            superseded=False,
            start_received_at__lte=before,
            charge_point__connection_id__isnull=False,
        )
        .select_related("charge_point")
        .order_by(F("live_cost__looked_at").asc(nulls_first=True), "pk")
    )
    told = 0
    for transaction in due[:at_most]:
        # Not taken back if the rest fails: others must have their turn.
        known = note_look(transaction, now=now)
        work = partial(_tell, transaction, known, timedelta(seconds=interval), now=now)
        told += forgiving(transaction.charge_point.cp_id, work, False)
    return told


def _tell(transaction: Transaction, known: LiveCost, interval: timedelta, *, now: datetime) -> bool:
    charge_point = transaction.charge_point
    found = cost_so_far(transaction, now=now)
    if found is None or not shown_by(charge_point.pk).takes(found.currency):
        return False
    if (known.total, known.currency) == (found.total, found.currency):
        return False
    params = {"transaction_id": transaction.transaction_id, "total_cost": f"{found.total:f}"}
    try:
        send_command(charge_point, COMMAND, params, author=SYSTEM, now=now, expires_in=interval)
    except CommandRefused as refusal:
        log.info("tariff.not_told", extra={"cp_id": charge_point.cp_id, "reason": refusal.detail})
        return False
    return True


def told_by_command(params: Mapping[str, str], charge_point_id: int, *, now: datetime) -> None:
    """Note that a charge point has taken a CostUpdated."""
    running = Transaction.objects.filter(charge_point=charge_point_id, status=Transaction.Status.ACTIVE)
    transaction = running.filter(pk=params["transaction"]).select_related("charge_point").first()
    if transaction is not None:
        LiveCost.objects.get_or_create(transaction=transaction, defaults={"looked_at": now})
        total = Decimal(params["total_cost"])
        cp_id = transaction.charge_point.cp_id
        note_told(transaction, cp_id, total, params.get("currency", ""), via=Via.COMMAND, now=now)
