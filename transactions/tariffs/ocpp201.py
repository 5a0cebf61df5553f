"""OCPP 2.0.1 of running costs. Wire words become neutral here."""

from decimal import Decimal
from typing import Any

from chargers.commands.ordering import ANY_ANSWER, BadParam, Order
from chargers.commands.saying import as_is
from chargers.handling import Handler
from transactions.tariffs.speaking import wire_amount
from transactions.wire_ids import named_id

CALLS: dict[str, Handler] = {}


def _cost(params: dict[str, Any]) -> dict[str, Any]:
    """2.0.1, 1.15: the amount is a number, without a currency."""
    return {
        "totalCost": wire_amount(Decimal(params["total_cost"])),
        "transactionId": named_id(params["transaction_id"]),
    }


def _said(payload: dict[str, Any]) -> dict[str, Any]:
    total = Decimal(str(payload["totalCost"]))
    if total < 0 or round(total, 4) != total or total >= 10**10:
        raise BadParam("total_cost", "it is no amount of at most ten digits and four decimals")
    return {
        "transaction_id": as_is(payload["transactionId"], "transactionId"),
        "total_cost": f"{total:f}",
    }


ORDERS: dict[str, Order] = {
    "cost-updated": Order(
        "CostUpdated",
        _cost,
        accepted=ANY_ANSWER,
        refused=frozenset(),
        said=_said,
        places={"transaction_id": "transactionId", "total_cost": "totalCost"},
    )
}
