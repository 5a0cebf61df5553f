"""Quirk X4: an end that nobody tells is inferred after a grace, and the real one replaces it when it comes."""

from datetime import timedelta

import pytest

from chargers.models import ChargePoint
from tests.support.house import settings_are
from tests.transactions.cast import NOON, Wireless, at, token
from transactions.ending import infer_ends
from transactions.models import ANOMALIES, EVIDENCE, Transaction
from transactions.overview import charging_figures

pytestmark = pytest.mark.django_db
GRACE = 15  # minutes, the default


def status(cp16: Wireless, word: str, received: float, connector: int = 1, time: str = "") -> None:
    report = {"connectorId": connector, "status": word, "errorCode": "NoError"}
    cp16.say("StatusNotification", report | {"timestamp": time or at(received)}, received)


def close(minutes: float) -> int:
    return infer_ends(now=NOON + timedelta(minutes=minutes))


@pytest.mark.parametrize(("word", "evidence"), [("Available", "available"), ("Finishing", "finishing")])
def test_x4_a_free_connector_closes_it_after_the_grace_and_not_before(cp16, word, evidence):
    number = cp16.start()["transactionId"]
    cp16.meter(2500, number, received=18)
    status(cp16, word, 20)
    assert cp16.only.status == "active", "S16-17: never by the status alone"
    assert close(20 + GRACE - 1) == 0
    assert cp16.only.status == "active"
    assert close(20 + GRACE) == 1
    closed = cp16.only
    assert (closed.status, closed.end_source, closed.end_evidence) == ("ended", "inferred", evidence)
    assert closed.stopped_at == NOON + timedelta(minutes=20)
    assert (closed.meter_stop_wh, closed.energy_wh) == (2500, 1500)
    assert closed.anomalies == ["stop_inferred"]
    assert (closed.stop_received_at, closed.raw_stop) == (None, "")
    (told,) = cp16.told("tx.stopped")
    assert (told["source"], told["evidence"], told["consumed_wh"]) == ("inferred", evidence, 1500)
    assert close(99) == 0, "once"


def test_x4_the_real_end_replaces_the_inferred_one_and_both_are_kept(cp16):
    number = cp16.start()["transactionId"]
    cp16.meter(2500, number, received=18)
    status(cp16, "Available", 20)
    close(60)
    assert cp16.stop(number, time=at(19), received=90, meterStop=2600, reason="EVDisconnected") == {}
    whole = cp16.only
    assert (whole.status, whole.end_source, whole.stop_reason) == ("ended", "reported", "EVDisconnected")
    assert whole.stopped_at == NOON + timedelta(minutes=19)
    assert (whole.meter_stop_wh, whole.energy_wh) == (2600, 1600)
    assert whole.anomalies == ["stop_replaced"]
    assert (whole.inferred_end["energy_wh"], whole.inferred_end["evidence"]) == (1500, "available")
    assert len(cp16.told("tx.stopped")) == 1
    (told,) = cp16.told("tx.stop_replaced")
    assert (told["consumed_wh"], told["inferred"]["energy_wh"], told["source"]) == (1600, 1500, "reported")
    cp16.stop(number, time=at(19), received=91, meterStop=2600, reason="EVDisconnected")
    assert len(cp16.told("tx.stop_replaced")) == 1, "a repeat says nothing new"
    cp16.stop(number, time=at(25), received=92, meterStop=9999)
    assert cp16.only.energy_wh == 1600
    assert "stop_differs" in cp16.only.anomalies


def test_x4_the_real_end_is_found_without_its_id(cp16):
    number = cp16.start()["transactionId"]
    status(cp16, "Available", 20)
    close(60)
    cp16.stop(-1, idTag="alice", time=at(19), received=90)
    assert cp16.only.number == number
    assert cp16.only.anomalies == ["matched_by_evidence", "stop_replaced"]


def test_x5_a_status_before_the_stop_is_no_oddity(cp16):
    number = cp16.start()["transactionId"]
    status(cp16, "Finishing", 29)
    status(cp16, "Available", 29.5)
    cp16.stop(number)
    assert (cp16.only.anomalies, cp16.only.end_evidence, cp16.only.end_seen_at) == ([], "", None)
    assert close(120) == 0


def test_it_goes_on_when_the_connector_charges_again(cp16):
    cp16.start()
    status(cp16, "Available", 10)
    status(cp16, "SuspendedEV", 11)
    assert close(120) == 0
    assert cp16.only.end_seen_at is None


def test_it_goes_on_while_its_meter_counts(cp16):
    number = cp16.start()["transactionId"]
    cp16.meter(2000, number, received=5)
    status(cp16, "Available", 10)
    cp16.meter(2600, number, received=15)
    assert close(60) == 0
    assert (cp16.only.status, cp16.only.end_seen_at) == ("active", None)


def test_other_connectors_the_station_itself_and_old_reports_are_no_evidence(cp16):
    cp16.start()
    status(cp16, "Available", 10, connector=2)
    status(cp16, "Available", 10, connector=0)
    status(cp16, "Charging", 12)
    status(cp16, "Available", 13, time=at(-5))  # S16-15: told late, from before
    status(cp16, "Faulted", 14)
    status(cp16, "Unavailable", 15)
    assert close(24 * 60) == 0


def test_the_next_start_closes_it_when_it_began(cp16):
    cp16.start()
    second = cp16.start(time=at(30), received=30)["transactionId"]
    assert close(30 + GRACE - 1) == 0
    assert close(30 + GRACE) == 1
    one, two = cp16.transactions
    assert (one.status, one.end_evidence, one.stopped_at) == (
        "ended",
        "next_start",
        NOON + timedelta(minutes=30),
    )
    assert one.energy_wh is None, "no reading tells, and nothing is invented"
    assert one.anomalies == ["superseded", "stop_inferred"]
    assert (two.number, two.status) == (second, "active")


def test_a_long_silence_closes_it_at_its_last_reading(cp16):
    number = cp16.start()["transactionId"]
    cp16.meter(2500, number, received=18)
    ChargePoint.objects.filter(pk=cp16.row.pk).update(last_seen_at=NOON + timedelta(minutes=18))
    assert close(71 * 60) == 0
    assert close(72 * 60 + 19) == 1
    closed = cp16.only
    assert (closed.end_evidence, closed.stopped_at) == ("silence", NOON + timedelta(minutes=18))
    assert closed.energy_wh == 1500


@pytest.mark.parametrize(
    "off", [{"CSMS_INFERRED_END_GRACE": "0"}, {"CSMS_INFERRED_END_GRACE": "86400"}], ids=str
)
def test_the_grace_is_a_setting(cp16, off):
    cp16.start()
    status(cp16, "Available", 20)
    with settings_are(**off):
        assert close(60) == 0


def test_silence_is_a_setting(cp16):
    cp16.start()
    ChargePoint.objects.filter(pk=cp16.row.pk).update(last_seen_at=NOON)
    with settings_are(CSMS_INFERRED_END_SILENCE_HOURS="0"):
        assert close(10_000 * 60) == 0


def test_a_replayed_start_without_its_end_is_closed_as_the_connector_is_free(cp16):
    status(cp16, "Available", 300)  # it is back online, and says what is now
    cp16.start(time=at(0), received=301)
    assert cp16.only.end_evidence == "available"
    assert close(301 + GRACE) == 1


def test_a_start_that_comes_after_the_next_one_does_not_count_as_charging(cp16):
    cp16.start(time=at(60), received=60)
    cp16.start(time=at(0), received=61)
    late = Transaction.objects.get(started_at=NOON)
    assert (late.superseded, late.end_evidence) == (True, "next_start")
    cp16.stop(late.number, time=at(30), received=62)
    late.refresh_from_db()
    assert (late.status, late.end_source, late.energy_wh) == ("ended", "reported", 4000)
    assert late.anomalies == [], "nothing was odd, it only came late"


def test_what_seems_to_be_over_locks_nobody_out(cp16):
    token("ONE", max_active=1)
    cp16.start(idTag="ONE")
    refused = cp16.start(idTag="ONE", connectorId=2, received=1)
    assert refused["idTagInfo"]["status"] == "ConcurrentTx"
    status(cp16, "Available", 20)
    assert cp16.start(idTag="ONE", connectorId=2, received=21)["idTagInfo"]["status"] == "Accepted"


def test_what_seems_to_be_over_does_not_charge(cp16):
    cp16.start()
    assert charging_figures(now=NOON, since=NOON).active == 1
    status(cp16, "Available", 20)
    assert charging_figures(now=NOON, since=NOON).active == 0


def test_a_late_reading_of_a_closed_transaction_is_kept_with_it(cp16):
    number = cp16.start()["transactionId"]
    status(cp16, "Available", 20)
    close(60)
    cp16.meter(2400, number, time=at(15), received=90)
    assert cp16.readings[0].transaction_id == cp16.only.pk


def test_every_evidence_and_every_anomaly_has_words_for_people():
    assert all(text.endswith(".") for text in [*EVIDENCE.values(), *ANOMALIES.values()])
