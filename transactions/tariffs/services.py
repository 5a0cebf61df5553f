"""Keep tariffs, and price transactions by them when they end and whenever their end is corrected."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError
from django.db import transaction as database

from chargers.models import ChargePoint
from csms.core.events.services import record
from transactions.happenings import TransactionCorrected, TransactionEnded
from transactions.models import Transaction
from transactions.tariffs.models import Assignment, Cost, Tariff
from transactions.tariffs.pricing import Sum, Usage, cost
from transactions.tariffs.selectors import tariff_of, usage

log = logging.getLogger(__name__)


class TariffRefusal(ValueError):
    """A value of a tariff that is refused; `field` names it."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def add_tariff(*, now: datetime, **values: Any) -> Tariff:
    """Keep a new tariff. Raises TariffRefusal for a name that is taken."""
    return _saved(Tariff(created_at=now, **values))


def change_tariff(tariff: Tariff, changes: Mapping[str, Any], *, now: datetime) -> Tariff:
    """Change a tariff for what ends from now on. Raises TariffRefusal for a name that is taken."""
    for name, value in changes.items():
        setattr(tariff, name, value)
    tariff.updated_at = now
    return _saved(tariff)


def _saved(tariff: Tariff) -> Tariff:
    try:
        with database.atomic():
            tariff.save()
    except IntegrityError:
        raise TariffRefusal("name", f"There is a tariff {tariff.name!r} already.") from None
    return tariff


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
    """Return what a transaction costs so far; None where no tariff holds. Needs `with_live_figures()`."""
    tariff = tariff_of(transaction)
    if tariff is None:
        return None
    used = usage(transaction, until=now)
    return tariff, used, cost(used, tariff.prices())


def price_transaction(transaction: Transaction, *, now: datetime) -> Cost | None:
    """Price an ended transaction, again if it was priced before; None where no tariff holds.

    Idempotent: the same transaction costs the same, and is told only when its cost changes.
    """
    found = estimated(transaction, now=now)
    if found is None:
        return None
    tariff, used, amount = found
    values: dict[str, Any] = {
        "tariff": tariff,
        "prices": _plain(asdict(tariff.prices())),
        "currency": tariff.currency,
        "energy_wh": used.energy_wh,
        "charging_seconds": used.charging_seconds,
        "parking_seconds": used.parking_seconds,
        "components": components(amount),
        "net": amount.net,
        "tax": amount.tax,
        "total": amount.total,
    }
    before = Cost.objects.filter(transaction=transaction).first()
    if before is not None and all(getattr(before, name) == value for name, value in values.items()):
        return before
    row, _ = Cost.objects.update_or_create(transaction=transaction, defaults=values | {"priced_at": now})
    cp_id = transaction.charge_point.cp_id
    record(
        "tx.priced",
        cp_id,
        {
            "transaction_id": transaction.transaction_id,
            "tariff": tariff.name,
            "currency": tariff.currency,
            "components": values["components"],
            "net": amount.net,
            "tax": amount.tax,
            "total": amount.total,
            "total_before": before.total if before else None,
        },
        occurred_at=now,
    )
    return row


def components(amount: Sum) -> list[dict[str, Any]]:
    """Return the lines of a cost in JSON types."""
    return [_plain(asdict(component)) for component in amount.components]


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values in JSON types, decimals and durations as text."""
    return {name: value if isinstance(value, (str, int)) else _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def follow_end(happened: TransactionEnded | TransactionCorrected) -> None:
    """Price a transaction that has ended, or whose end is another than it was."""
    try:
        with database.atomic():
            price_transaction(happened.transaction, now=happened.now)
    except Exception:
        # The end of a transaction is a fact that must be kept, whatever it costs; it can be priced later.
        log.exception("tariff.not_priced", extra={"cp_id": happened.cp_id})
