"""How sessions start, wherever a station sets the point at which they do (TxStartPoint): 2.0.1, E01 to E05."""

from typing import Any

import pytest

from chargers.models import Connector
from tests.conformance.v201.cast import ALICE, Session, cs201
from tests.conformance.v201.sessions import ACCEPTED, charging, ledger, only, says, transactions
from tests.support.house import House
from transactions.models import MeterValue
from transactions.signed.models import SignedReading

pytestmark = pytest.mark.usefixtures("alice")


async def test_tc_e_01_a_transaction_starts_when_the_power_path_closes(house: House):
    async with cs201(house, booted=False) as station:
        assert (await station.authorize())["idTokenInfo"]["status"] == "Accepted"
        await station.status("Occupied")
        assert transactions(station) == [], "neither of them is a start yet"
        session = Session()
        answers = await says(
            station,
            session.started("ChargingStateChanged", idToken=ALICE, state="SuspendedEVSE", wh=100),
            session.updated("ChargingStateChanged", state="Charging"),
        )
        assert answers == [ACCEPTED, {}]
        row = only(station)
        assert (row.id_token, row.charging_state, row.meter_start_wh) == ("ALICE", "Charging", 100)
        assert (row.transaction_id, row.evse_number) == (session.transaction_id, 1)
        connector = Connector.objects.get(charge_point=station.row, number=1)
        assert (connector.reported, connector.status) == ("Occupied", "Charging")


async def test_tc_e_02_a_transaction_starts_with_the_energy(house: House):
    async with cs201(house, booted=False) as station:
        start = Session().started("ChargingStateChanged", idToken=ALICE, state="Charging", wh=100)
        assert await says(station, start) == [ACCEPTED]
        assert only(station).charging_state == "Charging"


async def test_tc_e_03_the_cable_comes_first(house: House):
    async with cs201(house, booted=False) as station:
        session = Session()
        answers = await says(
            station,
            session.started("CablePluggedIn", state="EVConnected", wh=100),
            session.updated("Authorized", idToken=ALICE, state="EVConnected"),
            session.updated("ChargingStateChanged", state="Charging"),
        )
        assert answers == [{}, ACCEPTED, {}]
        row = only(station)
        assert (row.id_token, row.authorization, row.token_type) == ("ALICE", "Accepted", "ISO14443")


async def test_tc_e_04_the_card_comes_first(house: House):
    async with cs201(house, booted=False) as station:
        session = Session()
        answers = await says(
            station,
            session.started("Authorized", idToken=ALICE, evse=None),
            session.updated("CablePluggedIn", state="EVConnected", evse=session.evse),
            session.updated("ChargingStateChanged", state="Charging"),
        )
        assert answers == [ACCEPTED, {}, {}]
        assert (only(station).evse_number, only(station).connector_number) == (1, 1)


async def test_tc_e_09_a_transaction_starts_with_the_car(house: House):
    async with cs201(house, booted=False) as station:
        session = Session()
        await says(station, session.started("CablePluggedIn", state="EVConnected"))
        assert (only(station).id_token, only(station).authorization) == ("", "")
        assert await says(station, session.updated("Authorized", idToken=ALICE)) == [ACCEPTED]
        assert only(station).id_token == "ALICE"


async def test_tc_e_10_a_transaction_starts_with_the_card(house: House):
    async with cs201(house, booted=False) as station:
        session = Session()
        events = (
            session.started("Authorized", idToken=ALICE),
            session.updated("CablePluggedIn", idToken=ALICE, state="EVConnected"),
        )
        assert await says(station, *events) == [ACCEPTED, ACCEPTED]


async def test_tc_e_11_a_transaction_starts_with_signed_data(house: House):
    signed = {
        "signedMeterData": "T0NNRnx7IkZWIjoiMS4wIn18eyJTRCI6IjMwNDUifQ==",
        "signingMethod": "ECDSAP256SHA256",
        "encodingMethod": "OCMF",
        "publicKey": "b2NhOmJhc2UxNjphc24xOjMwNTk=",
    }
    sample: dict[str, Any] = {"value": 7, "context": "Transaction.Begin", "signedMeterValue": signed}
    async with cs201(house, booted=False) as station:
        start = Session().started("SignedDataReceived", idToken=ALICE)
        start["meterValue"] = [{"timestamp": start["timestamp"], "sampledValue": [sample]}]
        assert await says(station, start) == [ACCEPTED]
        assert only(station).meter_start_wh == 7
        kept = SignedReading.objects.get(charge_point=station.row)
        assert (kept.data, kept.public_key) == (signed["signedMeterData"], signed["publicKey"])
        assert kept.transaction == only(station)


async def test_tc_e_12_a_transaction_starts_with_the_parking_bay(house: House):
    async with cs201(house, booted=False) as station:
        session = Session()
        await says(station, session.started("EVDetected", evse={"id": 1}))
        row = only(station)
        assert (row.status, row.evse_number, row.id_token) == ("active", 1, "")
        await says(station, session.updated("CablePluggedIn", state="EVConnected", evse=session.evse))
        assert await says(station, session.updated("Authorized", idToken=ALICE)) == [ACCEPTED]


async def test_tc_e_38_a_car_that_is_not_ready_waits(house: House):
    async with cs201(house, booted=False) as station:
        session = Session()
        await says(
            station,
            session.started("Authorized", idToken=ALICE),
            session.updated("CablePluggedIn", state="EVConnected"),
            session.updated("ChargingStateChanged", state="SuspendedEV"),
        )
        assert only(station).charging_state == "SuspendedEV"
        await says(station, session.updated("ChargingStateChanged", state="Charging"))
        assert only(station).charging_state == "Charging"


async def test_tc_e_53_numbers_begin_again_with_each_transaction(house: House):
    async with cs201(house, booted=False) as station:
        for _ in range(2):
            session = await charging(station)
            await says(station, session.ended(wh=2000))
        first, second = transactions(station)
        assert (first.energy_wh, second.energy_wh, first.gaps, second.gaps) == (1000, 1000, [], [])
        assert [seq for seq, _, _ in ledger(station)] == [0, 1, 2, 0, 1, 2]


async def test_uc_2_0_1_e05_an_id_that_is_not_accepted_is_told_in_the_answer(house: House):
    async with cs201(house, booted=False) as station:
        session = Session()
        nobody = {"idToken": "NOBODY", "type": "ISO14443"}
        [answer] = await says(station, session.started("Authorized", idToken=nobody))
        assert answer["idTokenInfo"]["status"] in ("Invalid", "Unknown")
        assert only(station).status == "active", "the station decides what becomes of it"


async def test_msg_transaction_event_is_kept_by_its_number_and_answered(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        reading = session.updated(wh=1500)
        assert await says(station, reading, session.ended(wh=3000)) == [{}, {}]
        assert ledger(station) == [
            (0, "Started", "Authorized"),
            (1, "Updated", "ChargingStateChanged"),
            (2, "Updated", "MeterValuePeriodic"),
            (3, "Ended", "EVCommunicationLost"),
        ]
        assert only(station).energy_wh == 2000
        readings = MeterValue.objects.filter(transaction=only(station)).order_by("pk")
        assert list(readings.values_list("energy_wh", flat=True)) == [1000, 1500, 3000]
