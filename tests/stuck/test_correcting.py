"""Stuck sessions are put right by people: nothing is lost, nothing invented, and the charge point has the last word."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.models import Command
from csms.core.audit.selectors import done_to
from csms.core.refusals import NotNow
from tests.stuck.cast import ALICE, Step, do, gone, kinds, later, open_session, status, words
from tests.transactions.cast import Wireless, at
from transactions.models import MeterValue, Transaction
from transactions.stuck import cases as desk
from transactions.stuck.cases import DISMISSED_FOR, case_of, cases, unmatched_case
from transactions.stuck.counting import counts
from transactions.stuck.models import Correction, Kind
from transactions.stuck.services import correct_unmatched, take_step

pytestmark = pytest.mark.django_db


def test_a_session_that_goes_well_is_not_stuck(cp16: Wireless) -> None:
    number = open_session(cp16, (10, 2000), (20, 3000))
    cp16.row.connection_id = cp16.holder.connection_id
    cp16.row.save()
    status(cp16, "Charging", 1)
    assert kinds(21) == set()
    cp16.stop(number)
    assert kinds(60) == set()


def test_a_zombie_is_ended_with_its_last_register_and_says_who_did_it(cp16: Wireless) -> None:
    open_session(cp16, (10, 2000), (20, 3000))
    raw = cp16.only.raw_start
    status(cp16, "Available", 25)
    gone(cp16, 26)
    assert kinds(28) == set()  # a stop may still be on its way
    assert kinds(60) == {Kind.ZOMBIE}
    assert words(Kind.ZOMBIE, 60) == ["seen_available", "offline", "last_reading"]
    correction = do(cp16, Kind.ZOMBIE, Step.ENDED, 60, "the driver called")
    ended = cp16.only
    assert (ended.status, ended.energy_wh, ended.meter_stop_wh) == ("ended", 2000, 3000)
    assert (ended.end_source, ended.end_evidence, ended.stopped_at) == ("inferred", "person", later(25))
    assert ended.raw_start == raw
    assert ended.raw_stop == ""
    assert ended.anomalies == ["stop_inferred"]
    assert (correction.by, correction.reason) == ("alice", "the driver called")
    assert correction.before["status"] == "active"
    assert correction.after["energy_wh"] == 2000
    assert [piece["word"] for piece in correction.evidence] == ["seen_available", "offline", "last_reading"]
    [entry] = done_to("transaction", ended.pk)
    assert (entry.by, entry.action, entry.reason) == ("alice", "stuck_session.ended", "the driver called")
    [told] = cp16.told("tx.stopped")
    assert (told["source"], told["evidence"], told["consumed_wh"]) == ("inferred", "person", 2000)
    assert kinds(61) == set()


def test_who_clicks_twice_corrects_once(cp16: Wireless) -> None:
    open_session(cp16, (10, 2000))
    gone(cp16, 10)
    first = do(cp16, Kind.ZOMBIE, Step.ENDED, 60)
    assert do(cp16, Kind.ZOMBIE, Step.ENDED, 61) == first
    assert Correction.objects.count() == 1
    assert len(cp16.told("tx.stopped")) == 1


def test_the_real_end_replaces_that_of_a_person(cp16: Wireless) -> None:
    number = open_session(cp16, (10, 2000))
    gone(cp16, 10)
    do(cp16, Kind.ZOMBIE, Step.ENDED, 60)
    cp16.stop(number, at(30), received=90, meterStop=4000)
    ended = cp16.only
    assert (ended.energy_wh, ended.end_source, ended.stopped_at) == (3000, "reported", later(30))
    assert ended.anomalies == ["stop_replaced"]
    assert ended.inferred_end["energy_wh"] == 1000
    assert Correction.objects.get().after["energy_wh"] == 1000
    assert len(cp16.told("tx.stop_replaced")) == 1


def test_a_charge_point_that_has_told_the_end_meanwhile_goes_first(cp16: Wireless) -> None:
    number = open_session(cp16, (10, 2000))
    gone(cp16, 10)
    cp16.stop(number, received=59)
    with pytest.raises(NotNow) as refused:
        do(cp16, Kind.ZOMBIE, Step.ENDED, 60)
    assert refused.value.code == "reported"
    assert cp16.only.energy_wh == 4000
    assert not Correction.objects.exists()


def test_a_charge_point_that_came_back_goes_first(cp16: Wireless) -> None:
    open_session(cp16, (10, 2000))
    gone(cp16, 10)
    assert kinds(60) == {Kind.ZOMBIE}
    cp16.row.connection_id = cp16.holder.connection_id
    cp16.row.save()
    with pytest.raises(NotNow) as refused:
        do(cp16, Kind.ZOMBIE, Step.ENDED, 60)
    assert refused.value.code == "not_stuck"
    assert cp16.only.status == "active"


def test_what_still_charges_is_not_ended_but_may_be_asked_to_stop(cp16: Wireless) -> None:
    number = open_session(cp16, (10, 2000))
    day = 25 * 60
    cp16.meter(90_000, number, day - 1)
    gone(cp16, day)
    assert kinds(day) == {Kind.ETERNAL}
    with pytest.raises(NotNow) as refused:
        do(cp16, Kind.ETERNAL, Step.ENDED, day)
    assert refused.value.code == "charging"
    with pytest.raises(CommandRefused) as offline:
        do(cp16, Kind.ETERNAL, Step.STOP_ORDERED, day)
    assert offline.value.code == "offline"
    cp16.row.connection_id, cp16.row.protocol = cp16.holder.connection_id, "ocpp1.6"
    cp16.row.save()
    first = do(cp16, Kind.ETERNAL, Step.STOP_ORDERED, day, "since yesterday")
    assert do(cp16, Kind.ETERNAL, Step.STOP_ORDERED, day) == first  # it is on its way
    command = Command.objects.get()
    assert (command.type, command.params, command.by) == (
        "remote-stop",
        {"transaction_id": str(number)},
        "alice",
    )
    assert command.reason == "since yesterday"
    [case] = cases(Kind.ETERNAL, now=later(day))
    assert case.asked == (first,)


@pytest.mark.parametrize("step", [Step.STOP_ORDERED, Step.READINGS_ORDERED, Step.DISMISSED])
def test_what_ended_since_somebody_looked_is_left_alone(cp16: Wireless, step: Correction.Step) -> None:
    number = open_session(cp16, (10, 2000))
    cp16.row.connection_id, cp16.row.protocol = cp16.holder.connection_id, "ocpp1.6"
    cp16.row.save()
    status(cp16, "Available", 20)
    case = case_of(Kind.ZOMBIE, cp16.only.pk, now=later(60))
    assert case is not None
    cp16.stop(number, received=60)
    with pytest.raises(NotNow) as refused:
        take_step(case, step, author=ALICE, reason="seen it", now=later(60))
    assert refused.value.code == "not_stuck"
    assert not Command.objects.exists()
    assert not Correction.objects.exists()


def test_charging_without_energy_is_seen_and_asked_for_readings(cp16: Wireless) -> None:
    number = open_session(cp16, (1, 1000), (30, 1000))
    cp16.row.connection_id, cp16.row.protocol = cp16.holder.connection_id, "ocpp1.6"
    cp16.row.save()
    status(cp16, "Charging", 1)
    assert kinds(30) == set()
    cp16.meter(1000, number, 65)
    assert kinds(66) == {Kind.ZERO_ENERGY}
    assert words(Kind.ZERO_ENERGY, 66) == ["status", "register_stands", "last_reading"]
    do(cp16, Kind.ZERO_ENERGY, Step.READINGS_ORDERED, 66)
    assert Command.objects.get().params == {"requested_message": "MeterValues", "connector_id": 1}
    cp16.meter(1500, number, 67)
    assert kinds(68) == set()
    # A car that is full takes none, and that is no fault.
    status(cp16, "SuspendedEV", 68)
    cp16.meter(1500, number, 200)
    assert kinds(201) == set()


def test_an_end_by_evidence_is_confirmed_or_settled_again(cp16: Wireless) -> None:
    from transactions.ending import infer_ends

    number = open_session(cp16, (10, 2000))
    status(cp16, "Available", 20)
    assert infer_ends(now=later(60)) == 1
    assert kinds(61) == {Kind.NO_STOP}
    do(cp16, Kind.NO_STOP, Step.ENDED, 61)
    assert cp16.only.energy_wh == 1000
    assert kinds(62) == set()
    # Readings that come after it are no part of it, until somebody looks.
    cp16.meter(3000, number, 70)
    assert "rose_after_end" in words(Kind.NO_STOP, 71)
    do(cp16, Kind.NO_STOP, Step.ENDED, 71)
    ended = cp16.only
    assert (ended.energy_wh, ended.meter_stop_wh, ended.end_source) == (2000, 3000, "inferred")
    assert kinds(72) == set()
    cp16.stop(number, received=80, meterStop=3500)
    assert cp16.only.energy_wh == 2500


def test_what_is_dismissed_comes_back_if_it_is_still_open(cp16: Wireless) -> None:
    open_session(cp16, (10, 2000))
    gone(cp16, 10)
    first = do(cp16, Kind.ZOMBIE, Step.DISMISSED, 60, "the site has no power")
    assert do(cp16, Kind.ZOMBIE, Step.DISMISSED, 61) == first
    assert kinds(62) == set()
    assert cp16.only.status == "active"
    assert Kind.ZOMBIE in kinds(61 + DISMISSED_FOR / timedelta(minutes=1))


def test_an_end_without_a_start_is_left_for_good(cp16: Wireless) -> None:
    cp16.stop(4711, received=10)
    assert kinds(11) == {Kind.ORPHAN}
    with pytest.raises(NotNow):
        do(cp16, Kind.ORPHAN, Step.ENDED, 11)
    do(cp16, Kind.ORPHAN, Step.DISMISSED, 11)
    assert kinds(10 * 24 * 60) == set()
    assert "4711" in cp16.only.raw_stop


def test_readings_of_nobody_are_found_by_the_id_that_they_came_with(cp16: Wireless) -> None:
    from django.utils import timezone

    for minute in (1, 2, 3):
        cp16.meter(1000 + minute, 4711, minute)
    from transactions.models import METER_VALUES

    METER_VALUES.flush()
    now = timezone.now()  # ids have the time of writing
    [case] = cases(Kind.UNMATCHED, now=now)
    [evidence] = case.evidence
    assert (case.claimed_id, evidence.values["count"]) == ("4711", 3)
    assert (evidence.values["from_wh"], evidence.values["to_wh"]) == (1001, 1003)
    assert counts(now=now)[Kind.UNMATCHED] == 1
    correct_unmatched(cp16.row, "4711", Step.DISMISSED, author=ALICE, reason="an old one", now=now)
    assert cases(Kind.UNMATCHED, now=now) == []
    assert MeterValue.objects.count() == 3


def test_of_readings_of_nobody_only_the_newest_are_looked_at(
    cp16: Wireless, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.utils import timezone

    from transactions.models import METER_VALUES

    for claimed_id in (4711, 4712):
        for minute in (1, 2, 3):
            cp16.meter(1000 + minute, claimed_id, minute)
        METER_VALUES.flush()
    now = timezone.now()
    monkeypatch.setattr(desk, "READINGS_LOOKED_AT", 4)
    old, new = sorted(cases(Kind.UNMATCHED, now=now), key=lambda case: case.claimed_id)
    assert (old.evidence[0].values["count"], new.evidence[0].values["count"]) == (1, 3)
    monkeypatch.setattr(desk, "READINGS_LOOKED_AT", 3)
    assert [case.claimed_id for case in cases(Kind.UNMATCHED, now=now)] == ["4712"]
    assert counts(now=now)[Kind.UNMATCHED] == 1
    # Who saw it on a page a moment ago still puts it right, by all that is known of it.
    left = unmatched_case(cp16.row.pk, "4711", now=now)
    assert left is not None
    assert left.evidence[0].values["count"] == 3


@pytest.mark.django_db(transaction=True)
def test_they_are_counted_once_for_all_who_look_and_anew_after_a_step(
    cp16: Wireless, django_assert_num_queries: Any
) -> None:
    open_session(cp16, (10, 2000))
    gone(cp16, 10)
    with django_assert_num_queries(len(Kind)):
        assert counts(now=later(60))[Kind.ZOMBIE] == 1
    with django_assert_num_queries(0):
        assert counts(now=later(60.1))[Kind.ZOMBIE] == 1
    do(cp16, Kind.ZOMBIE, Step.ENDED, 60.1)
    with django_assert_num_queries(len(Kind)):
        assert counts(now=later(60.1))[Kind.ZOMBIE] == 0
    with django_assert_num_queries(len(Kind)):
        counts(now=later(61))


@pytest.mark.postgres_only
def test_inferred_ends_of_the_last_weeks_are_found_by_an_index(cp16: Wireless) -> None:
    from django.db import connection

    ended = {"charge_point": cp16.row, "status": "ended", "end_source": "inferred"}
    Transaction.objects.bulk_create(
        Transaction(
            transaction_id=f"{day}", started_at=later(-day * 1440), stopped_at=later(-day * 1440), **ended
        )
        for day in range(2000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE transactions_transaction")
    assert "transaction_inferred_stop" in desk.CHOOSE[Kind.NO_STOP](later(0)).explain()


def test_one_case_costs_as_many_queries_as_thirty(cp16: Wireless, django_assert_max_num_queries: Any) -> None:
    def look() -> Iterable[int]:
        return [len(cases(kind, now=later(60))) for kind in Kind]

    open_session(cp16, (10, 2000))
    gone(cp16, 10)
    with django_assert_max_num_queries(12):
        assert sum(look()) == 1
    for number in range(30):
        cp16.start(at(-number - 1), connectorId=2 + number)
    with django_assert_max_num_queries(12):
        assert sum(look()) == 31
    with django_assert_max_num_queries(len(Kind)):
        counts(now=later(60))
    assert case_of(Kind.ZOMBIE, cp16.transactions[0].pk, now=later(60)) is not None
