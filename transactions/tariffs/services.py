"""Keep tariffs, and price transactions by them when they end and whenever their end is corrected."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError
from django.db import transaction as database

from chargers.models import STATUS_REPORTS, ChargePoint
from csms.core.events.services import record
from csms.core.refusals import BadField
from transactions.happenings import TransactionCorrected, TransactionEnded
from transactions.models import Transaction
from transactions.rows import locked
from transactions.sequence.models import TRANSACTION_EVENTS
from transactions.tariffs.models import Assignment, Cost, Tariff
from transactions.tariffs.pricing import Prices, Sum, Usage, cost, in_currency, plain
from transactions.tariffs.selectors import tariff_of, usage

log = logging.getLogger(__name__)


class TariffRefusal(BadField):
    """A value of a tariff that is refused; `field` names it."""


def add_tariff(*, now: datetime, **values: Any) -> Tariff:
    """Keep a new tariff. Raises TariffRefusal for a name that is taken."""
    tariff = Tariff(created_at=now, **values)
    _save(tariff, force_insert=True)
    return tariff


def change_tariff(tariff: Tariff, changes: Mapping[str, Any], *, now: datetime) -> bool:
    """Change a tariff for what is priced from now on; return whether that changed anything.

    Raises TariffRefusal for a name that is taken.
    """
    changed = {name: value for name, value in changes.items() if getattr(tariff, name) != value}
    if not changed:
        return False
    for name, value in changed.items():
        setattr(tariff, name, value)
    tariff.updated_at = now
    _save(tariff, update_fields=[*changed, "updated_at"])
    return True


def _save(tariff: Tariff, **how: Any) -> None:
    try:
        with database.atomic():
            tariff.save(**how)
    except IntegrityError:
        raise TariffRefusal("name", f"There is a tariff {tariff.name!r} already.") from None


def retire_tariff(tariff: Tariff, *, now: datetime) -> None:
    """Let a tariff hold no more for what starts from now on. Idempotent."""
    Tariff.objects.filter(pk=tariff.pk, retired_at=None).update(retired_at=now)


def assign_tariff(
    tariff: Tariff, *, charge_point: ChargePoint | None, site: str, valid_from: datetime | None, now: datetime
) -> Assignment:
    """Let a tariff hold for a charge point, a site, or everywhere, for what starts at or after a time (or now).

    Raises TariffRefusal for a tariff that was retired, or a place that is two.
    """
    if tariff.retired_at is not None:
        raise TariffRefusal("tariff", f"{tariff.name} was retired.")
    if charge_point is not None and site:
        raise TariffRefusal("site", "Give a charge point or a site, not both.")
    return Assignment.objects.create(
        tariff=tariff, charge_point=charge_point, site=site, valid_from=valid_from or now, created_at=now
    )


def unassign_tariff(assignment: Assignment) -> None:
    """Let a tariff hold there no more; what was priced by it stays."""
    assignment.delete()


def estimated(transaction: Transaction, *, now: datetime) -> tuple[Tariff, Usage, Sum] | None:
    """Return what a transaction costs so far; None where no tariff holds. Needs `with_live_figures()`.

    Raises Unpriceable.
    """
    tariff = tariff_of(transaction)
    if tariff is None:
        return None
    used = usage(transaction, until=now)
    return tariff, used, cost(used, tariff.prices())


def price_transaction(
    transaction: Transaction, cp_id: str, *, now: datetime, keep_prices: bool = False
) -> Cost | None:
    """Price an ended transaction, again if it was priced before; None where no tariff holds.

    `keep_prices`: one that was priced before keeps its prices, and also its tariff, unless it is known by now that
    another one held. Idempotent: the same transaction costs the same, and is told only when its cost changes. The
    caller holds a lock on the transaction. Raises Unpriceable.
    """
    before = Cost.objects.filter(transaction=transaction).first()
    tariff = tariff_of(transaction)
    tariff_id = tariff.pk if tariff else None
    if before is not None and keep_prices and tariff_id in (None, before.tariff_id):
        tariff, prices = before.tariff, prices_from(before.prices)
    elif tariff is not None:
        prices = tariff.prices()
    else:
        return None
    used = usage(transaction, until=now)
    amount = cost(used, prices)
    values: dict[str, Any] = {
        "tariff_id": tariff.pk,
        "prices": _plain(asdict(prices)),
        "currency": prices.currency,
        "energy_wh": used.energy_wh,
        "charging_seconds": used.charging_seconds,
        "parking_seconds": used.parking_seconds,
        "components": components(amount),
        "net": amount.net,
        "tax": amount.tax,
        "total": amount.total,
    }
    if before is not None and all(getattr(before, name) == value for name, value in values.items()):
        return before
    priced = Cost(transaction=transaction, priced_at=now, **values)
    priced.tariff = tariff
    priced.save(force_insert=before is None, force_update=before is not None)
    told = {name: values[name] for name in ("currency", "components")}
    sums = {name: f"{values[name]:f}" for name in ("net", "tax", "total")}
    earlier = in_currency(before.total, before.currency) if before else None
    record(
        "tx.priced",
        cp_id,
        {"transaction_id": transaction.transaction_id, "tariff": tariff.name}
        | told
        | sums
        | {"total_before": earlier},
        occurred_at=now,
    )
    return priced


def price_again(transaction: Transaction, *, now: datetime) -> Cost | None:
    """Price an ended transaction by the prices of today; None where no tariff holds. Raises Unpriceable."""
    with database.atomic():
        # Its end may be corrected at this moment; whoever comes second prices what is then known.
        row = locked(Transaction.objects.filter(pk=transaction.pk)).get()
        return price_transaction(row, transaction.charge_point.cp_id, now=now)


def components(amount: Sum) -> list[dict[str, str]]:
    """Return the lines of a cost in JSON types. Amounts keep their currency's zeros."""
    return [
        {
            "kind": line.kind,
            "quantity": plain(line.quantity),
            "unit": line.unit,
            "price": plain(line.price),
            "amount": f"{line.amount:f}",
        }
        for line in amount.components
    ]


def _plain(prices: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in prices.items()}


def prices_from(kept: Mapping[str, Any]) -> Prices:
    """Return the prices that were kept with a cost."""
    exact: dict[str, Any] = {
        name: value if name in ("currency", "parking_grace_seconds") else Decimal(value)
        for name, value in kept.items()
    }
    return Prices(**exact)


def follow_end(happened: TransactionEnded | TransactionCorrected) -> None:
    """Price a transaction that has ended, or whose end is another than it was."""
    # The batch's reports must be seen, and not go with the savepoint if the pricing fails.
    STATUS_REPORTS.flush()
    TRANSACTION_EVENTS.flush()
    try:
        with database.atomic():
            price_transaction(happened.transaction, happened.cp_id, now=happened.now, keep_prices=True)
    except (OperationalError, InterfaceError):
        raise  # the database is away or was in the way: the writer tries all of it again
    except Exception:
        # The end of a transaction is a fact that must be kept, whatever it costs; it can be priced later.
        log.exception("tariff.not_priced", extra={"cp_id": happened.cp_id})
