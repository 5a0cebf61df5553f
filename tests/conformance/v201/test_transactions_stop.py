"""How sessions end, wherever a station sets the point at which they do (TxStopPoint): 2.0.1, E06 to E10 and E15."""

import pytest

from chargers.models import Command, Connector
from tests.conformance.v201.cast import ALICE, Session, cs201, fresh
from tests.conformance.v201.sessions import ACCEPTED, charging, only, says
from tests.support.house import House

pytestmark = pytest.mark.usefixtures("alice")


async def test_tc_e_07_the_card_opens_the_power_path(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        end = session.ended("StopAuthorized", reason="Local", idToken=ALICE, wh=4000)
        assert await says(station, end) == [ACCEPTED]
        row = only(station)
        assert (row.status, row.stop_reason, row.stop_id_token, row.energy_wh) == (
            "ended",
            "Local",
            "ALICE",
            3000,
        )


async def test_tc_e_08_the_energy_ends_after_the_stop_was_authorized(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        assert await says(station, session.updated("StopAuthorized", idToken=ALICE)) == [ACCEPTED]
        assert only(station).status == "active"
        await says(
            station, session.ended("ChargingStateChanged", reason="Local", state="EVConnected", wh=4000)
        )
        row = only(station)
        assert (row.status, row.stop_id_token, row.charging_state) == ("ended", "ALICE", "EVConnected")


async def test_tc_e_14_the_cable_leaves_the_station(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        await says(
            station, session.ended("EVCommunicationLost", reason="EVDisconnected", state="Idle", wh=4000)
        )
        row = only(station)
        assert (row.status, row.stop_reason, row.energy_wh) == ("ended", "EVDisconnected", 3000)


async def test_tc_e_15_the_card_stops_it(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        events = (
            session.updated("ChargingStateChanged", state="SuspendedEVSE"),
            session.ended("StopAuthorized", reason="Local", idToken=ALICE, state="EVConnected", wh=2000),
        )
        assert await says(station, *events) == [{}, ACCEPTED]
        assert (only(station).stop_reason, only(station).energy_wh) == ("Local", 1000)


async def test_tc_e_16_an_invalid_token_is_deauthorized(house: House):
    async with cs201(house, booted=False) as station:
        session = Session()
        nobody = {"idToken": "NOBODY-E16", "type": "ISO14443"}
        [answer] = await says(station, session.started("Authorized", idToken=nobody, wh=1000))
        assert answer["idTokenInfo"]["status"] in ("Invalid", "Unknown")
        await says(station, session.ended("Deauthorized", reason="DeAuthorized", wh=1000))
        row = only(station)
        assert (row.stop_reason, row.energy_wh) == ("DeAuthorized", 0)
        assert row.authorization == answer["idTokenInfo"]["status"]


async def test_tc_e_17_the_car_leaves_a_session_that_was_deauthorized(house: House):
    async with cs201(house, booted=False) as station:
        session = Session()
        nobody = {"idToken": "NOBODY-E17", "type": "ISO14443"}
        await says(
            station,
            session.started("Authorized", idToken=nobody, wh=1000),
            session.updated("Deauthorized", state="SuspendedEVSE"),
        )
        assert only(station).status == "active"
        await says(station, session.ended(reason="EVDisconnected", state="Idle", wh=1000))
        assert (only(station).stop_reason, only(station).charging_state) == ("EVDisconnected", "Idle")


async def test_tc_e_19_the_car_departs(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        await says(station, session.updated("EVCommunicationLost", state="Idle"))
        assert only(station).status == "active"
        await says(station, session.ended("EVDeparted", reason="Local", wh=2000))
        assert (only(station).status, only(station).stop_reason) == ("ended", "Local")


async def test_tc_e_20_the_cable_is_pulled_at_the_car(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        await says(station, session.ended("EVCommunicationLost", reason="EVDisconnected", wh=2500))
        row = only(station)
        assert (row.status, row.energy_wh, row.end_source) == ("ended", 1500, "reported")


async def test_tc_e_21_it_is_stopped_from_afar(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        command = station.order("remote-stop", transaction_id=session.transaction_id)
        asked = await station.expect("RequestStopTransaction")
        assert asked == {"transactionId": session.transaction_id}
        await station.answer(status="Accepted")
        await station.settled(command)
        assert only(station).status == "active", "the answer is one fact, the end another"
        await says(station, session.ended("RemoteStop", reason="Remote", wh=2000))
        assert (only(station).status, only(station).stop_reason) == ("ended", "Remote")
        assert fresh(command).effect_subject == str(only(station).pk)


async def test_tc_e_22_the_car_stops_it(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        await says(
            station,
            session.ended("ChargingStateChanged", reason="StoppedByEV", state="SuspendedEV", wh=2000),
        )
        assert (only(station).stop_reason, only(station).charging_state) == ("StoppedByEV", "SuspendedEV")


async def test_tc_e_26_a_cable_that_is_pulled_at_the_car_suspends_it(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        await says(station, session.updated("EVCommunicationLost", state="Idle"))
        row = only(station)
        assert (row.status, row.charging_state) == ("active", "Idle")
        connector = Connector.objects.get(charge_point=station.row, number=1)
        assert connector.activity == "Occupied"
        await says(
            station,
            session.updated("CablePluggedIn", state="EVConnected"),
            session.updated("ChargingStateChanged", state="Charging", wh=2000),
            session.ended(wh=3000),
        )
        assert (only(station).status, only(station).energy_wh) == ("ended", 2000)


async def test_tc_e_39_no_cable_comes_in_time(house: House):
    async with cs201(house, booted=False) as station:
        session = Session()
        await says(
            station,
            session.started("Authorized", idToken=ALICE, wh=1000),
            session.ended("EVConnectTimeout", reason="Timeout", wh=1000),
        )
        row = only(station)
        assert (row.status, row.stop_reason, row.energy_wh) == ("ended", "Timeout", 0)


async def test_uc_2_0_1_e15_a_full_battery_ends_no_session(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        await says(station, session.updated("ChargingStateChanged", state="SuspendedEV", wh=9000))
        assert (only(station).status, only(station).charging_state) == ("active", "SuspendedEV")
        assert not Command.objects.filter(charge_point=station.row).exists()
