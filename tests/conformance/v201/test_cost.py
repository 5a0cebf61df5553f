"""What drivers are told of costs: chapter I of OCPP 2.0.1."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chargers.configuration.models import ConfigurationKey
from chargers.models import Command
from tests.conformance.v201.cast import ALICE, CS201, Session, at, cs201, token
from tests.support.house import House, now
from tests.tariffs.cast import assigned, tariff
from transactions.models import Transaction
from transactions.tariffs.live import tell_costs
from transactions.tariffs.models import Assignment, Cost, LiveCost, Tariff
from transactions.tariffs.services import change_tariff

ENABLED, TEXTS = "TariffCostCtrlr/Enabled[Cost]", "TariffCostCtrlr/Enabled[Tariff]"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def prices(house: House, alice: None) -> Iterator[Tariff]:
    """Half a euro a kWh, for as long as the test runs."""
    row = tariff(energy_price="0.40", tax_percent="25")
    assigned(row)
    yield row
    for model in (LiveCost, Cost, Assignment, Tariff):
        model.objects.all().delete()


def says(station: CS201, address: str, value: str) -> None:
    """What the station has reported of itself."""
    ConfigurationKey.objects.update_or_create(
        charge_point=station.row, folded=address.casefold(), defaults={"name": address, "value": value}
    )


def told(station: CS201) -> LiveCost:
    return LiveCost.objects.get(transaction__charge_point=station.row)


async def begun(station: CS201) -> Session:
    session = Session()
    event = session.started("Authorized", state="Charging", wh=1000, idToken=ALICE, time=at(minutes=5))
    assert "totalCost" not in await station.event(event)
    return session


async def test_msg_cost_updated(house: House, prices: Tariff):
    async with cs201(house, booted=False) as station:
        session = await begun(station)
        order = {"transaction_id": session.transaction_id.upper(), "total_cost": "12.347"}
        command = station.order("cost-updated", **order)
        assert await station.expect("CostUpdated") == {
            "totalCost": 12.347,
            "transactionId": session.transaction_id,
        }
        await station.answer()
        assert (await station.settled(command)).status == Command.Status.ACCEPTED
        assert (told(station).total, told(station).via) == (Decimal("12.347"), "command")


async def test_tc_i_01_the_running_cost_is_told(house: House, prices: Tariff):
    async with cs201(house, booted=False) as station:
        says(station, ENABLED, "true")
        session = await begun(station)
        assert await station.event(session.updated(wh=3000)) == {"totalCost": 1}
        assert await station.event(session.updated(wh=3500)) == {}, "not sooner than the interval"
        state = session.updated("ChargingStateChanged", state="SuspendedEV", wh=4000)
        assert await station.event(state) == {"totalCost": 1.5}
        await station.event(session.updated(wh=5000))
        assert tell_costs(now=now() + 2 * MINUTE) == 1
        assert await station.expect("CostUpdated") == {
            "totalCost": 2,
            "transactionId": session.transaction_id,
        }
        await station.answer()


@pytest.mark.parametrize(("price", "total"), [("0.40", 2.5), ("0", 0)])
async def test_tc_i_02_the_final_cost_is_told(house: House, prices: Tariff, price: str, total: float):
    change_tariff(prices, {"energy_price": Decimal(price)}, now=now())
    async with cs201(house, booted=False) as station:
        says(station, ENABLED, "true")
        session = await begun(station)
        ended = session.ended(wh=6000)
        answer = await station.event(ended)
        assert answer == {"totalCost": total}
        bill = Cost.objects.get(transaction__charge_point=station.row)
        assert float(bill.total) == total
        assert await station.event(ended) == answer, "a repeat is answered as before"
        assert told(station).total == bill.total


async def test_s2_60_absent_is_unknown_and_history_is_not_told(house: House, prices: Tariff):
    async with cs201(house, booted=False) as station:
        session = await begun(station)
        assert await station.event(session.updated(wh=2000, offline=True)) == {}
        assert await station.event(session.updated(wh=2500)) == {"totalCost": 0.75}
        says(station, "TariffCostCtrlr/Currency", "SEK")
        state = session.updated("ChargingStateChanged", state="SuspendedEVSE", wh=3000)
        assert await station.event(state) == {}, "a number would be taken for crowns"
        assert await station.event(session.ended(wh=3000, offline=True)) == {}
        assert Transaction.objects.get(charge_point=station.row).cost.total == 1  # type: ignore[attr-defined]
        Assignment.objects.all().delete()
        other = Session(evse=2)
        await station.event(other.started("Authorized", wh=0, idToken=ALICE))
        assert await station.event(other.updated(wh=1000)) == {}
        assert await station.event(other.ended(wh=1000)) == {}


async def test_s2_61_cost_updated_is_for_running_transactions_of_stations_that_show_costs(
    house: House, prices: Tariff
):
    async with cs201(house, booted=False) as station:
        session = await begun(station)
        await station.event(session.updated(wh=2000, offline=True))
        later = now() + 2 * MINUTE
        assert tell_costs(now=later) == 0, "nobody knows whether it shows any"
        says(station, ENABLED, "false")
        assert tell_costs(now=later) == 0
        says(station, ENABLED, "true")
        assert tell_costs(now=later) == 1
        assert (await station.expect("CostUpdated"))["totalCost"] == 0.5
        await station.answer()
        assert tell_costs(now=later) == 0, "once in the interval"
        await station.event(session.ended(wh=3000))
        assert tell_costs(now=later + 2 * MINUTE) == 0


def _texts(answer: dict[str, Any]) -> str | None:
    message = answer.get("updatedPersonalMessage")
    return message and message["content"]


async def test_s2_62_texts_of_prices_are_for_stations_that_show_them(house: House, prices: Tariff):
    async with cs201(house, booted=False) as station:
        session = await begun(station)
        await station.event(session.updated(wh=2000))
        states = [("SuspendedEV", None, ""), ("Charging", TEXTS, "true"), ("SuspendedEVSE", TEXTS, "true")]
        shown = []
        for cents, (state, address, value) in enumerate(states, 50):
            if address:
                says(station, address, value)
            change_tariff(prices, {"energy_price": Decimal(cents) / 100}, now=now())
            event = session.updated("ChargingStateChanged", state=state, wh=3000)
            shown.append(_texts(await station.event(event)))
        assert shown == [None, None, "0.65 EUR/kWh"], "the first that it can show are those that hold"


async def test_uc_2_0_1_i01_the_driver_is_told_the_prices_with_the_verdict(house: House, prices: Tariff):
    async with cs201(house, booted=False) as station:
        assert "personalMessage" not in (await station.authorize())["idTokenInfo"], "it shows no texts"
        says(station, TEXTS, "true")
        told = (await station.authorize())["idTokenInfo"]["personalMessage"]
        assert told == {"format": "UTF8", "content": "0.5 EUR/kWh"}
        refused = (await station.authorize("STRANGER"))["idTokenInfo"]
        assert "personalMessage" not in refused, "who may not charge pays nothing"
        token("MEMBER", personal_message="Welcome, member")
        own = (await station.authorize("MEMBER"))["idTokenInfo"]["personalMessage"]
        assert own["content"] == "Welcome, member"


async def _is_set(station: CS201, variable: str) -> None:
    """A text is set that the station shows when it cannot ask."""
    text = "0.50 EUR/kWh, tax included"
    result = {
        "attributeStatus": "Accepted",
        "component": {"name": "TariffCostCtrlr"},
        "variable": {"name": variable},
    }
    address = f"TariffCostCtrlr/{variable}"
    command = station.order("change-configuration", key=address, value=text)
    [asked] = (await station.expect("SetVariables"))["setVariableData"]
    assert (asked["component"]["name"], asked["variable"]["name"]) == ("TariffCostCtrlr", variable)
    assert asked["attributeValue"] == text
    await station.answer(setVariableResult=[result])
    assert (await station.settled(command)).status == Command.Status.ACCEPTED


async def test_uc_2_0_1_i04_the_prices_that_are_shown_offline_are_set(house: House, prices: Tariff):
    async with cs201(house, booted=False) as station:
        await _is_set(station, "TariffFallbackMessage")


async def test_uc_2_0_1_i05_the_text_that_is_shown_for_an_unknown_cost_is_set(house: House, prices: Tariff):
    async with cs201(house, booted=False) as station:
        await _is_set(station, "TotalCostFallbackMessage")


async def test_uc_2_0_1_i06_new_prices_are_told_while_it_charges(house: House, prices: Tariff):
    async with cs201(house, booted=False) as station:
        says(station, "DisplayMessageCtrlr/Available", "true")
        session = await begun(station)
        assert _texts(await station.event(session.updated(wh=2000))) is None
        change_tariff(prices, {"energy_price": Decimal("0.80")}, now=now())
        event = session.updated("ChargingStateChanged", state="SuspendedEVSE", wh=3000)
        answer = await station.event(event)
        assert (_texts(answer), answer["totalCost"]) == ("1 EUR/kWh", 2)
        assert await station.event(event) == answer, "a repeat is answered as before"
        event = session.updated("ChargingStateChanged", state="Charging", wh=3000)
        assert _texts(await station.event(event)) is None, "once"
