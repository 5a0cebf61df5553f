"""Events that are lost, late, repeated or odd: what 2.0.1 and the field ask of whoever keeps them."""

from typing import Any

import pytest

from tests.conformance.v201.cast import ALICE, Session, again, cs201
from tests.conformance.v201.sessions import ACCEPTED, charging, ledger, only, says, stamped, transactions
from tests.support.house import House


@pytest.mark.usefixtures("alice")
async def test_t_076_a_duplicate_has_one_effect(house: House):
    async with cs201(house, booted=False) as cs:
        session = await charging(cs)
        end = session.ended("StopAuthorized", idToken=ALICE, wh=3000)
        first = await says(cs, end)
        assert await says(cs, end, end | {"offline": True}) == first * 2
        assert [seq for seq, _, _ in ledger(cs)] == [0, 1, 2]
        assert only(cs).energy_wh == 2000


@pytest.mark.usefixtures("alice")
async def test_t_077_what_waited_offline_is_taken_however_old(house: House):
    async with cs201(house, booted=False) as cs:
        session = Session()
        await says(
            cs,
            session.started("Authorized", idToken=ALICE, time=stamped(days=40), wh=1000, offline=True),
            session.updated(time=stamped(days=39.9), wh=2000, offline=True),
        )
        assert await cs.wire.result("TransactionEvent", Session(evse=2).started()) == {}  # another
        await says(cs, session.ended(time=stamped(days=39.8), wh=4000, offline=True))
        old, _ = transactions(cs)
        assert (old.energy_wh, old.offline, old.anomalies) == (3000, True, [])
        assert old.stopped_at is not None
        assert (old.stopped_at - old.started_at).total_seconds() == pytest.approx(0.2 * 86400, abs=5)


@pytest.mark.usefixtures("alice")
async def test_t_078_an_event_that_got_no_answer_comes_again_on_the_next_connection(house: House):
    row_id = "CS201-T078"
    async with cs201(house, row_id, booted=False) as cs:
        session = await charging(cs)
        end = session.ended(wh=3000)
        await cs.wire.send([2, "lost-1", "TransactionEvent", end])
    async with cs201(house, f"{row_id}-other", booted=False) as other:
        assert await other.wire.result("TransactionEvent", Session().started()) == {}
    async with again(house, cs, booted=False) as cs:
        assert await says(cs, end) == [{}]
        assert (only(cs).energy_wh, len(ledger(cs))) == (2000, 3)


@pytest.mark.usefixtures("alice")
async def test_uc_2_0_1_e12_a_session_that_was_held_offline_is_whole(house: House):
    async with cs201(house, booted=False) as cs:
        session = Session()
        events = [
            session.started("Authorized", idToken=ALICE, time=stamped(hours=3), wh=0, offline=True),
            session.updated("ChargingStateChanged", time=stamped(hours=2.9), state="Charging", offline=True),
            session.ended("StopAuthorized", idToken=ALICE, time=stamped(hours=2), wh=9000, offline=True),
        ]
        assert await says(cs, *events) == [ACCEPTED, {}, ACCEPTED]
        assert (only(cs).energy_wh, only(cs).offline, only(cs).waits_until) == (9000, True, None)


ODD: dict[str, dict[str, Any]] = {
    "no number": {"seqNo": None},
    "a number in words": {"seqNo": "first"},
    "no time": {"timestamp": None},
    "a time that is none": {"timestamp": "soon"},
    "no trigger": {"triggerReason": None},
    "an unknown trigger": {"triggerReason": "Moonrise"},
    "no kind": {"eventType": None},
    "no transaction": {"transactionInfo": None},
    "no id": {"transactionInfo": {}},
    "an id that is a number": {"transactionInfo": {"transactionId": 12}},
    "an EVSE below 0": {"evse": {"id": -1}},
    "an EVSE in words": {"evse": {"id": "left"}},
    "a token without a type": {"idToken": {"idToken": "ALICE"}},
    "readings that are none": {"meterValue": [{"timestamp": "x", "sampledValue": [{"value": "much"}]}]},
    "readings without a time": {"meterValue": [{"sampledValue": [{"value": 5}]}]},
    "what nobody knows": {"vendorThing": {"a": [1, {}]}},
}


async def test_s2_13_whatever_is_odd_is_stored_and_answered(house: House):
    async with cs201(house, booted=False) as cs:
        for number, (about, odd) in enumerate(ODD.items()):
            event = Session().started("CablePluggedIn", time=stamped(seconds=100 - number)) | odd
            told = {name: value for name, value in event.items() if value is not None}
            before = len(ledger(cs))
            frame = await cs.wire.call("TransactionEvent", told)
            assert frame[0] == 3, (about, frame)
            assert len(ledger(cs)) == before + 1, about


@pytest.mark.usefixtures("alice")
async def test_uc_2_0_1_e13_a_message_that_was_not_accepted_comes_again_and_counts_once(house: House):
    async with cs201(house, booted=False) as cs:
        session = await charging(cs)
        end = session.ended(wh=2000)
        frame = await cs.wire.call("TransactionEvent", "nonsense")  # type: ignore[arg-type]
        assert frame[0] == 4
        assert await says(cs, end, end) == [{}, {}]
        assert only(cs).energy_wh == 1000
