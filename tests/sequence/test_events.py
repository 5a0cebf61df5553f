"""Events of transactions as stations send them: late, without a start, twice, odd, and of ids that come again."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargers.models import Connector
from chargers.topology.models import Evse
from csms.core.config import get_config
from csms.core.id_tokens import canonical_token
from csms.pruning import prune
from tests.conformance.v201.cast import ALICE, Session
from tests.transactions.cast import NOON, Wireless201, at, token
from transactions.models import MeterValue, Transaction, UnknownToken
from transactions.sequence import ledger, waiting
from transactions.sequence.models import TransactionEvent
from transactions.sequence.numbers import filled, numbers
from transactions.tariffs.selectors import charging_states

pytestmark = pytest.mark.django_db

BOB = {"idToken": "BOB", "type": "ISO14443"}


@pytest.fixture
def station() -> Wireless201:
    token()
    return Wireless201()


def begin(station: Wireless201, name: str = "T", time: float = 0, **values: Any) -> Session:
    """A session that charges since a minute."""
    session = Session(name)
    station.event(
        session.started("Authorized", time=at(time), idToken=ALICE, wh=1000, **values), received=time
    )
    station.event(
        session.updated("ChargingStateChanged", time=at(time + 1), state="Charging"), received=time + 1
    )
    return session


def kept(row: Transaction) -> list[tuple[int | None, int, str]]:
    events = TransactionEvent.objects.filter(transaction=row).order_by("seq_no", "twin")
    return list(events.values_list("seq_no", "twin", "kind"))


# --- the many ---------------------------------------------------------------------------------------------------------


def test_a_reading_in_its_order_asks_the_database_nothing(
    station: Wireless201, django_assert_num_queries: Any
):
    session = begin(station)
    with CaptureQueriesContext(transaction.get_connection()) as queries:
        station.event(session.updated(time=at(1.5), wh=1100, state="Charging"), received=1.5)
    asked = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
    assert asked == []
    assert not [query for query in queries if query["sql"].startswith("UPDATE")]
    assert [event.seq_no for event in TransactionEvent.objects.order_by("seq_no")] == [0, 1, 2]
    assert MeterValue.objects.filter(transaction=station.only, energy_wh=1100).count() == 1
    station.event(session.ended(time=at(3), wh=1200), received=3)
    assert (station.only.last_seq, station.only.gaps, station.only.energy_wh) == (3, [], 200)


@pytest.mark.parametrize("reconnects", [False, True])
@pytest.mark.parametrize("first", [None, {"wh": 900, "context": "Sample.Clock"}])
def test_the_register_at_the_start_is_found_whether_the_connection_remembers_or_not(
    station: Wireless201, first: dict[str, Any] | None, reconnects: bool
):
    session = Session()
    station.event(session.started("Authorized", time=at(0), idToken=ALICE, **(first or {})))
    begins = {"context": "Transaction.Begin"} if first else {}
    for minute, wh, more in ((1, 1000, begins), (2, 3000, {})):
        if reconnects:
            station.reconnect()
        station.event(session.updated(time=at(minute), wh=wh, **more), received=minute)
        assert station.only.meter_start_wh == 1000
    station.event(session.ended(time=at(3)), received=3)
    assert (station.only.energy_wh, station.only.meter_begin_seen) == (2000, first is not None)


def test_what_another_process_has_stored_is_seen_at_the_second_look(station: Wireless201):
    session = begin(station)
    reading = session.updated(time=at(2), wh=1100)
    other = Wireless201.__new__(Wireless201)  # the same station, held by another process
    other.row = station.row
    other.reconnect()
    other.event(reading, received=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        station.event(reading, received=2.1)
    assert station.event(reading, received=2.1) == {}  # as the writer does
    assert TransactionEvent.objects.count() == 3
    assert MeterValue.objects.filter(energy_wh=1100).count() == 1


def test_a_connection_remembers_no_more_transactions_than_a_station_has_outlets(station: Wireless201):
    for number in range(70):
        begin(station, f"T{number}", time=number * 5)
    assert len(station.holder.memory["transactions"]) == 64


# --- late, lost, first ------------------------------------------------------------------------------------------------


def test_an_end_without_a_start_is_an_orphan_until_the_start_comes(station: Wireless201):
    session = Session("T")
    start = session.started("Authorized", time=at(0), idToken=ALICE, wh=1000)
    end = session.ended(time=at(30), wh=5000)
    station.event(end, received=30)
    row = station.only
    assert (row.status, row.orphan, row.energy_wh, row.gaps) == ("ended", True, None, [[0, 0]])
    assert row.anomalies == ["start_lost"]
    assert station.told("tx.started") == []
    [stopped] = station.told("tx.stopped")
    assert (stopped["orphan"], stopped["complete"], stopped["sequence_gaps"]) == (True, False, [0])
    assert station.event(start, received=31)["idTokenInfo"]["status"] == "Accepted"
    row = station.only
    assert (row.orphan, row.energy_wh, row.gaps, row.waits_until) == (False, 4000, [], None)
    assert (row.id_token, row.started_at, row.anomalies) == ("ALICE", NOON, [])
    [started] = station.told("tx.started")
    assert (started["id_token"], started["evse_id"], started["token_type"]) == ("ALICE", 1, "ISO14443")
    [complete] = station.told("tx.updated")
    assert (complete["reason"], complete["consumed_wh"]) == ("complete", 4000)


def test_what_opens_a_transaction_is_told_and_its_start_fills_it_later(station: Wireless201):
    session = Session("T")
    start = session.started("CablePluggedIn", time=at(0), wh=1000)
    token_told = session.updated("Authorized", time=at(1), idToken=ALICE)
    station.event(session.updated(time=at(10), wh=3000), received=10)
    assert (station.only.started_at > NOON, station.only.meter_start_wh) == (True, 3000)
    station.event(token_told, received=11)
    station.event(start, received=12)
    row = station.only
    assert (row.started_at, row.meter_start_wh, row.evse_number, row.gaps) == (NOON, 1000, 1, [])
    reasons = [told["reason"] for told in station.told("tx.updated")]
    assert reasons == ["authorized", "start_late", "placed"]
    assert len(station.told("tx.started")) == 1


def test_an_older_event_changes_neither_state_nor_place_and_never_reopens(station: Wireless201):
    session = begin(station)
    old = session.updated("ChargingStateChanged", time=at(10), state="SuspendedEV", evse={"id": 2})
    station.event(session.ended(time=at(30), wh=5000, state="Idle"), received=30)
    station.event(old, received=31)
    row = station.only
    assert (row.status, row.charging_state, row.evse_number) == ("ended", "Idle", 1)
    assert row.anomalies == ["evse_changed"]


# --- places and drivers -----------------------------------------------------------------------------------------------


def test_an_evse_that_is_told_late_is_met_and_what_ran_on_it_is_superseded(station: Wireless201):
    begin(station, "OLD")
    session = Session("NEW")
    station.event(session.started("Authorized", time=at(5), idToken=ALICE, evse=None), received=5)
    assert station.transactions[1].connector_number is None
    station.event(session.updated("CablePluggedIn", time=at(6), evse={"id": 1, "connectorId": 2}), received=6)
    old, new = station.transactions
    assert (new.evse_number, new.connector_number, old.superseded) == (1, 2001, True)
    begin(station, "NEWER", time=8)
    begin(station, "NEWEST", time=10)
    told = [
        event["transaction_id"] for event in station.told("tx.updated") if event["reason"] == "superseded"
    ]
    assert told == ["OLD", "NEW", "NEWER"], "each is told once, however many there are"
    assert "started_on_busy_connector" in station.transactions[3].anomalies
    assert Evse.objects.filter(charge_point=station.row, number=1).exists()
    assert Connector.objects.filter(charge_point=station.row, number=2001, evse_connector=2).exists()


def test_an_evse_alone_means_its_only_connector(station: Wireless201):
    Connector.objects.create(charge_point=station.row, number=1003, evse_number=3, evse_connector=1)
    station.event(Session("T").started(time=at(0), evse={"id": 3}))
    assert station.only.connector_number == 1003


def test_the_connector_shows_what_the_car_does_while_it_runs(station: Wireless201):
    def shown() -> str:
        return Connector.objects.get(charge_point=station.row, number=1).activity

    session = Session("T")
    station.event(session.started("CablePluggedIn", time=at(0), state="EVConnected"))
    assert shown() == "Preparing"
    station.event(session.updated("ChargingStateChanged", time=at(1), state="Charging"), received=1)
    assert shown() == "Charging"
    old = session.updated("ChargingStateChanged", time=at(2), state="SuspendedEV", offline=True)
    station.event(old, received=30)
    assert shown() == "Charging"  # old news
    station.event(session.updated("StopAuthorized", time=at(31), state="EVConnected"), received=31)
    assert shown() == "Finishing"
    station.event(session.ended(time=at(32)), received=60)
    assert shown() == ""
    states = [told["charging_state"] for told in station.told("tx.updated")]
    assert states == ["Charging", "EVConnected"]  # what was told live


def test_the_driver_is_who_came_first_and_another_only_stops(station: Wireless201):
    session = Session("T")
    station.event(session.started("CablePluggedIn", time=at(0)))
    assert station.event(session.updated("Authorized", time=at(1), idToken=BOB), received=1)[
        "idTokenInfo"
    ] == {"status": "Unknown"}
    station.event(session.updated("Authorized", time=at(2), idToken=ALICE), received=2)
    station.event(session.updated("StopAuthorized", time=at(3), idToken=ALICE), received=3)
    station.event(session.ended(time=at(4)), received=4)
    row = station.only
    assert (row.id_token, row.authorization, row.stop_id_token) == ("BOB", "Unknown", "ALICE")
    assert UnknownToken.objects.get().id_token == "BOB"


def test_a_typed_code_is_stored_nowhere(station: Wireless201):
    session = Session("T")
    secret = {"idToken": "8642-secret", "type": "KeyCode"}
    station.event(session.started("Authorized", time=at(0), idToken=secret))
    station.event(session.ended("StopAuthorized", time=at(1), idToken=secret), received=1)
    rows = [*station.transactions, *TransactionEvent.objects.all(), *UnknownToken.objects.all()]
    everything = repr([vars(row) for row in rows]) + repr(
        station.told("tx.started") + station.told("tx.stopped")
    )
    assert "8642" not in everything
    assert station.only.id_token == station.only.token_key == canonical_token("8642-secret", "KeyCode")


# --- twins and ids that come again ------------------------------------------------------------------------------------


def test_another_event_of_a_number_is_kept_beside_the_first(station: Wireless201):
    session = begin(station)
    station.event(session.updated(time=at(5), wh=2000), received=5)
    station.event(session.updated(time=at(6), wh=9999, seqNo=2), received=6)
    row = station.only
    assert (kept(row)[2:], row.anomalies) == ([(2, 0, "Updated"), (2, 1, "Updated")], ["seq_reused"])
    assert not MeterValue.objects.filter(energy_wh=9999).exists()
    for wh in range(40):
        station.event(session.updated(time=at(6), wh=wh, seqNo=2), received=7)
    assert len(kept(row)) == 2 + 1 + ledger.TWINS_MAX


def test_an_end_under_a_used_number_counts_if_none_was_known(station: Wireless201):
    session = begin(station)
    station.event(session.ended(time=at(9), wh=4000, seqNo=1), received=9)
    assert (station.only.status, station.only.energy_wh) == ("ended", 3000)
    station.event(session.ended(time=at(10), wh=5000, seqNo=7), received=10)
    row = station.only
    assert (row.energy_wh, row.anomalies) == (3000, ["seq_reused", "stop_differs"])
    assert len(station.told("tx.stop_differs")) == 1


@pytest.mark.parametrize("ended", [True, False])
def test_an_id_that_comes_again_is_another_transaction(station: Wireless201, ended: bool):
    session = begin(station, "7")
    late = session.updated(time=at(8), wh=2000)
    if ended:
        station.event(session.ended(time=at(10), wh=3000, seqNo=3), received=10)
    again = begin(station, "7", time=60)
    station.event(late, received=70)
    station.event(again.ended(time=at(90), wh=8000), received=90)
    first, second = station.transactions
    assert (first.wire_generation, second.wire_generation) == (0, 1)
    assert (second.energy_wh, second.anomalies[-1]) == (
        7000,
        "id_reused" if ended else "started_on_busy_connector",
    )
    assert [seq for seq, _, _ in kept(first)] == ([0, 1, 2, 3] if ended else [0, 1, 2])
    assert first.status == ("ended" if ended else "active")


# --- odd --------------------------------------------------------------------------------------------------------------


def test_events_without_numbers_count_as_they_come(station: Wireless201):
    session = Session("T")
    events = [
        session.started("Authorized", time=at(0), idToken=ALICE, wh=1000),
        session.updated(time=at(5), wh=2000, state="Charging"),
        session.ended(time=at(9), wh=3000),
    ]
    for received, event in enumerate([*events, *events]):
        del_seq = {name: value for name, value in event.items() if name != "seqNo"}
        station.event(del_seq, received=10 + received)
    row = station.only
    assert (row.energy_wh, row.status, row.anomalies) == (2000, "ended", ["seq_missing"])
    assert TransactionEvent.objects.count() == 3


def test_what_has_no_id_belongs_to_the_one_session_that_it_can_be_of(station: Wireless201):
    session = begin(station)
    nameless = session.updated(time=at(3), wh=1500, evse={"id": 1}, info={"transactionId": ""})
    station.event(nameless, received=3)
    assert MeterValue.objects.get(energy_wh=1500).transaction == station.only
    station.event(session.ended(time=at(9), wh=2000), received=9)
    alone = Session(" ").started("CablePluggedIn", time=at(20), info={"transactionId": ""})
    station.event(alone, received=20)
    station.event(alone, received=21)
    station.event(
        Session(" ").started("CablePluggedIn", time=at(40), info={"transactionId": ""}), received=40
    )
    assert [row.transaction_id for row in station.transactions] == ["T", "", ""]


@pytest.mark.parametrize(
    "odd",
    [
        {"timestamp": "never"},
        {"timestamp": at(10_000)},
        {"seqNo": -3},
        {"seqNo": 2**40},
        {"evse": {"id": -1, "connectorId": 2**40}},
        {"triggerReason": "x" * 500, "eventType": "Sideways"},
        {"reservationId": -7},
        {"transactionInfo": {"transactionId": "T" * 80, "chargingState": "y" * 80, "remoteStartId": -1}},
        {"transactionInfo": {"transactionId": "T", "timeSpentCharging": 2**50, "stoppedReason": "z" * 99}},
        {"idToken": {"idToken": "", "type": "NoAuthorization"}},
        {"idToken": {"idToken": "q" * 999, "type": "w" * 99}},
        {"meterValue": [{"sampledValue": []}]},
    ],
)
@pytest.mark.parametrize("kind", ["started", "updated", "ended"])
def test_whatever_is_odd_is_kept_and_answered(station: Wireless201, odd: dict[str, Any], kind: str):
    event = getattr(Session("T"), kind)(time=at(0)) | odd
    first = station.event(event, received=1)
    assert station.event(event, received=2) == first
    assert TransactionEvent.objects.count() == 1
    assert ("idTokenInfo" in first) == ("idToken" in odd)


# --- what is missing --------------------------------------------------------------------------------------------------


def test_a_number_far_ahead_makes_one_gap_and_many_holes_are_listed_up_to_a_bound(station: Wireless201):
    session = begin(station)
    station.event(session.updated(time=at(2), seqNo=2**31 - 2), received=2)
    assert station.only.gaps == [[2, 2**31 - 3]]
    assert len(numbers(station.only.gaps)) == 100
    for seq in range(1000, 1300, 2):
        station.event(session.updated(time=at(3), seqNo=seq), received=3)
    assert len(station.only.gaps) == 100
    assert numbers([[1, 2], [5, 5], [7, 9]], most=5) == [1, 2, 5, 7, 8]


def test_numbers_may_begin_with_that_of_the_start(station: Wireless201):
    session = Session("T")
    station.event(session.started(time=at(0), seqNo=1))
    station.event(session.updated(time=at(1), wh=5), received=1)
    assert (station.only.gaps, station.only.waits_until) == ([], None)


def test_runs_are_filled_number_by_number():
    assert filled([[1, 3], [5, 5]], 2) == [[1, 1], [3, 3], [5, 5]]
    assert filled([[1, 3], [5, 5]], 5) == [[1, 3]]
    assert filled([[1, 3]], 7) == [[1, 3]]


def test_events_that_only_brought_readings_go_with_their_frames_and_are_known_all_the_same(
    station: Wireless201,
):
    session = begin(station)
    reading = session.updated(time=at(5), wh=2000)
    station.event(reading, received=5)
    station.event(session.ended(time=at(9), wh=4000), received=9)
    later = timezone.now() + timedelta(days=400)  # ids have the time at which they were made
    assert prune(get_config(), now=later)["events of transactions that only brought readings"] == 1
    assert [seq for seq, _, _ in kept(station.only)] == [0, 1, 3]
    before = MeterValue.objects.count()
    assert station.event(reading, received=3 * 24 * 60) == {}
    assert (MeterValue.objects.count(), station.only.gaps) == (before, [])
    with_token = station.event(reading | {"idToken": BOB}, received=3 * 24 * 60)
    assert with_token["idTokenInfo"]["status"] == "Unknown", "every token that is told gets a verdict (S2-07)"


def test_an_event_that_brought_a_reading_and_another_state_stays_since_the_costs_depend_on_it(
    station: Wireless201, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(waiting, "REMOVED_AT_ONCE", 1)
    session = begin(station)
    told = ("Charging", "SuspendedEV", "SuspendedEV", None, "Charging", "Charging")
    for minute, state in enumerate(told, start=2):
        station.event(session.updated(time=at(minute), wh=2000, state=state), received=minute)
    odd = session.updated(time=at(8), wh=3000, state="SuspendedEVSE") | {"seqNo": None}
    station.event(odd, received=8)
    station.event(session.ended(time=at(9), wh=4000, seqNo=8), received=9)
    before = charging_states(station.only)
    gone = prune(get_config(), now=timezone.now() + timedelta(days=400))
    assert gone["events of transactions that only brought readings"] == 4
    assert {seq for seq, _, _ in kept(station.only)} == {0, 1, 3, 6, 8, None}
    assert charging_states(station.only) == before
    assert len(before) == 4
