"""Starts and stops from afar and unlocking of OCPP 2.0.1: F01 to F05 on the wire."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargers.models import Command
from csms.core.events.models import Event
from tests.conformance.v201.cast import CS201, Session, cs201, eventually, fresh
from tests.support.house import House
from transactions.models import Transaction
from transactions.remote_control.services import NO_CABLE, NO_TRANSACTION, expire_pending_starts

pytestmark = pytest.mark.usefixtures("alice")
Status = Command.Status
TOKEN = {"idToken": "ALICE", "type": "Central"}
STARTED = "The transaction started."


def only(station: CS201) -> Transaction:
    return Transaction.objects.get(charge_point=station.row)


async def told(station: CS201, **answer: Any) -> tuple[Command, int]:
    """Alice starts at EVSE 1; what the station answers, and the number by which it was told."""
    command = station.order("remote-start", id_token="ALICE", evse_id=1)
    said = await station.expect("RequestStartTransaction")
    number: int = said.pop("remoteStartId")
    assert said == {"idToken": TOKEN, "evseId": 1}
    await station.answer(status="Accepted", **answer)
    settled = await station.settled(command)
    assert (settled.status, settled.effect) == (Status.ACCEPTED, "")
    return settled, number


async def follows(station: CS201, command: Command) -> None:
    await eventually(lambda: fresh(command).effect == STARTED)
    assert fresh(command).effect_subject == str(only(station).pk)


def by(number: int, **info: Any) -> dict[str, Any]:
    return {"info": {"remoteStartId": number} | info}


async def test_tc_f_01_remote_start_with_the_cable_in_first(house: House):
    async with cs201(house, booted=False) as station:
        session = Session()
        await station.status("Occupied")
        await station.event(session.started(state="EVConnected"))
        command, number = await told(station, transactionId=session.transaction_id)
        event = session.updated("RemoteStart", idToken=TOKEN, **by(number))
        assert (await station.event(event))["idTokenInfo"]["status"] == "Accepted"
        await follows(station, command)
        await station.event(session.updated("ChargingStateChanged", state="Charging"))
        row = only(station)
        assert (row.id_token, row.remote_start_id, row.status) == ("ALICE", number, Transaction.Status.ACTIVE)


async def test_tc_f_02_remote_start_first_and_the_station_asks(house: House):
    async with cs201(house, booted=False) as station:
        command, number = await told(station)
        assert (await station.authorize("ALICE", "Central"))["idTokenInfo"]["status"] == "Accepted"
        session = Session()
        await station.event(session.started("RemoteStart", idToken=TOKEN, **by(number)))
        await follows(station, command)


async def test_tc_f_03_remote_start_first_and_the_station_asks_nobody(house: House):
    async with cs201(house, booted=False) as station:
        command, number = await told(station)
        session = Session()
        answer = await station.event(session.started("RemoteStart", idToken=TOKEN, **by(number)))
        assert answer["idTokenInfo"]["status"] == "Accepted"
        await follows(station, command)
        await station.event(session.updated("CablePluggedIn", state="EVConnected"))
        await station.event(session.updated("ChargingStateChanged", state="Charging"))
        assert only(station).remote_start_id == number


async def test_tc_f_04_no_cable_comes_in_time(house: House):
    async with cs201(house, booted=False) as station:
        command, number = await told(station)
        session = Session()
        await station.event(session.started("RemoteStart", idToken=TOKEN, **by(number)))
        await follows(station, command)
        await station.event(session.ended("EVConnectTimeout", reason="Timeout"))
        await eventually(lambda: fresh(command).effect == NO_CABLE)
        assert only(station).status == Transaction.Status.ENDED
        assert Event.objects.filter(cp_id=station.row.cp_id, type="remote_start.expired").count() == 1


async def test_tc_f_04_no_transaction_comes_at_all(house: House):
    async with cs201(house, booted=False) as station:
        command, _ = await told(station)
        expire_pending_starts(now=datetime.now(UTC) + timedelta(minutes=10))
        assert fresh(command).effect == NO_TRANSACTION


async def test_msg_request_start_transaction_rejected_leaves_nothing_pending(house: House):
    async with cs201(house, booted=False) as station:
        refusal = {"status": "Rejected", "statusInfo": {"reasonCode": "TxInProgress"}}
        command = await station.hears("remote-start", refusal, id_token="ALICE")
        assert (command.status, command.answer_reason) == (Status.REJECTED, "TxInProgress")
        expire_pending_starts(now=datetime.now(UTC) + timedelta(minutes=10))
        assert fresh(command).effect == ""


async def test_msg_request_start_transaction_with_a_profile(house: House):
    async with cs201(house, booted=False) as station:
        schedule = {"unit": "W", "periods": [{"start_period": 0, "limit": 7400}]}
        profile = {"purpose": "TxProfile", "kind": "Relative", "schedule": schedule}
        station.order("remote-start", id_token="ALICE", charging_profile=profile)
        said = await station.expect("RequestStartTransaction")
        [wire] = said["chargingProfile"]["chargingSchedule"]
        assert wire["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 7400}]
        assert "transactionId" not in said["chargingProfile"]
        await station.answer(status="Accepted")


async def test_s2_35_each_start_of_a_station_has_another_number(house: House):
    async with cs201(house, booted=False) as station:
        first, one = await told(station)
        second, two = await told(station)
        assert one != two
        session = Session()
        await station.event(session.started("RemoteStart", idToken=TOKEN, **by(two)))
        await follows(station, second)
        assert fresh(first).effect == "", "accepted is not started"


async def test_s2_36_a_stop_is_seen_by_the_end_alone(house: House):
    async with cs201(house, booted=False) as station:
        session = Session("Tx-AbC")
        await station.event(session.started("Authorized", idToken=TOKEN))
        command = station.order("remote-stop", transaction_id="tx-abc")
        assert await station.expect("RequestStopTransaction") == {"transactionId": "Tx-AbC"}
        await station.answer(status="Accepted")
        assert (await station.settled(command)).effect == ""
        await station.event(session.updated("RemoteStop"))
        assert fresh(command).effect == ""
        assert only(station).status == Transaction.Status.ACTIVE
        await station.event(session.ended("RemoteStop", reason="Remote"))
        await eventually(lambda: fresh(command).effect == "The transaction ended.")


async def test_msg_request_stop_transaction_rejected(house: House):
    async with cs201(house, booted=False) as station:
        command = await station.hears("remote-stop", {"status": "Rejected"}, transaction_id="unknown")
        assert (command.status, command.effect) == (Status.REJECTED, "")


# --- unlock -----------------------------------------------------------------------------------------------------------


async def unlock(station: CS201, word: str) -> Command:
    await station.status("Occupied", 1, 2)
    command = station.order("unlock-connector", connector_id=2001)
    assert await station.expect("UnlockConnector") == {"evseId": 1, "connectorId": 2}
    await station.answer(status=word)
    return await station.settled(command)


async def test_tc_f_06_unlock(house: House):
    async with cs201(house, booted=False) as station:
        command = await unlock(station, "Unlocked")
        assert (command.status, command.effect) == (Status.ACCEPTED, "The connector was unlocked.")


@pytest.mark.parametrize("word", ["UnlockFailed", "OngoingAuthorizedTransaction", "UnknownConnector"])
async def test_s2_37_a_refusal_to_unlock_says_which(house: House, word: str):
    async with cs201(house, booted=False) as station:
        command = await unlock(station, word)
        assert (command.status, command.answer_status, command.effect) == (Status.REJECTED, word, "")


async def test_msg_unlock_connector_needs_a_connector_that_there_may_be(house: House):
    async with cs201(house, booted=False) as station:
        with pytest.raises(Exception, match="no connector 5001"):
            station.order("unlock-connector", connector_id=5001)
