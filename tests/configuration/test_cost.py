"""What boots and states of connectors cost in the one thread that writes: a fleet of thousands says them at once."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chargers.models import ChargePoint
from csms.core.ids import uuid7
from tests.transactions.cast import Wireless

pytestmark = pytest.mark.django_db

SAVEPOINT = 2


@pytest.fixture
def cp16() -> Wireless:
    charger = Wireless()
    ChargePoint.objects.filter(pk=charger.row.pk).update(connection_id=uuid7(), protocol="ocpp1.6")
    charger.say("BootNotification", BOOT)
    for word in ("Available", "Preparing"):
        charger.say("StatusNotification", status(word))
    return charger


BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One"}


def status(word: str) -> dict[str, Any]:
    return {"connectorId": 1, "status": word, "errorCode": "NoError"}


def cost(charger: Wireless, action: str, payload: dict[str, Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        charger.say(action, payload)
    return len(queries) - SAVEPOINT


def test_a_boot_that_changes_nothing_costs_nine_statements(cp16: Wireless) -> None:
    assert cost(cp16, "BootNotification", BOOT) <= 9


@pytest.mark.parametrize(
    ("word", "most"), [("Available", 7), ("Preparing", 5), ("Charging", 5), ("Finishing", 5), ("Faulted", 5)]
)
def test_a_state_costs_a_few_statements(cp16: Wireless, word: str, most: int) -> None:
    assert cost(cp16, "StatusNotification", status(word)) <= most
