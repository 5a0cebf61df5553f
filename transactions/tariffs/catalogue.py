"""The commands of this block."""

from typing import Any

from pydantic import Field

from chargers.commands.ordering import CommandRefused, CommandType, Draft, Outcome, Params, bad_param, by_slug
from transactions.models import Transaction
from transactions.selectors import by_wire_id
from transactions.tariffs import live
from transactions.tariffs.pricing import Unpriceable
from transactions.tariffs.selectors import tariff_of
from transactions.tariffs.speaking import shown_by


class CostUpdated(Params):
    """Tell the driver what a running transaction costs so far."""

    transaction_id: str = Field(
        title="Transaction", min_length=1, max_length=36, description="The transaction's id on the wire."
    )
    total_cost: str | None = Field(
        None,
        title="Total",
        pattern=r"^[0-9]{1,10}(\.[0-9]{1,4})?$",
        description="A decimal in the currency of the charge point, tax included; empty = as its tariff has it.",
    )


def prepare(draft: Draft) -> dict[str, Any]:
    """Find the running transaction and what it costs so far. Raises CommandRefused (S2-61)."""
    charge_point, params = draft.charge_point, draft.params
    transaction = (
        by_wire_id(charge_point.pk, params.transaction_id).filter(status=Transaction.Status.ACTIVE).first()
    )
    if transaction is None:
        raise bad_param(
            "transaction_id", f"no transaction {params.transaction_id!r} runs at {charge_point.cp_id}"
        )
    shown = shown_by(charge_point.pk)
    if shown.costs is False:
        raise CommandRefused("not_supported", f"{charge_point.cp_id} says that it shows no costs")
    tariff = tariff_of(transaction)
    total, currency = params.total_cost, shown.currency or (tariff.currency if tariff else "")
    if total is None:
        try:
            found = live.cost_so_far(transaction, now=draft.now)
        except Unpriceable as refusal:
            raise bad_param("total_cost", str(refusal)) from refusal
        if found is None:
            raise bad_param("total_cost", "no tariff holds for it: say what it costs")
        if not shown.takes(found.currency):
            raise bad_param("total_cost", f"its tariff is in {found.currency}, and {shown.currency} is shown")
        total, currency = f"{found.total:f}", found.currency
    return {
        "transaction_id": transaction.transaction_id,
        "total_cost": total,
        "transaction": str(transaction.pk),
        "currency": currency,
    }


def settled(outcome: Outcome) -> None:
    """Keep what the driver was told."""
    if outcome.accepted:
        live.told_by_command(outcome.command.params, outcome.command.charge_point_id, now=outcome.now)


COMMANDS = by_slug(
    CommandType(
        live.COMMAND,
        "Tell the cost so far",
        CostUpdated,
        effect="The charge point shows it.",
        observed=False,
        prepare=prepare,
        settled=settled,
    ),
)
