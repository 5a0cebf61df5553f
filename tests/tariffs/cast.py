"""Tariffs as an operator keeps them, and what connectors report, at a time of the test's choosing."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from chargers.models import ChargePoint, StatusReport
from csms.core.ids import uuid7_floor
from tests.api.cast import NOON
from transactions.tariffs.models import Assignment, Tariff
from transactions.tariffs.services import add_tariff, assign_tariff

PAST = NOON - timedelta(days=1000)
_numbers = count(1)


def tariff(name: str = "Harbour", **values: Any) -> Tariff:
    prices = {name: Decimal(values.pop(name)) for name in list(values) if name.endswith(("price", "percent"))}
    return add_tariff(now=PAST, name=name, currency=values.pop("currency", "EUR"), **prices, **values)


def assigned(tariff: Tariff, charge_point: ChargePoint | None = None, **where: Any) -> Assignment:
    where = {"site": "", "valid_from": PAST, "now": PAST} | where
    return assign_tariff(tariff, charge_point=charge_point, **where)


def report(
    charge_point: ChargePoint,
    status: str,
    received: datetime,
    claimed: datetime | None = None,
    connector_number: int = 1,
) -> StatusReport:
    """A status as it was received, by default told at that very time."""
    return StatusReport.objects.create(
        id=UUID(int=uuid7_floor(received).int + next(_numbers)),
        charge_point=charge_point,
        connector_number=connector_number,
        status=status,
        error_code="NoError",
        status_at=claimed or received,
        received_at=received,
    )
