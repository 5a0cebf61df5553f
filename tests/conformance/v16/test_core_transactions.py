"""Sessions of the Core profile, from boot to the last late message: 1.6 sections 3, 4.8 and 4.10."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from chargers.models import StatusReport
from tests.conformance.v16.cast import CP16, at, cp16, eventually, stamp, token
from tests.conformance.v16.transactions_cast import alice, connector, only, told, transactions
from tests.support.charger import RawCharger
from tests.support.house import House
from transactions.models import MeterValue, Transaction
from transactions.rows import new_number

__all__ = ["alice"]


# --- rules ------------------------------------------------------------------------------------------------------------


async def test_s16_01_transaction_ids_are_given_by_us(house: House):
    async with cp16(house) as one, cp16(house) as other:
        first = await one.start(timestamp="2026-01-01T10:00:00Z")
        again = await one.start(timestamp="2026-01-01T10:00:00Z")
        elsewhere = await other.start(timestamp="2026-01-01T10:00:00Z")
        assert first == again, "the same start is the same transaction"
        assert first["transactionId"] != elsewhere["transactionId"], "unique over the whole system"
        numbers = [new_number() for _ in range(200)]
        assert all(0 < number < 2**31 for number in numbers)


ODD_STARTS: dict[str, dict[str, Any]] = {
    "nothing at all": {},
    "an unknown token": {"idTag": "NOBODY"},
    "an empty token": {"idTag": ""},
    "a token too long": {"idTag": "X" * 300},
    "a token of no letters": {"idTag": "\u0000\u202e\U0001f50c"},
    "a token that is a number": {"idTag": 12345678},
    "a token that is an object": {"idTag": {"id": 1}},
    "no token": {"idTag": None},
    "connector 0": {"connectorId": 0},
    "a connector below 0": {"connectorId": -1},
    "a connector beyond counting": {"connectorId": 2**62},
    "a connector beyond 64 bits": {"connectorId": 10**30},
    "a connector in words": {"connectorId": "one"},
    "no connector": {"connectorId": None},
    "a meter in words": {"meterStart": "many"},
    "a meter below 0": {"meterStart": -5},
    "a meter beyond counting": {"meterStart": 2**63},
    "a meter with a fraction": {"meterStart": 12.7},
    "no meter": {"meterStart": None},
    "a time that is none": {"timestamp": "soon"},
    "a time that is a number": {"timestamp": 1700000000},
    "no time": {"timestamp": None},
    "the distant past": {"timestamp": "1970-01-01T00:00:00Z"},
    "the distant future": {"timestamp": "2199-01-01T00:00:00Z"},
    "an unknown reservation": {"reservationId": 4711},
    "a reservation that is none": {"reservationId": "mine"},
    "what nobody knows": {"vendorThing": {"a": [1, {}]}},
}


async def test_s16_02_a_start_is_always_answered(house: House):
    whole = {"connectorId": 1, "idTag": "ALICE", "meterStart": 0, "timestamp": stamp()}
    async with cp16(house) as charger:
        seen = set()
        for about, odd in ODD_STARTS.items():
            payload = {
                name: value for name, value in (whole | odd if odd else {}).items() if value is not None
            }
            answer = await charger.call("StartTransaction", payload)
            assert 0 < answer["transactionId"] < 2**31, about
            assert answer["idTagInfo"]["status"], about
            seen.add(answer["transactionId"])
        assert {t.number for t in transactions(charger)} == seen


async def test_s16_02_a_start_on_a_busy_connector_is_answered(house: House):
    async with cp16(house) as charger:
        first, second = await charger.start(timestamp=at(minutes=5)), await charger.start()
        assert first["transactionId"] != second["transactionId"]
        assert second["idTagInfo"] == {"status": "Accepted"}
        assert [t.anomalies for t in transactions(charger)] == [["superseded"], ["started_on_busy_connector"]]


async def test_s16_04_a_stop_of_an_unknown_transaction_is_answered_and_kept(house: House):
    async with cp16(house) as charger:
        assert await charger.stop(4711, 1000) == {}
        orphan = only(charger)
        assert (orphan.orphan, orphan.claimed_transaction_id) == (True, "4711")
        assert json.loads(orphan.raw_stop)["transactionId"] == 4711
        assert told(charger, "tx.stopped")[0]["orphan"] is True


async def test_s16_05_a_stop_with_minus_one_finds_its_transaction(house: House):
    async with cp16(house) as charger:
        number = (await charger.start(timestamp=at(minutes=30)))["transactionId"]
        assert await charger.stop(-1, 900, idTag="alice") == {"idTagInfo": {"status": "Accepted"}}
        transaction = only(charger)
        assert (transaction.number, transaction.status) == (number, "ended")
        assert transaction.anomalies == ["matched_by_evidence"]
        assert transaction.claimed_transaction_id == "-1"


ODD_STOPS: dict[str, dict[str, Any]] = {
    "nothing at all": {},
    "an id in words": {"transactionId": "mine"},
    "an id beyond 64 bits": {"transactionId": 10**30},
    "no id": {"transactionId": None},
    "a meter in words": {"meterStop": "many"},
    "a meter below 0": {"meterStop": -5},
    "a meter beyond counting": {"meterStop": 2**63},
    "no meter": {"meterStop": None},
    "a time that is none": {"timestamp": "soon"},
    "no time": {"timestamp": None},
    "an unknown reason": {"reason": "Boredom"},
    "a reason that is a list": {"reason": ["Local"]},
    "a token too long": {"idTag": "X" * 300},
    "data that are none": {"transactionData": "some"},
    "empty data": {"transactionData": []},
    "data without values": {"transactionData": [{"timestamp": "never"}, 7, None, {"sampledValue": [{}]}]},
}


async def test_s16_06_a_stop_cannot_be_refused(house: House):
    async with cp16(house) as charger:
        for about, odd in ODD_STOPS.items():
            number = (await charger.start(timestamp=stamp()))["transactionId"]
            whole = {"transactionId": number, "meterStop": 100, "timestamp": stamp()}
            payload = {
                name: value for name, value in (whole | odd if odd else {}).items() if value is not None
            }
            answer = await charger.call("StopTransaction", payload)
            assert set(answer) <= {"idTagInfo"}, about
        assert all(t.raw_stop for t in transactions(charger) if t.status == "ended")


async def test_s16_06_the_verdict_on_the_stopping_tag_only_informs(house: House):
    token("BLOCKED", blocked=True)
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        assert await charger.stop(number, idTag="BLOCKED") == {"idTagInfo": {"status": "Blocked"}}
        assert (only(charger).status, only(charger).stop_id_token) == ("ended", "BLOCKED")


async def test_s16_07_a_missing_reason_means_local(house: House):
    async with cp16(house) as charger:
        await charger.stop((await charger.start())["transactionId"])
        assert only(charger).stop_reason == "Local"


async def test_s16_11_the_meter_register_is_absolute(house: House):
    async with cp16(house) as charger:
        data = [{"timestamp": at(minutes=5), "sampledValue": [{"value": "123500"}]}]
        number = (await charger.start(meterStart=123_000, timestamp=at(minutes=9)))["transactionId"]
        await charger.stop(number, 124_000, transactionData=data)
        transaction = only(charger)
        assert (transaction.meter_start_wh, transaction.meter_stop_wh) == (123_000, 124_000)
        assert transaction.energy_wh == 1000, "the end decides, the data only refine"
        assert MeterValue.objects.get(transaction=transaction).energy_wh == 123_500


async def test_s16_12_late_messages_of_an_ended_transaction_stand_by_their_own_times(house: House):
    async with cp16(house) as charger:
        number = (await charger.start(timestamp=at(minutes=50)))["transactionId"]
        await charger.stop(number, timestamp=at(minutes=10))
        measured = at(minutes=30)
        sample = {"timestamp": measured, "sampledValue": [{"value": "400"}]}
        assert (
            await charger.call(
                "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [sample]}
            )
            == {}
        )
        reading = MeterValue.objects.get(charge_point=charger.row)
        assert reading.transaction_id == only(charger).pk
        assert reading.sampled_at == datetime.fromisoformat(measured)
        assert reading.offline
        assert only(charger).energy_wh == 1000, "not billed twice"


async def test_s16_13_the_stations_clock_and_ours_are_both_kept(house: House):
    async with cp16(house) as charger:
        ahead = (datetime.now(UTC) + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
        number = (await charger.start(timestamp=ahead))["transactionId"]
        transaction = only(charger)
        assert transaction.anomalies == ["start_time_unusable"]
        assert transaction.started_at == transaction.start_received_at
        assert json.loads(transaction.raw_start)["timestamp"] == ahead
        await charger.stop(number, timestamp=at(hours=2))
        assert only(charger).anomalies == ["start_time_unusable", "stop_before_start"]
        assert (only(charger).duration_seconds or 0) >= 0


async def test_s16_14_connector_0_is_the_station(house: House):
    async with cp16(house) as charger:
        await charger.status("Charging", 1)
        await charger.status("Unavailable", 0)
        assert (connector(charger, 0).status, connector(charger, 1).status) == ("Unavailable", "Charging")
        await charger.status("Faulted", 1, error="GroundFailure")
        assert (connector(charger, 0).status, connector(charger, 1).status) == ("Unavailable", "Faulted")


async def test_s16_15_an_old_status_does_not_overwrite_a_newer_one(house: House):
    async with cp16(house) as charger:
        await charger.status("Charging")
        await charger.status("Available", timestamp=at(hours=1))
        assert connector(charger).status == "Charging"
        assert StatusReport.objects.filter(charge_point=charger.row).count() == 2, "both are history"


async def test_s16_16_a_boot_does_not_end_transactions(house: House):
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        await charger.boot()
        assert only(charger).status == "active"
        assert told(charger, "tx.stopped") == []
        await charger.stop(number, reason="Reboot")
        assert (only(charger).status, only(charger).stop_reason) == ("ended", "Reboot")


async def test_s16_17_a_status_is_not_the_session(house: House):
    async with cp16(house) as charger:
        await charger.status("Charging")
        assert transactions(charger) == [], "none is made of a status"
        number = (await charger.start())["transactionId"]
        await charger.status("Finishing")
        await charger.status("Available")
        assert only(charger).status == "active", "and none is ended by one"
        assert only(charger).end_evidence == "finishing", "it is noted, though"
        await charger.stop(number)
        assert (only(charger).status, only(charger).anomalies) == ("ended", [])


# --- messages, retries ------------------------------------------------------------------------------------------------


async def test_msg_start_transaction(house: House):
    async with cp16(house) as charger:
        payload = {
            "connectorId": 2,
            "idTag": "ALICE",
            "meterStart": 40,
            "timestamp": "2026-02-03T04:05:06.789Z",
        }
        answer = await charger.call("StartTransaction", payload)
        assert set(answer) == {"transactionId", "idTagInfo"}
        transaction = only(charger)
        assert (transaction.connector_number, transaction.meter_start_wh) == (2, 40)
        assert json.loads(transaction.raw_start) == payload
        assert transaction.started_at.isoformat() == "2026-02-03T04:05:06.789000+00:00"


async def test_msg_stop_transaction(house: House):
    async with cp16(house) as charger:
        number = (await charger.start(timestamp=at(minutes=9)))["transactionId"]
        data = [{"timestamp": at(minutes=1), "sampledValue": [{"value": "9", "context": "Transaction.End"}]}]
        answer = await charger.stop(number, 10, idTag="ALICE", reason="Remote", transactionData=data)
        assert answer == {"idTagInfo": {"status": "Accepted"}}
        assert await charger.stop(number, 20) == {}, "without a tag there is nothing to say of one"
        transaction = only(charger)
        assert (transaction.energy_wh, transaction.stop_reason) == (10, "Remote")
        assert transaction.anomalies == ["stop_differs"]
        assert [claim["meterStop"] for claim in json.loads(transaction.raw_stop)] == [10, 20]


async def test_t_076_duplicates_are_recognised_by_id_and_by_nature(house: House):
    payload = {"connectorId": 1, "idTag": "ALICE", "meterStart": 5, "timestamp": "2026-05-05T05:05:05Z"}
    async with cp16(house) as charger:
        first = await charger.wire.call("StartTransaction", payload, "m-1")
        assert await charger.wire.call("StartTransaction", payload, "m-1") == first, "by its message id"
        other = await charger.wire.call("StartTransaction", payload, "m-2")
        assert other[2] == first[2], "by its natural key"
        number = first[2]["transactionId"]
        for _ in range(2):
            assert await charger.stop(number, 9, timestamp="2026-05-05T06:05:05Z") == {}
        assert len(transactions(charger)) == 1
        assert len(told(charger, "tx.started")) == len(told(charger, "tx.stopped")) == 1
        row = charger.row
    async with RawCharger.connect(house.ocpp_url, row.cp_id) as wire:
        charger = CP16(row, wire)
        assert await charger.call("StartTransaction", payload) == first[2], "over a new connection, too"
        assert len(transactions(charger)) == 1


async def test_t_077_offline_queues_of_any_age_in_order(house: House):
    async with cp16(house) as charger:
        for days in (300, 200, 100):
            number = (await charger.start(timestamp=at(days=days), meterStart=days))["transactionId"]
            await charger.call("Heartbeat")  # others may come in between
            sample = {"timestamp": at(days=days, minutes=-30), "sampledValue": [{"value": str(days + 5)}]}
            await charger.call(
                "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [sample]}
            )
            await charger.status("Available", timestamp=at(days=days, minutes=-59))
            await charger.stop(number, days + 10, timestamp=at(days=days, minutes=-60))
        stored = sorted(transactions(charger), key=lambda t: t.started_at)
        assert [t.energy_wh for t in stored] == [10, 10, 10]
        assert all(t.offline and not t.anomalies and t.status == "ended" for t in stored)
        assert [t.meter_start_wh for t in stored] == [300, 200, 100]


async def test_t_078_what_is_repeated_after_no_answer_is_answered_and_stored_once(house: House):
    payload = {"connectorId": 1, "idTag": "ALICE", "meterStart": 5, "timestamp": at(minutes=3)}
    async with cp16(house) as charger:
        await charger.wire.send([2, "lost", "StartTransaction", payload])
        row = charger.row
        await eventually(lambda: transactions(charger))
    number = only(charger).number
    stop = {"transactionId": number, "meterStop": 50, "timestamp": stamp()}
    async with RawCharger.connect(house.ocpp_url, row.cp_id) as wire:
        assert (await wire.result("StartTransaction", payload))["transactionId"] == number
        await wire.send([2, "lost-2", "StopTransaction", stop])
        await eventually(lambda: only(charger).status == "ended")
    async with RawCharger.connect(house.ocpp_url, row.cp_id) as wire:
        assert await wire.result("StopTransaction", stop) == {}
    assert (only(charger).energy_wh, only(charger).anomalies) == (45, [])


async def test_quirk_x1_over_a_lost_link_under_other_message_ids(house: House):
    async with cp16(house) as charger:
        claim = {"timestamp": stamp(), "meterStart": 3}
        assert await charger.start(**claim) == await charger.start(**claim)
        assert Transaction.objects.filter(charge_point=charger.row).count() == 1
