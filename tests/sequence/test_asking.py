"""Charge points are asked about what is missing, heeded, and not asked for ever."""

from datetime import timedelta
from typing import Any

import pytest

from chargers.commands.ledger import claim_next, settle_answer, settle_failure
from chargers.commands.ordering import SYSTEM, CommandRefused
from chargers.commands.sending import send_command
from chargers.models import ChargePoint, Command, Connection, Process
from chargers.protocol.versions import Version
from tests.conformance.v201.cast import ALICE, Session
from tests.transactions.cast import NOON, Wireless201, at, token
from transactions.ending import infer_ends
from transactions.models import Transaction
from transactions.sequence import asking
from transactions.sequence.asking import AT_ONCE, TYPE, mind_gaps

pytestmark = pytest.mark.django_db


def minutes(count: float) -> Any:
    return NOON + timedelta(minutes=count)


@pytest.fixture
def station() -> Wireless201:
    token()
    station = Wireless201()
    connect(station)
    return station


def connect(station: Wireless201, opened: float = -60) -> None:
    """The station has a connection of its own since then."""
    process, _ = Process.objects.get_or_create(
        host="here", defaults={"pid": 1, "started_at": NOON, "seen_at": NOON}
    )
    held = Connection.objects.create(
        charge_point=station.row, process=process, protocol=Version.V201, opened_at=minutes(opened)
    )
    ChargePoint.objects.filter(pk=station.row.pk).update(connection_id=held.pk)
    station.row.refresh_from_db()


def gappy(station: Wireless201, *, ended: bool = True) -> Session:
    """A session whose numbers 1 and 2 are missing."""
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE, wh=1000))
    if ended:
        station.event(session.ended(time=at(9), wh=4000, seqNo=3), received=9)
    else:
        station.event(session.updated(time=at(9), wh=4000, seqNo=3), received=9)
    return session


def asked() -> list[Command]:
    return list(Command.objects.filter(type=TYPE).order_by("pk"))


def answer(station: Wireless201, **payload: Any) -> Command:
    """The next order is sent, and answered so."""
    now = asked()[-1].created_at
    claimed = claim_next(
        station.row.pk, connection_id=station.row.connection_id, version=Version.V201, now=now
    )
    assert claimed is not None
    assert claimed.action == "GetTransactionStatus"
    settle_answer(claimed.command_id, payload, version=Version.V201, now=now)
    return Command.objects.get(pk=claimed.command_id)


def test_a_gap_is_asked_about_once_it_is_old_and_then_now_and_again(station: Wireless201):
    gappy(station)
    assert mind_gaps(now=minutes(9.4)) == 0  # the missing may be on their way
    assert mind_gaps(now=minutes(9.6)) == 1
    assert mind_gaps(now=minutes(9.7)) == 0
    Transaction.objects.update(transaction_id="")
    assert mind_gaps(now=minutes(60)) == 0, "what has no id cannot be asked about"
    Transaction.objects.update(transaction_id="T")
    [command] = asked()
    assert (command.params, command.by) == ({"transaction_id": "T"}, "system")
    settled = answer(station, ongoingIndicator=False, messagesInQueue=True)
    assert settled.status == Command.Status.ACCEPTED
    assert station.only.waits_until is not None
    assert mind_gaps(now=minutes(15)) == 0
    assert mind_gaps(now=minutes(20)) == 1


def test_what_is_in_no_queue_never_comes_and_is_no_longer_waited_for(station: Wireless201):
    session = gappy(station)
    mind_gaps(now=minutes(10))
    answer(station, ongoingIndicator=False, messagesInQueue=False)
    row = station.only
    assert (row.waits_until, row.gaps, row.anomalies) == (None, [[1, 2]], ["events_missing"])
    [told] = station.told("tx.updated")
    assert (told["reason"], told["anomalies"]) == ("complete", ["events_missing"])
    assert mind_gaps(now=minutes(60)) == 0
    late = session.updated(time=at(5), wh=2000, seqNo=1, offline=True)
    station.event(late, received=70)
    assert (station.only.waits_until, station.only.gaps) == (None, [[2, 2]])
    station.event(late | {"seqNo": 2}, received=71)
    assert (station.only.gaps, station.only.anomalies) == ([], [])


def test_what_was_waited_for_long_enough_is_given_up(station: Wireless201):
    gappy(station)
    ChargePoint.objects.update(connection_id=None)
    assert mind_gaps(now=minutes(9) + timedelta(hours=23)) == 0
    assert mind_gaps(now=minutes(9) + timedelta(hours=24)) == 1
    assert station.only.anomalies == ["events_missing"]
    assert mind_gaps(now=minutes(9) + timedelta(hours=25)) == 0


def test_the_queue_of_a_whole_station_tells_of_all_that_has_ended(station: Wireless201):
    gappy(station)
    Command.objects.all().delete()
    for queued, waits in ((True, True), (False, False)):
        send_command(station.row, TYPE, {}, author=SYSTEM, now=minutes(10))
        assert answer(station, messagesInQueue=queued).params == {}
        assert (station.only.waits_until is not None) is waits


def test_after_a_reconnect_it_is_asked_once_whether_a_transaction_runs(station: Wireless201):
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE, wh=1000))
    assert mind_gaps(now=minutes(2)) == 0
    connect(station, opened=5)
    assert mind_gaps(now=minutes(5.2)) == 0
    assert mind_gaps(now=minutes(6)) == 1
    answer(station, ongoingIndicator=True, messagesInQueue=False)
    assert mind_gaps(now=minutes(30)) == 0
    assert (station.only.status, station.only.end_seen_at) == ("active", None)


def test_a_free_connector_ends_nothing_but_what_the_station_denies_ends(station: Wireless201):
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE, wh=1000))
    station.event(session.updated(time=at(5), wh=3000), received=5)
    Transaction.objects.update(end_seen_at=minutes(6), end_evidence="available")
    assert infer_ends(now=minutes(600)) == 0
    assert mind_gaps(now=minutes(8)) == 1
    answer(station, ongoingIndicator=True, messagesInQueue=False)
    assert station.only.end_evidence == ""
    Transaction.objects.update(end_seen_at=minutes(9), end_evidence="available")
    assert mind_gaps(now=minutes(30)) == 1
    answer(station, ongoingIndicator=False, messagesInQueue=False)
    assert station.only.end_evidence == "denied"
    assert infer_ends(now=minutes(600)) == 1
    row = station.only
    assert (row.status, row.end_source, row.energy_wh, row.stopped_at) == (
        "ended",
        "inferred",
        2000,
        minutes(5),
    )
    station.event(session.ended(time=at(20), wh=5000), received=700)
    row = station.only
    assert (row.end_source, row.energy_wh, "stop_replaced" in row.anomalies) == ("reported", 4000, True)


def test_long_silence_ends_also_what_could_not_be_asked(station: Wireless201):
    station.event(Session("T").started("Authorized", time=at(0), idToken=ALICE, wh=1000))
    Transaction.objects.update(end_seen_at=minutes(6), end_evidence="available")
    ChargePoint.objects.update(last_seen_at=minutes(6), connection_id=None)
    assert infer_ends(now=minutes(6) + timedelta(days=30)) == 1
    assert station.only.end_evidence == "silence"


def test_a_station_that_does_not_know_the_question_is_left_alone(station: Wireless201):
    gappy(station, ended=False)
    assert mind_gaps(now=minutes(10)) == 1
    [command] = asked()
    claim_next(station.row.pk, connection_id=station.row.connection_id, version=Version.V201, now=minutes(10))
    settle_failure(command.pk, code="NotImplemented", description="", now=minutes(10))
    assert mind_gaps(now=minutes(120)) == 0
    assert station.only.status == "active"


def test_one_look_asks_a_bounded_number(station: Wireless201):
    Transaction.objects.bulk_create(
        Transaction(
            charge_point=station.row,
            transaction_id=f"T{number}",
            started_at=NOON,
            last_seq=3,
            gaps=[[1, 1]],
            waits_until=NOON + timedelta(hours=24),
        )
        for number in range(AT_ONCE + 20)
    )
    assert mind_gaps(now=minutes(5)) == AT_ONCE
    assert mind_gaps(now=minutes(6)) == 20, "and those that were not asked are next"


def test_ids_that_are_too_long_stay_apart_and_nobody_is_asked_by_a_part_of_them(station: Wireless201):
    """Two that begin alike are two sessions; OCPP cannot name either of them to the station, and that is said."""
    same = "S" * 36
    one, two = Session(f"{same}-one", evse=1), Session(f"{same}-two", evse=2)
    for session in (one, two):
        station.event(session.started("Authorized", time=at(0), idToken=ALICE, wh=1000))
    station.event(two.ended(time=at(9), wh=4000), received=9)
    running, over = station.transactions
    assert [(row.status, row.anomalies, row.wire_generation) for row in (running, over)] == [
        ("active", [], 0),
        ("ended", [], 0),
    ]
    assert over.energy_wh == 3000
    assert f"{same}-one" in running.raw_start
    one.transaction_id = f"{same}-ONE".lower()  # ids are the same in any case
    station.event(one.updated(time=at(9), wh=2000, seqNo=4), received=9)
    assert len(station.transactions) == 2
    assert mind_gaps(now=minutes(60)) == 0
    for slug in (TYPE, "remote-stop"):
        with pytest.raises(CommandRefused, match="an id of more than 36 characters") as refused:
            send_command(
                station.row, slug, {"transaction_id": running.transaction_id}, author=SYSTEM, now=minutes(60)
            )
        assert list(refused.value.errors) == ["transaction_id"]
    assert not Command.objects.exists()
    exact = "T" * 36
    station.event(Session(exact).started("Authorized", time=at(20), idToken=ALICE), received=20)
    assert station.transactions[-1].transaction_id == exact


def test_of_many_more_than_one_look_asks_each_has_its_turn(
    station: Wireless201, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(asking, "AT_ONCE", 2)
    for number in range(10):
        start = Session(f"T{number}", evse=number + 1).started("Authorized", time=at(0), wh=1000)
        station.event(start)
    connect(station, opened=5)
    assert [mind_gaps(now=minutes(6 + 11 * look)) for look in range(6)] == [2, 2, 2, 2, 2, 0]
    assert len({command.params["transaction_id"] for command in asked()}) == 10
