"""Whatever becomes of the events of a session on their way, in the end it costs what it costs."""

from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conformance.v201.cast import ALICE, Session
from tests.sequence.test_any_order import SETTLED
from tests.tariffs.cast import assigned, tariff
from tests.transactions.cast import Wireless201, at, token
from transactions.models import MeterValue
from transactions.sequence.models import TransactionEvent
from transactions.tariffs.models import Cost

pytestmark = pytest.mark.django_db

NAMES = count()
BOB = {"idToken": "BOB", "type": "ISO14443"}
COST = ("energy_wh", "charging_seconds", "parking_seconds", "net", "tax", "total", "components")


def odd_session() -> list[dict[str, Any]]:
    """A session whose token, EVSE and clock change on the way: what was told first by its number counts."""
    s = Session("TX-1")
    return [
        s.started("CablePluggedIn", time=at(0), state="EVConnected", wh=1000, evse={"id": 1}),
        s.updated("ChargingStateChanged", time=at(2), state="Charging", evse={"id": 2, "connectorId": 1}),
        s.updated("Authorized", time=at(3), idToken=ALICE, evse={"id": 1, "connectorId": 2}),
        s.updated("Authorized", time=at(4), idToken=BOB),
        s.updated(time=at(20), wh=4000),
        s.updated("ChargingStateChanged", time=at(30), state="SuspendedEV", wh=6000),
        s.updated(time=at(29), wh=5900, info={"timeSpentCharging": 1000}),  # its clock was set back
        s.updated("ChargingStateChanged", time=at(40), state="Charging"),
        s.updated("StopAuthorized", time=at(50), idToken=BOB, state="SuspendedEVSE"),
        s.updated("ChargingStateChanged", time=at(51), state="EVConnected"),
        s.ended("EVDeparted", reason="Local", time=at(60), wh=11_000, state="Idle"),
    ]


def settled(station: Wireless201) -> dict[str, Any]:
    row = station.only
    cost = Cost.objects.get(transaction=row)
    return {name: getattr(row, name) for name in SETTLED} | {
        f"cost {name}": getattr(cost, name) for name in COST
    }


def said(order: list[int], again: dict[int, list[int]]) -> dict[str, Any]:
    """Say the events in this order, some of them again after a step, over a new connection; return what is settled."""
    station = Wireless201(f"CS-{next(NAMES)}")
    events = odd_session()
    for step, number in enumerate(order):
        station.event(events[number], received=61 + step / 10)
        for repeated in again.get(step, ()):
            station.reconnect()
            station.event(events[repeated] | {"offline": True}, received=61.05 + step / 10)
    row = station.only
    assert TransactionEvent.objects.filter(transaction=row).count() == len(events)
    assert MeterValue.objects.filter(transaction=row).count() == 5
    return settled(station)


LAST = len(odd_session()) - 1


@pytest.fixture
def in_order() -> dict[str, Any]:
    """What it comes to in the order of the numbers; energy, charging and parking are paid for."""
    token()
    assigned(tariff(energy_price="0.40", charging_price="3", parking_price="6", tax_percent="19"))
    return said(list(range(LAST + 1)), {})


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
    phases=[Phase.generate],  # a counterexample of eleven events is small enough
)
@given(
    order=st.permutations(range(LAST + 1)),
    again=st.dictionaries(st.integers(0, LAST), st.lists(st.integers(0, LAST), max_size=2), max_size=3),
)
def test_a_bill_is_the_same_in_whatever_order_and_however_often_its_events_come(
    in_order: dict[str, Any], order: list[int], again: dict[int, list[int]]
):
    heard = {
        step: [number for number in numbers if number in order[: step + 1]] for step, numbers in again.items()
    }
    assert said(order, heard) == in_order


def test_the_bill_of_an_odd_session_is_that_of_its_numbers(in_order: dict[str, Any]):
    told = in_order
    assert (told["id_token"], told["stop_id_token"], told["authorization"]) == ("ALICE", "BOB", "Accepted")
    assert (told["evse_number"], told["connector_number"], told["anomalies"]) == (1, 2001, ["evse_changed"])
    # 10 kWh; 2 to 30 and 40 to 50 minutes; parked 30 to 40 and 51 to 60.
    assert (told["cost energy_wh"], told["cost charging_seconds"]) == (10_000, 38 * 60)
    assert (told["cost parking_seconds"], told["cost total"]) == (19 * 60, Decimal("9.28"))


def test_a_state_that_comes_after_the_end_prices_its_parking(in_order: dict[str, Any]):
    station = Wireless201("LATE")
    *events, parked, end = odd_session()
    for event in [*events, end]:
        station.event(event, received=61)
    assert Cost.objects.get(transaction=station.only).total == Decimal("8.21")
    energy = station.only.energy_wh
    station.event(parked, received=62)  # it says nothing else: no figure of the session is another
    assert Cost.objects.get(transaction=station.only).total == Decimal("9.28")
    assert [told["total"] for told in station.told("tx.priced")] == ["8.21", "9.28"]
    assert station.only.energy_wh == energy == in_order["energy_wh"]
