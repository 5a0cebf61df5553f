"""What waited in a charge point before it was told, and what only seems so by a clock that is behind."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chargers.commands.ordering import SYSTEM, CommandRefused
from chargers.commands.sending import send_command
from chargers.models import ChargePoint, Command, Connector
from chargers.reservations.models import Reservation
from chargers.traits.models import ChargePointTraits
from csms.core.ids import uuid7
from tests.transactions.cast import NOON, Wireless, at
from transactions.models import MeterValue, Transaction

pytestmark = pytest.mark.django_db


def behind(charger: Wireless, minutes: float, *, measured: float = 0) -> None:
    """Its clock is so far behind, as was measured so many minutes from noon."""
    ChargePoint.objects.filter(pk=charger.row.pk).update(
        clock_skew_seconds=-60 * minutes, clock_measured_at=NOON + timedelta(minutes=measured)
    )


def ordered(charger: Wireless, id_token: str = "ALICE", *, minutes: float = -1, **params: object) -> Command:
    """A remote start that was accepted so many minutes from noon."""
    moment = NOON + timedelta(minutes=minutes)
    return Command.objects.create(
        charge_point=charger.row,
        type="remote-start",
        params={"id_token": id_token, **params},
        status=Command.Status.ACCEPTED,
        created_at=moment,
        answered_at=moment,
        expires_at=moment,
    )


def effect(command: Command) -> str:
    command.refresh_from_db()
    return command.effect


def test_a_clock_that_is_behind_makes_nothing_offline(cp16):
    behind(cp16, 60)
    number = cp16.start(time=at(-60))["transactionId"]
    cp16.meter(1500, number, time=at(-50), received=10)
    cp16.stop(number, time=at(-30), received=30)
    assert (cp16.only.offline, [r.offline for r in cp16.readings]) == (False, [False])
    assert [e["offline"] for t in ("tx.started", "tx.stopped") for e in cp16.told(t)] == [False, False]
    assert cp16.told("cp.meter")[0]["meter_values"][0]["offline"] is False


def test_what_waited_is_offline_by_a_clock_that_is_behind_too(cp16):
    behind(cp16, 60)
    number = cp16.start(time=at(-80))["transactionId"]
    cp16.meter(1500, number, time=at(-75), received=1)
    assert (cp16.only.offline, [r.offline for r in cp16.readings]) == (True, [True])


def test_a_measure_of_long_ago_says_nothing_of_the_clock(cp16):
    behind(cp16, 60, measured=-25 * 60)
    cp16.start(time=at(-60))
    assert cp16.only.offline


def test_only_what_seems_late_costs_a_look_at_the_clock_and_many_readings_cost_one(cp16):
    with CaptureQueriesContext(connection) as live:
        cp16.meter(1200, received=2)
    samples = [{"timestamp": at(-60 + n), "sampledValue": [{"value": str(n)}]} for n in range(9)]
    with CaptureQueriesContext(connection) as late:
        cp16.say("MeterValues", {"connectorId": 1, "meterValue": samples}, 3)
    looks = [query["sql"] for query in late.captured_queries if "clock_skew_seconds" in query["sql"]]
    assert len(looks) == 1
    assert not any("clock_skew_seconds" in query["sql"] for query in live.captured_queries)


def test_a_late_end_marks_a_transaction_that_began_live(cp16):
    number = cp16.start()["transactionId"]
    assert not cp16.only.offline
    cp16.stop(number, time=at(20), received=60)
    assert cp16.only.offline


def test_what_was_set_right_later_stays_as_it_was(cp16):
    behind(cp16, 60)
    cp16.start(time=at(-60))
    behind(cp16, 0)
    assert not cp16.only.offline


def test_a_free_connector_of_before_is_no_evidence_against_a_live_start(cp16):
    behind(cp16, 60)
    Connector.objects.create(
        charge_point=cp16.row, number=1, status="Available", status_at=NOON - timedelta(minutes=5)
    )
    cp16.start(time=at(-60))
    assert cp16.only.end_evidence == ""


def test_rows_of_before_are_marked_as_they_were_reckoned(cp16):
    cp16.start(time=at(-60))
    cp16.start(received=1)
    cp16.meter(1500, time=at(-60))
    Transaction.objects.update(offline=False)
    MeterValue.objects.update(offline=False)
    import_module("transactions.migrations.0005_offline").fill(apps, None)
    assert [t.offline for t in cp16.transactions] == [True, False]
    assert cp16.readings[0].offline


# --- orders and reservations, by our clock ----------------------------------------------------------------------------


def test_a_live_start_uses_its_reservation_whatever_the_clock_says(cp16):
    behind(cp16, 60)
    row = Reservation.objects.create(
        number=7,
        charge_point=cp16.row,
        connector_number=1,
        id_token="ALICE",
        expires_at=NOON + timedelta(minutes=30),
        status=Reservation.Status.ACCEPTED,
        by="alice",
        command_id=cp16.holder.connection_id,
        created_at=NOON - timedelta(minutes=5),
    )
    cp16.start(time=at(-60))
    row.refresh_from_db()
    assert (row.status, cp16.only.reservation_id, cp16.only.anomalies) == ("used", 7, [])


@pytest.mark.parametrize(("told", "sent"), [("2069C021", "20:69:c0:21"), ("20:69:C0:21", "2069c021")])
def test_a_remote_start_is_seen_to_work_in_whatever_form_the_card_is_written(cp16, told, sent):
    command = ordered(cp16, told)
    cp16.start(idTag=sent)
    assert (effect(command), command.effect_subject) == ("The transaction started.", str(cp16.only.pk))


def test_a_live_start_is_the_effect_of_the_order_whatever_the_clock_says(cp16):
    behind(cp16, 60)
    command = ordered(cp16)
    cp16.start(time=at(-60))
    assert effect(command) == "The transaction started."


def test_a_start_of_before_the_order_is_not_its_effect(cp16):
    command = ordered(cp16)
    cp16.start(time=at(-60))
    assert effect(command) == ""


def test_a_start_hours_later_is_another_visit(cp16):
    command = ordered(cp16, minutes=-180)
    cp16.start()
    assert effect(command) == ""


def test_the_newest_order_has_the_transaction_and_an_older_one_keeps_none(cp16):
    older, newer = ordered(cp16, minutes=-3), ordered(cp16, minutes=-2)
    cp16.start()
    assert (effect(older), effect(newer)) == ("", "The transaction started.")


def test_the_rest_of_a_model_after_an_end_counts_by_our_clock(cp16):
    behind(cp16, 60)
    ChargePoint.objects.filter(pk=cp16.row.pk).update(connection_id=uuid7(), protocol="ocpp1.6")
    cp16.row.refresh_from_db()
    ChargePointTraits.objects.create(charge_point=cp16.row, traits={"restart_pause": 300}, changed_at=NOON)
    number = cp16.start(time=at(-70), received=-10)["transactionId"]
    cp16.stop(number, time=at(-60), received=0)
    start = {"id_token": "ALICE"}
    with pytest.raises(CommandRefused, match="try again in 240 s"):
        send_command(cp16.row, "remote-start", start, author=SYSTEM, now=NOON + timedelta(minutes=1))
    assert send_command(cp16.row, "remote-start", start, author=SYSTEM, now=NOON + timedelta(minutes=6))
