"""Published attacks on central systems that a charge point can try with transactions; none may work here."""

import json
from itertools import pairwise
from typing import Any

import pytest

from tests.conformance.v16.cast import CP16, at, cp16, stamp, token
from tests.support.house import House
from transactions import tokens
from transactions.models import MeterValue, Transaction, UnknownToken
from transactions.rows import new_number


@pytest.fixture(autouse=True)
def alice(db: None) -> None:
    token("ALICE")


def transactions(charger: CP16) -> list[Transaction]:
    return list(Transaction.objects.filter(charge_point=charger.row).order_by("pk"))


WEIRD_TIMES = [
    "222222017-10-27T19:10:11Z",
    "1000000",
    "2026-00-10T00:00:00Z",
    "2026-13-40T25:61:61Z",
    "0000-00-00T00:00:00Z",
    "2026-11-21T10:00:00+99:99",
    "-2026-11-21T10:00:00Z",
    "9999-12-31T23:59:59.999999999999999999Z",
    "2026-11-21T10:00:00Z" + "0" * 10_000,
    "\u0662\u0660\u0662\u0666-11-21T10:00:00Z",
    "2099-11-21T10:00:00Z\u0000",  # without its NUL it is a time, and one to come
]


async def test_attack_01_weird_timestamps_stop_nothing(house: House):
    async with cp16(house) as charger:
        for connector, time in enumerate(WEIRD_TIMES, start=1):
            number = (await charger.start(connector=connector, timestamp=time))["transactionId"]
            sample = {"timestamp": time, "sampledValue": [{"value": "1"}]}
            await charger.call("MeterValues", {"connectorId": connector, "meterValue": [sample]})
            report = {"connectorId": connector, "status": "Charging", "errorCode": "NoError"}
            await charger.call("StatusNotification", report | {"timestamp": time})
            assert await charger.stop(number, timestamp=time) == {}
        await charger.call("Heartbeat")
        for transaction in transactions(charger):
            assert transaction.anomalies == ["start_time_unusable", "stop_time_unusable"]
            assert transaction.started_at == transaction.start_received_at


def test_attack_05_transaction_ids_cannot_be_predicted():
    numbers = [new_number() for _ in range(2000)]
    assert len(set(numbers)) == 2000
    rises = sum(later > earlier for earlier, later in pairwise(numbers))
    assert 800 < rises < 1200, "they neither rise nor fall"
    # Each of the upper 24 bits is a coin; beyond these bounds one comes up less than once in 10^17 runs.
    for bit in range(7, 31):
        ones = sum(number >> bit & 1 for number in numbers)
        assert 800 < ones < 1200, bit
    gaps = {later - earlier for earlier, later in pairwise(numbers)}
    assert len(gaps) > 1990, "nor does one tell the next"


async def test_attack_06_a_start_replayed_after_its_stop_starts_nothing(house: House):
    async with cp16(house) as charger:
        claim = {"timestamp": at(hours=1)}
        number = (await charger.start(**claim))["transactionId"]
        await charger.stop(number)
        for _ in range(3):
            assert (await charger.start(**claim))["transactionId"] == number
        (transaction,) = transactions(charger)
        assert (transaction.status, transaction.energy_wh) == ("ended", 1000)


async def test_attack_07_many_starts_on_one_connector_charge_once(house: House):
    token("ONE", max_active=1)
    async with cp16(house) as charger:
        answers = [await charger.start("ONE", timestamp=at(minutes=30 - n)) for n in range(10)]
        assert len({answer["transactionId"] for answer in answers}) == 10
        *older, newest = transactions(charger)
        assert all(t.superseded and "superseded" in t.anomalies for t in older)
        assert (newest.superseded, newest.anomalies) == (False, ["started_on_busy_connector"])


async def test_attack_08_a_stop_below_its_start_gives_no_negative_energy(house: House):
    async with cp16(house) as charger:
        cases = [(5000, 10), (5000, -(2**62)), (2**62, 0), (0, -1)]
        for connector, (start, stop) in enumerate(cases, start=1):
            number = (await charger.start(connector=connector, meterStart=start))["transactionId"]
            assert await charger.stop(number, stop) == {}
            transaction = Transaction.objects.get(number=number)
            assert transaction.energy_wh in (None, 0)
            assert transaction.anomalies
            assert json.loads(transaction.raw_stop)["meterStop"] == stop


async def test_attack_09_a_reused_message_id_with_other_content_is_another_message(house: House):
    async with cp16(house) as charger:
        claim: dict[str, Any] = {"connectorId": 1, "idTag": "ALICE", "meterStart": 0, "timestamp": stamp()}
        first = await charger.wire.call("StartTransaction", claim, "same")
        second = await charger.wire.call("StartTransaction", claim | {"connectorId": 2}, "same")
        assert first[2]["transactionId"] != second[2]["transactionId"]
        number = first[2]["transactionId"]
        stop = {"transactionId": number, "meterStop": 7, "timestamp": stamp()}
        assert (await charger.wire.call("StopTransaction", stop, "same"))[0] == 3
        assert (await charger.wire.call("Authorize", {"idTag": "ALICE"}, "same"))[2]["idTagInfo"]
        assert [t.status for t in transactions(charger)] == ["ended", "active"]


async def test_attack_04_another_charge_points_transaction_cannot_be_touched(house: House):
    async with cp16(house) as victim, cp16(house) as charlie:
        number = (await victim.start(timestamp=at(minutes=9)))["transactionId"]
        assert await charlie.stop(number, 99_999, idTag="ALICE", reason="DeAuthorized") == {
            "idTagInfo": {"status": "Accepted"}
        }
        sample = {"timestamp": stamp(), "sampledValue": [{"value": "99999"}]}
        await charlie.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [sample]})
        (mine,) = transactions(victim)
        assert (mine.status, mine.energy_wh, mine.anomalies) == ("active", None, [])
        (stray,) = transactions(charlie)
        assert (stray.orphan, stray.claimed_transaction_id) == (True, str(number))
        assert MeterValue.objects.get(charge_point=charlie.row).transaction_id is None
        await victim.stop(number, 500)
        assert transactions(victim)[0].energy_wh == 500


async def test_attack_04_minus_one_never_reaches_another_charge_point(house: House):
    async with cp16(house) as victim, cp16(house) as charlie:
        await victim.start()
        await charlie.stop(-1, idTag="ALICE")
        assert transactions(victim)[0].status == "active"
        assert transactions(charlie)[0].orphan


HOSTILE_TAGS = [
    "X" * 21,
    "X" * 100_000,
    "\u0416" * 20,
    "\U0001f50c" * 300,
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "%00%0a{{7*7}}",
    "\u0000\u0001\u001b[2J",
    "\u202eECILA",
    "ALICE\u200b",
    "\ufb03" * 255,
]


async def test_attack_03_hostile_tags_are_invalid_and_harmless(house: House):
    async with cp16(house) as charger:
        for connector, tag in enumerate(HOSTILE_TAGS, start=1):
            assert (await charger.authorize(tag))["status"] == "Invalid", tag[:30]
            answer = await charger.start(tag, connector)
            assert answer["idTagInfo"]["status"] == "Invalid", tag[:30]
            await charger.stop(answer["transactionId"], idTag=tag)
        assert all(t.status == "ended" for t in transactions(charger))
        assert all(len(t.id_token) <= 255 for t in transactions(charger))


async def test_attack_10_duplicate_members_mean_one_thing_only(house: House):
    """The last member counts, for the answer and for what is stored alike: nobody can show one and store another."""
    async with cp16(house) as charger:
        time = stamp()
        await charger.wire.send(
            '[2,"dup","StartTransaction",{"connectorId":1,"idTag":"NOBODY","idTag":"ALICE",'
            f'"meterStart":9,"meterStart":5,"timestamp":"{time}"}}]'
        )
        frame = await charger.wire.receive()
        assert (frame[0], frame[2]["idTagInfo"]) == (3, {"status": "Accepted"})
        number = frame[2]["transactionId"]
        await charger.wire.send(
            f'[2,"dup2","StopTransaction",{{"transactionId":1,"transactionId":{number},'
            f'"meterStop":7,"timestamp":"{time}","extra":{{"extra":1,"extra":2}}}}]'
        )
        assert (await charger.wire.receive())[:2] == [3, "dup2"]
        (transaction,) = transactions(charger)
        assert (transaction.id_token, transaction.meter_start_wh, transaction.energy_wh) == ("ALICE", 5, 2)
        assert "NOBODY" not in transaction.raw_start


async def test_attack_14_a_flood_of_unknown_tags_does_not_fill_the_store(house: House, monkeypatch):
    here = UnknownToken.objects.count()
    monkeypatch.setattr(tokens, "UNKNOWN_MAX", here + 3)
    async with cp16(house) as charger:
        for n in range(6):
            assert (await charger.start(f"RANDOM{n}", n + 1))["transactionId"] > 0
        assert UnknownToken.objects.count() == here + 3
