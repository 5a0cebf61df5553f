"""What boots and states of connectors cost in the one thread that writes: a fleet of thousands says them at once."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chargers.configuration.models import ConfigurationKey
from chargers.configuration.ocpp16 import ORDERS
from chargers.configuration.services import record_configuration
from chargers.models import ChargePoint
from csms.core.ids import uuid7
from tests.transactions.cast import NOON, Wireless

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


def test_the_first_report_of_hundreds_of_keys_costs_few_statements(cp16: Wireless) -> None:
    listed = [{"key": f"Key{n}", "value": str(n), "readonly": False} for n in range(300)]
    report: Any = ORDERS["get-configuration"].read({"configurationKey": listed, "unknownKey": ["Z", "z"]})
    with CaptureQueriesContext(connection) as queries:
        record_configuration(cp16.row, report, whole=True, command_id=uuid7(), now=NOON)
    assert len(queries) <= 12
    assert ConfigurationKey.objects.filter(known=True).count() == 300


@pytest.mark.parametrize(
    ("word", "most"), [("Available", 7), ("Preparing", 5), ("Charging", 5), ("Finishing", 5), ("Faulted", 5)]
)
def test_a_state_costs_a_few_statements(cp16: Wireless, word: str, most: int) -> None:
    assert cost(cp16, "StatusNotification", status(word)) <= most
