"""Ask whether a transaction runs and whether events of it wait, and take what then comes: 2.0.1, E11 and E14."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargers.models import Command
from tests.conformance.v201.cast import CS201, again, cs201
from tests.conformance.v201.sessions import charging, ledger, only, says, stamped
from tests.support.house import House
from transactions.sequence.asking import TYPE, mind_gaps

pytestmark = pytest.mark.usefixtures("alice")


async def asks(station: CS201, answer: dict[str, Any], **params: Any) -> dict[str, Any]:
    """Somebody asks; return what the station was told."""
    command = station.order(TYPE, **params)
    payload = await station.expect("GetTransactionStatus")
    await station.answer(**answer)
    assert (await station.settled(command)).status == Command.Status.ACCEPTED
    return payload


async def test_tc_e_29_events_of_a_running_transaction_wait(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        answer = {"ongoingIndicator": True, "messagesInQueue": True}
        asked = await asks(station, answer, transaction_id=session.transaction_id)
        assert asked == {"transactionId": session.transaction_id}
        await says(station, session.updated(time=stamped(minutes=1), wh=2000, offline=True))
        assert (only(station).status, only(station).gaps, len(ledger(station))) == ("active", [], 3)


async def test_tc_e_30_a_running_transaction_has_no_events_that_wait(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        answer = {"ongoingIndicator": True, "messagesInQueue": False}
        assert await asks(station, answer, transaction_id=session.transaction_id)
        assert (only(station).status, only(station).end_seen_at) == ("active", None)


async def test_tc_e_31_missing_events_come_after_the_end(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        await says(station, session.ended(wh=4000, seqNo=4))
        assert (only(station).gaps, only(station).waits_until is None) == ([[2, 3]], False)
        answer = {"ongoingIndicator": False, "messagesInQueue": True}
        await asks(station, answer, transaction_id=session.transaction_id)
        for seq, wh in ((2, 2000), (3, 3000)):
            late = session.updated(time=stamped(seconds=5 - seq), wh=wh, seqNo=seq, offline=True)
            await says(station, late)
        row = only(station)
        assert (row.status, row.gaps, row.waits_until, row.energy_wh) == ("ended", [], None, 3000)


async def test_tc_e_33_events_of_some_transaction_wait(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        assert await asks(station, {"messagesInQueue": True}) == {}
        await says(station, session.ended(time=stamped(minutes=1), wh=2000, offline=True))
        assert (only(station).status, only(station).energy_wh) == ("ended", 1000)


async def test_tc_e_34_no_events_wait(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        await says(station, session.ended(wh=4000, seqNo=4))
        assert await asks(station, {"messagesInQueue": False}) == {}
        assert (only(station).waits_until, only(station).anomalies) == (None, ["events_missing"])


async def test_msg_get_transaction_status_tells_what_is_known(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        denied = {"ongoingIndicator": False, "messagesInQueue": False}
        await asks(station, denied, transaction_id=session.transaction_id.upper())
        row = only(station)
        assert (row.status, row.end_evidence) == ("active", "denied"), "evidence, which the clock heeds"


async def test_s2_05_a_gap_is_asked_about_and_the_bill_waits(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
        await says(station, session.ended(wh=4000, seqNo=3))
        later = datetime.now(UTC) + timedelta(minutes=2)
        mind_gaps(now=later)
        asked = await station.expect("GetTransactionStatus")
        assert asked == {"transactionId": session.transaction_id}
        await station.answer(ongoingIndicator=False, messagesInQueue=False)
        command = Command.objects.get(charge_point=station.row, type=TYPE)
        assert (await station.settled(command)).by == "system"
        assert (only(station).anomalies, only(station).energy_wh) == (["events_missing"], 3000)


async def test_uc_2_0_1_e11_a_lost_connection_loses_no_event(house: House):
    async with cs201(house, booted=False) as station:
        session = await charging(station)
    async with again(house, station, booted=False) as back:
        await says(back, session.updated(time=stamped(seconds=30), wh=1500, offline=True))
        await says(back, session.ended(wh=2000))
        assert (only(back).energy_wh, only(back).gaps, len(ledger(back))) == (1000, [], 4)
