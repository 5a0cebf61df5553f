"""The cast of the core transactions: alice's token, and what became of a charge point's sessions."""

import json
from typing import Any

import pytest

from chargers.models import Connector
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, token
from transactions.models import Transaction


@pytest.fixture(autouse=True)
def alice(db: None) -> None:
    token("ALICE")


def transactions(charger: CP16) -> list[Transaction]:
    return list(Transaction.objects.filter(charge_point=charger.row).order_by("pk"))


def only(charger: CP16) -> Transaction:
    (transaction,) = transactions(charger)
    return transaction


def connector(charger: CP16, number: int = 1) -> Connector:
    return Connector.objects.get(charge_point=charger.row, number=number)


def told(charger: CP16, type: str) -> list[dict[str, Any]]:
    events = Event.objects.filter(cp_id=charger.row.cp_id, type=type).order_by("pk")
    return [json.loads(event.payload) for event in events]
