"""What the meter's register says at the start, in between and at the end, and what is made of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.transactions.cast import NOON, UNSET, at, sample
from transactions.overview import charging_figures

pytestmark = pytest.mark.django_db


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
        {"value": "12.5", "measurand": "Request.Energy", "unit": "Hz", "location": "ü"},
        {"value": " '7' ", "unit": "kWh"},
    ]
    cp16.say("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": at(), "sampledValue": odd}]})
    (reading,) = cp16.readings
    assert reading.energy_wh == 7000
    assert json.loads(reading.samples) == odd
