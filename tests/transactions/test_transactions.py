"""Promise 2: a transaction is never lost and never invented, in whatever order and how often it is told."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.transactions.cast import NOON, Wireless, at, token
from transactions.models import ANOMALIES, Transaction
from transactions.overview import charging_figures
from transactions.services import DIFFERING_STOPS_MAX

pytestmark = pytest.mark.django_db


@pytest.fixture
def cp16() -> Wireless:
    token()
    return Wireless()


def test_a_transaction_from_start_to_stop(cp16):
    answer = cp16.start()
    number = answer["transactionId"]
    assert answer["idTagInfo"] == {"status": "Accepted"}
    assert 0 < number < 2**31
    cp16.meter(2000, number)
    assert cp16.stop(number) == {}
    transaction = cp16.only
    assert transaction.status == Transaction.Status.ENDED
    assert (transaction.meter_start_wh, transaction.meter_stop_wh, transaction.energy_wh) == (
        1000,
        5000,
        4000,
    )
    assert (transaction.started_at, transaction.stopped_at) == (NOON, NOON + timedelta(minutes=30))
    assert transaction.stop_reason == "Local"  # S16-07
    assert transaction.anomalies == []
    assert cp16.readings[0].transaction_id == transaction.pk
    (stopped,) = cp16.told("tx.stopped")
    assert (stopped["transaction_id"], stopped["consumed_wh"]) == (str(number), 4000)


def test_ids_are_random_and_never_used_twice(cp16):
    numbers = [cp16.start(at(n))["transactionId"] for n in range(50)]
    assert len(set(numbers)) == 50
    assert sorted(numbers) != numbers


# --- the same again ------------------------------------------------------------


@pytest.mark.parametrize("tag", ["ALICE", "alice"])
def test_x1_a_repeated_start_gets_the_same_id_and_the_same_verdict(cp16, tag):
    token("BOB", max_active=1)
    first = cp16.start(idTag="BOB")
    cp16.reconnect()
    assert cp16.start(received=9, time=at(0), idTag="BOB") == first, "not ConcurrentTx because of itself"
    assert len(cp16.told("tx.started")) == 1
    other = cp16.start(at(1))
    assert cp16.start(at(1), idTag=tag)["transactionId"] == other["transactionId"]
    assert len(cp16.transactions) == 2


def test_a_start_replayed_after_the_stop_starts_nothing(cp16):
    number = cp16.start()["transactionId"]
    cp16.stop(number)
    assert cp16.start()["transactionId"] == number
    assert cp16.only.status == Transaction.Status.ENDED
    assert cp16.only.energy_wh == 4000
    assert len(cp16.told("tx.started")) == 1


def test_a_repeated_stop_changes_nothing(cp16):
    number = cp16.start()["transactionId"]
    cp16.stop(number, idTag="ALICE")
    assert cp16.stop(number, idTag="ALICE", time=at(30), received=99) == {"idTagInfo": {"status": "Accepted"}}
    assert cp16.only.stop_received_at == NOON + timedelta(minutes=30)
    assert len(cp16.told("tx.stopped")) == 1
    assert cp16.only.anomalies == []


def test_a_second_and_different_stop_leaves_the_first_and_says_so(cp16):
    number = cp16.start()["transactionId"]
    cp16.stop(number, transactionData=[sample(1500, 5)])
    for again in range(3):
        cp16.reconnect()
        late = {"meterStop": 9999, "time": at(40), "transactionData": [sample(9000, 39)]}
        cp16.stop(number, received=40 + again, **late)
        cp16.stop(number, time=at(30), received=50, transactionData=[sample(1500, 5)])
    cp16.stop(number, received=60, meterStop=7777, reason="EVDisconnected")
    transaction = cp16.only
    assert (transaction.energy_wh, transaction.stop_reason) == (4000, "Local")
    assert transaction.stopped_at == NOON + timedelta(minutes=30)
    assert transaction.anomalies == ["stop_differs"]
    assert len(cp16.told("tx.stopped")) == 1
    assert [c["meterStop"] for c in json.loads(transaction.raw_stop)] == [5000, 9999, 7777]
    assert [e["meter_stop_wh"] for e in cp16.told("tx.stop_differs")] == [9999, 7777]
    assert [(r.energy_wh, r.transaction_id) for r in cp16.readings] == [
        (1500, transaction.pk),
        (9000, transaction.pk),
    ]


def test_a_station_that_claims_another_end_each_time_does_not_fill_the_store(cp16):
    number = cp16.start()["transactionId"]
    for minute in range(30, 60):
        assert cp16.stop(number, received=minute) == {}
    assert len(json.loads(cp16.only.raw_stop)) == 1 + DIFFERING_STOPS_MAX
    assert len(cp16.told("tx.stop_differs")) == DIFFERING_STOPS_MAX


def test_the_readings_of_a_repeated_stop_are_not_stored_again(cp16):
    number = cp16.start()["transactionId"]
    data = [{"timestamp": at(5), "sampledValue": [{"value": "1500"}]}]
    for _ in range(2):
        cp16.stop(number, transactionData=data)
    assert [r.energy_wh for r in cp16.readings] == [1500]
    assert cp16.readings[0].transaction_id == cp16.only.pk


# --- clocks ------------------------------------------------------------

UNSET = ["1970-01-01T00:00:13Z", "", "not a time", "1000000", "222222017-10-27T19:10:11Z"]


@pytest.mark.parametrize("time", UNSET)
def test_a_clock_that_was_never_set_still_makes_one_transaction_of_repeats(cp16, time):
    said = {"timestamp": time}
    first = cp16.start(received=0, **said)["transactionId"]
    cp16.reconnect()
    assert cp16.start(received=1, **said)["transactionId"] == first
    assert cp16.only.started_at == NOON
    assert cp16.only.anomalies == ["start_time_unusable"]
    cp16.stop(first, timestamp=time, received=20)
    assert cp16.only.stopped_at == NOON + timedelta(minutes=20)
    # After its end the same words are the next car's, and again they may come twice.
    second = cp16.start(received=60, **said)["transactionId"]
    assert second != first
    assert cp16.start(received=61, **said)["transactionId"] == second
    assert len(cp16.transactions) == 2


def test_a_clock_that_is_ahead_is_not_believed_and_its_replays_are_known(cp16):
    number = cp16.start(time=at(24 * 60))["transactionId"]
    assert cp16.only.started_at == NOON
    cp16.stop(number, time=at(25 * 60))
    transaction = cp16.only
    assert transaction.stopped_at == NOON + timedelta(minutes=30)
    assert transaction.anomalies == ["start_time_unusable", "stop_time_unusable"]
    assert cp16.start(time=at(24 * 60), received=40)["transactionId"] == number
    assert len(cp16.transactions) == 1


@pytest.mark.parametrize(
    ("time", "read"),
    [
        ("2026-11-20T10:00:00", "10:00"),
        ("2026-11-20T10:00:00+02", "08:00"),
        ("2026-11-20T10:00:00.123456789-01:00", "11:00"),
        ("2026-11-20 10:00:00Z", "10:00"),
    ],
)
def test_v4_odd_forms_of_time_are_read(cp16, time, read):
    cp16.start(time=time)
    assert f"{cp16.only.started_at:%H:%M}" == read


def test_an_end_dated_before_its_start_ends_it_when_it_came(cp16):
    number = cp16.start()["transactionId"]
    cp16.stop(number, time=at(-60))
    assert cp16.only.stopped_at == NOON + timedelta(minutes=30)
    assert cp16.only.anomalies == ["stop_before_start"]
    assert cp16.only.duration_seconds == 1800


def test_a_start_of_last_week_stands_by_its_own_time(cp16):
    number = cp16.start(time=at(-7 * 24 * 60))["transactionId"]
    cp16.stop(number, time=at(-7 * 24 * 60 + 45))
    assert cp16.only.duration_seconds == 45 * 60
    assert cp16.only.anomalies == []


# --- meters ------------------------------------------------------------


def test_v7_a_stop_below_its_start_bills_the_last_reading_and_keeps_the_claim(cp16):
    number = cp16.start()["transactionId"]
    cp16.meter(3500, number)
    cp16.meter(2500, number, received=5)  # came later, was measured before
    cp16.stop(number, meterStop=10)
    assert (cp16.only.meter_stop_wh, cp16.only.energy_wh) == (10, 2500)
    assert cp16.only.anomalies == ["meter_stop_below_start"]


def test_energy_is_never_negative(cp16):
    number = cp16.start()["transactionId"]
    cp16.stop(number, meterStop=10)
    assert cp16.only.energy_wh == 0


def test_a_stop_without_a_meter_takes_the_last_reading(cp16):
    number = cp16.start()["transactionId"]
    cp16.meter(1800, number)
    cp16.say("StopTransaction", {"transactionId": number, "timestamp": at(30)}, 30)
    assert cp16.only.energy_wh == 800
    assert cp16.only.anomalies == ["meter_stop_missing"]


def sample(wh: int, minutes: float, context: str = "Sample.Periodic") -> dict:
    return {"timestamp": at(minutes), "sampledValue": [{"value": str(wh), "context": context}]}


@pytest.mark.parametrize(
    ("data", "energy"),
    [
        ([sample(1800, 10), sample(2600, 20)], 1600),
        ([sample(2600, 20), sample(1800, 10)], 1600),
        ([sample(3000, 30, "Transaction.End"), sample(2600, 20)], 2000),
        ([sample(3000, 29, "Transaction.End"), sample(2600, 30)], 2000),
        ([sample(0, 29), sample(1100, 1)], 500),  # older than what was stored, or reset
        ([{"timestamp": "", "sampledValue": [{"value": "2", "unit": "kWh"}]}], 1000),
    ],
)
def test_a_stop_without_a_meter_takes_the_register_of_its_own_readings(cp16, data, energy):
    number = cp16.start()["transactionId"]
    cp16.meter(1500, number, received=5)
    said = {"transactionId": number, "timestamp": at(30), "transactionData": data}
    cp16.say("StopTransaction", said, 30)
    assert (cp16.only.meter_stop_wh, cp16.only.energy_wh) == (1000 + energy, energy)
    fell = ["meter_fell"] if data[0] == sample(0, 29) else []
    assert cp16.only.anomalies == ["meter_stop_missing", *fell]
    assert len(cp16.readings) == 1 + len(data)


def test_a_stop_below_its_start_bills_the_last_reading_that_it_brings(cp16):
    number = cp16.start()["transactionId"]
    cp16.stop(number, meterStop=10, transactionData=[sample(2200, 29), sample(10, 30, "Transaction.End")])
    assert (cp16.only.meter_stop_wh, cp16.only.energy_wh) == (10, 1200)


ABSURD = 9 * 10**18  # fits the column, but not every sum


@pytest.mark.parametrize(("start", "stop"), [(-ABSURD, ABSURD), (ABSURD, -ABSURD), (-ABSURD, 1e30)])
def test_registers_that_no_meter_counts_are_kept_as_claims_only(cp16, start, stop):
    number = cp16.start(meterStart=start)["transactionId"]
    cp16.stop(number, meterStop=stop)
    transaction = cp16.only
    assert (transaction.meter_start_wh, transaction.meter_stop_wh, transaction.energy_wh) == (None,) * 3
    assert transaction.anomalies == ["meter_unbelievable"]
    assert json.loads(transaction.raw_start)["meterStart"] == start
    assert json.loads(transaction.raw_stop)["meterStop"] == stop
    assert cp16.start(meterStart=start)["transactionId"] == number, (
        "a repeat is still known by what it claims"
    )


def test_a_stop_at_an_absurd_register_is_billed_by_the_last_reading(cp16):
    number = cp16.start()["transactionId"]
    cp16.meter(1800, number)
    cp16.stop(number, meterStop=ABSURD)
    assert (cp16.only.meter_stop_wh, cp16.only.energy_wh) == (1800, 800)
    assert cp16.only.anomalies == ["meter_unbelievable"]


@pytest.mark.parametrize("stop", [ABSURD, -ABSURD])
def test_an_absurd_register_is_no_evidence_either_way(cp16, stop):
    cp16.start()
    cp16.stop(-1, meterStop=stop)
    assert (cp16.only.status, cp16.only.orphan) == ("ended", False)


@pytest.mark.parametrize("stop", [ABSURD, -ABSURD])
def test_an_orphan_at_an_absurd_register_is_kept(cp16, stop):
    cp16.stop(4711, meterStop=stop)
    assert (cp16.only.orphan, cp16.only.meter_stop_wh) == (True, None)
    assert cp16.only.anomalies == ["start_lost", "meter_unbelievable"]


# --- which transaction is meant ------------------------------------------------------------


@pytest.mark.parametrize("claimed", [-1, 0])
def test_x2_a_stop_without_an_id_ends_the_transaction_that_it_must_mean(cp16, claimed):
    number = cp16.start()["transactionId"]
    other = cp16.start(connectorId=2, idTag="BOB", meterStart=9000)["transactionId"]
    cp16.stop(claimed, idTag="alice", meterStop=9500)
    one, two = cp16.transactions
    assert (one.number, one.status, two.number, two.status) == (number, "ended", other, "active")
    assert one.anomalies == ["matched_by_evidence"]
    assert one.claimed_transaction_id == str(claimed)
    cp16.stop(claimed, idTag="alice", meterStop=9500)  # a repeat must not end the other one
    assert cp16.transactions[1].status == "active"
    assert len(cp16.told("tx.stopped")) == 1


def test_a_stop_that_could_mean_either_ends_neither(cp16):
    cp16.start(connectorId=1)
    cp16.start(connectorId=2)
    cp16.stop(-1)
    *started, orphan = cp16.transactions
    assert {t.status for t in started} == {"active"}
    assert orphan.orphan
    assert orphan.claimed_transaction_id == "-1"


def test_s16_05_an_end_before_its_start_is_adopted_by_it(cp16):
    cp16.stop(-1, idTag="alice", time=at(30), received=60)
    orphan = cp16.only
    assert (orphan.orphan, orphan.status, orphan.anomalies) == (True, "ended", ["start_lost"])
    answer = cp16.start(time=at(0), received=61)
    whole = cp16.only
    assert answer["transactionId"] == whole.number
    assert (whole.orphan, whole.status, whole.energy_wh) == (False, "ended", 4000)
    assert whole.anomalies == ["start_after_stop"]
    assert cp16.start(time=at(0), received=62) == answer
    assert len(cp16.told("tx.started")) == len(cp16.told("tx.stopped")) == 1


def test_a_start_after_a_lost_one_is_not_swallowed_by_its_orphan(cp16):
    """The register stood still between two cars; only the clock and the meter tell them apart."""
    cp16.stop(-1, timestamp="", meterStop=5000, received=60)  # when it ended is not known
    answer = cp16.start(time=at(50), received=61, meterStart=5000)
    orphan, second = cp16.transactions
    assert orphan.orphan
    assert (second.number, second.status) == (answer["transactionId"], "active")


def test_x3_an_unknown_id_becomes_an_orphan_with_its_raw_claim(cp16):
    assert cp16.stop(4711, idTag="ALICE") == {"idTagInfo": {"status": "Accepted"}}
    cp16.stop(4711, idTag="ALICE")
    orphan = cp16.only
    assert orphan.orphan
    assert orphan.claimed_transaction_id == "4711"
    assert '"transactionId":4711' in orphan.raw_stop
    assert orphan.number != 4711
    (told,) = cp16.told("tx.stopped")
    assert told["orphan"] is True


def test_another_charge_points_id_never_ends_its_transaction(cp16):
    number = cp16.start()["transactionId"]
    charlie = Wireless("CHARLIE")
    charlie.stop(number)
    charlie.meter(99, number)
    assert cp16.only.status == "active"
    assert charlie.only.orphan
    assert charlie.readings[0].transaction_id is None
    assert charlie.readings[0].claimed_transaction_id == str(number)


def test_a_second_start_on_the_connector_keeps_both_and_flags_them(cp16):
    first = cp16.start()["transactionId"]
    second = cp16.start(time=at(5), received=5)["transactionId"]
    one, two = cp16.transactions
    assert {one.number, two.number} == {first, second}
    assert one.anomalies == ["superseded"]
    assert two.anomalies == ["started_on_busy_connector"]
    cp16.stop(first)
    assert [t.status for t in cp16.transactions] == ["ended", "active"]


# --- readings ------------------------------------------------------------


@pytest.mark.parametrize("claimed", [0, -1])
def test_x2b_readings_without_an_id_belong_to_the_open_transaction_of_the_connector(cp16, claimed):
    number = cp16.start()["transactionId"]
    cp16.start(connectorId=2)
    cp16.meter(1500, claimed)
    cp16.meter(1500, claimed, connectorId=7)
    mine, strange = cp16.readings
    assert mine.transaction.number == number
    assert strange.transaction_id is None


def test_x2b_readings_without_an_id_are_not_of_a_transaction_whose_end_was_lost(cp16):
    cp16.start()
    number = cp16.start(time=at(5), received=5)["transactionId"]
    cp16.meter(1500, 0)
    assert cp16.readings[0].transaction.number == number


def power(wh: int, watts: int, minutes: float) -> dict:
    values = [{"value": str(wh)}, {"value": str(watts), "measurand": "Power.Active.Import"}]
    return {"timestamp": at(minutes), "sampledValue": values}


def test_the_figures_of_now_leave_out_what_was_superseded(cp16, django_assert_num_queries):
    def figures(since: float) -> tuple:
        with django_assert_num_queries(2):
            now = charging_figures(now=datetime.now(UTC), since=NOON + timedelta(minutes=since))
        return now.active, now.power_w, now.started, now.energy_wh

    assert figures(0) == (0, None, 0, 0)
    lost = cp16.start()["transactionId"]
    cp16.meter(0, lost, meterValue=[power(1700, 5000, 1)])
    assert figures(0) == (1, 5000, 1, 700)
    number = cp16.start(time=at(5), received=5)["transactionId"]
    cp16.meter(0, number, meterValue=[power(3000, 7000, 6)])
    cp16.start(time=at(6), received=6, connectorId=2)  # has reported nothing yet
    below = cp16.start(time=at(7), received=7, connectorId=3)["transactionId"]
    cp16.meter(0, below, meterValue=[power(10, 100, 8)])
    ended = cp16.start(time=at(8), received=8, connectorId=4)["transactionId"]
    cp16.stop(ended)
    assert figures(0) == (3, 7100, 5, 700 + 2000 + 4000), "what was delivered was delivered"
    assert figures(5) == (3, 7100, 4, 2000 + 4000)


def test_s16_12_readings_after_the_stop_are_kept_with_their_transaction(cp16):
    number = cp16.start()["transactionId"]
    cp16.stop(number)
    cp16.meter(4900, number, received=31, time=at(29))
    assert cp16.readings[0].transaction_id == cp16.only.pk
    assert cp16.only.energy_wh == 4000, "what was settled is not billed twice"


def test_s16_09_readings_without_a_transaction_are_kept(cp16):
    cp16.meter(77)
    cp16.meter(78, connectorId=0)
    assert [(r.energy_wh, r.transaction_id, r.connector_number) for r in cp16.readings] == [
        (77, None, 1),
        (78, None, 0),
    ]


def test_a_reading_has_the_time_of_its_receipt_when_its_own_cannot_be(cp16):
    for time in (*UNSET, at(24 * 60)):
        cp16.meter(1, time=time)
    assert {r.sampled_at for r in cp16.readings} == {NOON + timedelta(minutes=10)}


def test_every_sample_is_kept_as_it_came(cp16):
    odd = [
        {"value": "12.5", "measurand": "Request.Energy", "unit": "Hz", "note": "ü"},
        {"value": " '7' ", "unit": "kWh"},
    ]
    cp16.say("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": at(), "sampledValue": odd}]})
    (reading,) = cp16.readings
    assert reading.energy_wh == 7000
    assert json.loads(reading.samples) == odd


# --- tokens ------------------------------------------------------------


def verdict(cp16: Wireless, tag: str) -> dict:
    return cp16.say("Authorize", {"idTag": tag})["idTagInfo"]


def test_verdicts_on_tokens(cp16):
    token("BLOCKED", blocked=True)
    token("EXPIRED", expires_at=NOON)
    token("GROUP", parent="FAMILY", expires_at=NOON + timedelta(days=1))
    assert verdict(cp16, "alice") == {"status": "Accepted"}
    assert verdict(cp16, "BLOCKED") == {"status": "Blocked"}
    assert verdict(cp16, "EXPIRED") == {"status": "Expired", "expiryDate": "2026-11-20T12:00:00.000Z"}
    assert verdict(cp16, "NOBODY") == {"status": "Invalid"}
    assert verdict(cp16, "INVALIDLY-NAMED") == {"status": "Invalid"}
    group = {"status": "Accepted", "parentIdTag": "FAMILY", "expiryDate": "2026-11-21T12:00:00.000Z"}
    assert verdict(cp16, "GROUP") == group
    assert cp16.start(idTag="GROUP")["idTagInfo"] == group


@pytest.mark.parametrize("tag", ["BLOCKED", "NOBODY", "", "Ж" * 20])
def test_s16_02_a_refused_token_gets_a_transaction_all_the_same(cp16, tag):
    token("BLOCKED", blocked=True)
    answer = cp16.start(idTag=tag)
    assert answer["idTagInfo"]["status"] != "Accepted"
    assert cp16.stop(answer["transactionId"], reason="DeAuthorized") == {}
    assert (cp16.only.status, cp16.only.stop_reason) == ("ended", "DeAuthorized")


def test_unknown_tokens_are_welcome_when_the_settings_say_so(cp16):
    from tests.support.house import settings_are

    with settings_are(CSMS_UNKNOWN_ID_TAGS="accept"):
        assert verdict(cp16, "NOBODY") == {"status": "Accepted"}
        assert verdict(cp16, " ") == {"status": "Invalid"}


def test_concurrent_tx_counts_the_transactions_that_were_allowed(cp16):
    token("ONE", max_active=1)
    first = cp16.start(idTag="ONE")
    assert first["idTagInfo"]["status"] == "Accepted"
    refused = cp16.start(idTag="one", connectorId=2)
    assert refused["idTagInfo"]["status"] == "ConcurrentTx"
    assert verdict(cp16, "ONE") == {"status": "Accepted"}  # only meaningful at a start (S16-03)
    cp16.stop(first["transactionId"])
    # The refused one may never be ended by its charge point; it must not lock its driver out.
    assert cp16.start(idTag="ONE", time=at(40), received=40)["idTagInfo"]["status"] == "Accepted"


def test_a_transaction_whose_end_was_lost_does_not_lock_its_driver_out(cp16):
    token("ONE", max_active=1)
    token("BOB")
    lost = cp16.start(idTag="ONE")["transactionId"]
    assert cp16.start(time=at(50), received=50, idTag="BOB")["idTagInfo"] == {"status": "Accepted"}
    answer = cp16.start(time=at(60), received=60, idTag="ONE", connectorId=2)
    assert answer["idTagInfo"] == {"status": "Accepted"}
    assert cp16.transactions[0].status == "active", "its end may still come"
    cp16.stop(lost, received=70)
    assert (cp16.transactions[0].status, cp16.transactions[0].energy_wh) == ("ended", 4000)


def test_the_verdict_on_the_stopping_token_only_informs(cp16):
    token("BLOCKED", blocked=True)
    number = cp16.start()["transactionId"]
    assert cp16.stop(number, idTag="BLOCKED") == {"idTagInfo": {"status": "Blocked"}}
    assert cp16.only.status == "ended"
    assert cp16.only.stop_id_token == "BLOCKED"


def test_every_anomaly_has_words_for_people(cp16):
    assert all(text.endswith(".") for text in ANOMALIES.values())


def test_a_dead_clock_and_a_lost_id_do_not_take_one_stop_for_another(cp16):
    said = {"timestamp": UNSET[0], "meterStop": 1000}
    for begun in (0, 60):
        cp16.start(received=begun, timestamp=UNSET[0])
        cp16.stop(-1, received=begun + 20, **said)
        cp16.stop(-1, received=begun + 21, **said)  # the same end, said again
        ended = [t for t in cp16.transactions if t.status == Transaction.Status.ENDED]
        assert len(ended) == len(cp16.transactions) == 1 + begun // 60
    assert not any(t.orphan for t in cp16.transactions)
