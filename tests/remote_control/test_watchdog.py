"""Charging that belongs to no transaction is seen, measured and explained in the end."""

from datetime import timedelta
from typing import Any

import pytest

from csms.core.ids import uuid7
from tests.transactions.cast import NOON, Wireless, at
from transactions.remote_control.models import UnexplainedCharging
from transactions.remote_control.services import watch_charging

pytestmark = pytest.mark.django_db


@pytest.fixture
def cp16() -> Wireless:
    charger = Wireless()
    charger.row.connection_id = uuid7()
    charger.row.save()
    return charger


def says(charger: Wireless, status: str, minutes: float = 0, connector: int = 1) -> None:
    payload: dict[str, Any] = {
        "connectorId": connector,
        "status": status,
        "errorCode": "NoError",
        "timestamp": at(minutes),
    }
    charger.say("StatusNotification", payload, minutes)


def watched(minutes: float) -> int:
    return watch_charging(now=NOON + timedelta(minutes=minutes))


def test_charging_for_long_without_a_transaction_is_flagged_once(cp16: Wireless):
    says(cp16, "Charging")
    assert watched(1) == 0
    assert watched(2) == 1
    assert watched(3) == 0
    row = UnexplainedCharging.objects.get()
    assert (row.connector_number, row.since, row.ended_at) == (1, NOON, None)
    (told,) = cp16.told("charging.unexplained")
    assert told["connector_id"] == 1


def test_charging_within_a_transaction_is_none_of_it(cp16: Wireless):
    cp16.start()
    says(cp16, "Charging")
    assert watched(5) == 0
    says(cp16, "Charging", connector=2)
    assert watched(5) == 1
    assert UnexplainedCharging.objects.get().connector_number == 2


def test_other_states_and_the_station_itself_are_none_of_it(cp16: Wireless):
    says(cp16, "Charging", connector=0)
    says(cp16, "Preparing", connector=1)
    says(cp16, "SuspendedEV", connector=2)
    assert watched(5) == 0


def test_of_a_charge_point_that_is_offline_nobody_knows_what_it_does(cp16: Wireless):
    says(cp16, "Charging")
    cp16.row.connection_id = None
    cp16.row.save()
    assert watched(5) == 0


def test_a_transaction_that_comes_explains_it(cp16: Wireless):
    says(cp16, "Charging")
    watched(2)
    cp16.start(received=3)
    row = UnexplainedCharging.objects.get()
    assert (row.end, row.ended_at) == ("transaction", NOON + timedelta(minutes=3))
    assert len(cp16.told("charging.explained")) == 1
    assert watched(10) == 0


def test_a_transaction_of_another_connector_explains_nothing(cp16: Wireless):
    says(cp16, "Charging")
    watched(2)
    cp16.start(received=3, connectorId=2)
    assert UnexplainedCharging.objects.get().ended_at is None


def test_it_is_over_with_the_charging_and_what_was_measured_stays(cp16: Wireless):
    says(cp16, "Charging")
    watched(2)
    cp16.meter(1000, received=3)
    cp16.meter(1700, received=20)
    watched(21)
    assert UnexplainedCharging.objects.get().energy_wh == 700
    cp16.meter(1900, received=29)
    says(cp16, "Finishing", 30)
    assert watched(31) == 1
    row = UnexplainedCharging.objects.get()
    assert (row.end, row.ended_at, row.energy_wh) == ("status", NOON + timedelta(minutes=30), 900)
    (told,) = cp16.told("charging.over")
    assert told["energy_wh"] == 900
    says(cp16, "Charging", 40)
    assert watched(45) == 1
    assert UnexplainedCharging.objects.count() == 2
