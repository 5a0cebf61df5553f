"""Promise 2: a transaction is never lost and never invented, in whatever order and how often it is told."""

import json
from datetime import timedelta

import pytest

from tests.conformance.v201.cast import ALICE as CARD
from tests.conformance.v201.cast import Session
from tests.transactions.cast import NOON, UNSET, Wireless, Wireless201, at, sample, token
from transactions.models import ANOMALIES, Transaction
from transactions.services import DIFFERING_STOPS_MAX

pytestmark = pytest.mark.django_db


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
    assert (told["orphan"], told["claimed_transaction_id"]) == (True, "4711")


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


@pytest.mark.parametrize("claimed", [17, -1])
def test_after_a_change_of_firmware_a_message_of_1_6_means_no_session_of_2_x(claimed):
    station = Wireless201()
    station.event(Session("17").started("Authorized", time=at(0), idToken=CARD, wh=1000))
    older = Wireless.__new__(Wireless)  # the same charge point, that speaks 1.6 now
    older.row = station.row
    older.reconnect()
    older.meter(2000, claimed)
    assert [row.transaction_id for row in older.readings[1:]] == [None]
    older.stop(claimed, idTag="ALICE")
    session, orphan = older.transactions
    assert (session.status, session.end_source, session.anomalies) == ("active", "", [])
    assert (orphan.orphan, orphan.claimed_transaction_id) == (True, str(claimed))
