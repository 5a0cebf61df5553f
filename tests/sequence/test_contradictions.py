"""Events that contradict each other, or what was said elsewhere: clocks set back, denials, other processes."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.utils import timezone

from chargers.models import Connector
from chargers.reservations.models import Reservation
from chargers.reservations.services import expire_reservations
from csms.core.config import get_config
from csms.core.ids import uuid7
from csms.pruning import prune
from tests.conformance.v201.cast import ALICE, Session
from tests.transactions.cast import NOON, Wireless201, at, token
from transactions.ending import infer_ends
from transactions.models import Transaction
from transactions.sequence.asking import give_up
from transactions.sequence.models import TransactionEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def station() -> Wireless201:
    token()
    return Wireless201()


def in_any_order(events: list[dict[str, Any]]) -> list[Transaction]:
    """What becomes of a session, once for each order in which its events may come."""
    rows = []
    for number, order in enumerate(permutations(events)):
        station = Wireless201(f"CS-{number}")
        for step, event in enumerate(order):
            station.event(event, received=60 + step / 10)
        rows.append(station.only)
    return rows


def test_a_start_without_a_usable_time_began_when_its_first_event_was():
    session = Session("T")
    start = session.started("Authorized", time=at(0), idToken=ALICE, wh=1000) | {"timestamp": "1970-01-01"}
    events = [
        start,
        session.updated(time=at(5), wh=2000),
        session.ended(time=at(30), wh=5000),
    ]
    rows = in_any_order(events)
    assert {row.started_at for row in rows} == {NOON + timedelta(minutes=5)}
    assert {(row.energy_wh, *sorted(row.anomalies)) for row in rows} == {(4000, "start_time_unusable")}


def test_without_a_register_of_the_start_the_earliest_counts_though_the_clock_was_set_back():
    session = Session("T")
    events = [
        session.started("Authorized", time=at(0), idToken=ALICE),
        session.updated(time=at(20), wh=3000),
        session.updated(time=at(10), wh=2000),
        session.ended(time=at(30)),
    ]
    assert {(row.meter_start_wh, row.meter_stop_wh, row.energy_wh) for row in in_any_order(events)} == {
        (2000, 3000, 1000)
    }


def test_the_connector_is_that_of_the_evse_where_it_is_though_another_was_told_between():
    session = Session("T")
    events = [
        session.started("CablePluggedIn", time=at(0), evse={"id": 1}),
        session.updated("Authorized", time=at(1), idToken=ALICE, evse={"id": 2, "connectorId": 1}),
        session.updated("CablePluggedIn", time=at(2), evse={"id": 1, "connectorId": 2}),
    ]
    places = {(row.evse_number, row.connector_number, *row.anomalies) for row in in_any_order(events)}
    assert places == {(1, 2001, "evse_changed")}
    assert Connector.objects.filter(charge_point__cp_id="CS-0", evse_number=1, evse_connector=2).exists()


def test_a_number_that_was_pruned_is_answered_by_its_token(station: Wireless201):
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE, wh=1000))
    station.event(session.updated(time=at(5), wh=2000), received=5)
    station.event(session.ended(time=at(9), wh=4000), received=9)
    prune(get_config(), now=timezone.now() + timedelta(days=400))  # ids have the time at which they were made
    late = session.updated("Authorized", time=at(5), seqNo=1, idToken=ALICE)
    answer = station.event(late, received=3 * 24 * 60)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert (TransactionEvent.objects.count(), station.only.energy_wh) == (2, 3000)


def test_what_another_process_has_stored_beside_the_end_is_found_before_it_is_given_up(station: Wireless201):
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE, wh=1000))
    reading = session.updated(time=at(20), wh=6000)
    end = session.ended(time=at(30))
    other = Wireless201.__new__(Wireless201)  # the same station, held by another process
    other.row = station.row
    other.reconnect()
    other.event(end, received=30)
    assert (station.only.gaps, station.only.energy_wh) == ([[1, 1]], 0)
    station.event(reading, received=20)  # by what the first remembers: it never heard of the end
    assert (station.only.gaps, station.only.waits_until is None) == ([[1, 1]], False)
    assert give_up(station.only.pk, now=NOON + timedelta(days=1))
    row = station.only
    assert (row.gaps, row.waits_until, row.energy_wh) == ([], None, 5000)
    assert "events_missing" not in row.anomalies
    [complete] = [told for told in station.told("tx.updated") if told["reason"] == "complete"]
    assert complete["consumed_wh"] == 5000


@pytest.mark.parametrize("refuted_by", ["reading", "state"])
def test_what_the_station_denied_goes_on_if_it_goes_on_telling_of_it(station: Wireless201, refuted_by: str):
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE, wh=1000))
    station.event(session.updated(time=at(5), wh=3000, state="SuspendedEV"), received=5)
    denied = {"end_seen_at": NOON + timedelta(minutes=6), "end_evidence": "denied"}
    Transaction.objects.update(**denied)
    if refuted_by == "reading":
        station.event(session.updated(time=at(7), wh=3000), received=7)  # the car takes nothing
    else:
        station.event(session.updated("ChargingStateChanged", time=at(7), state="Charging"), received=7)
    assert infer_ends(now=NOON + timedelta(hours=10)) == 0
    assert (station.only.status, station.only.end_evidence) == ("active", "")
    Transaction.objects.update(**denied | {"end_seen_at": NOON + timedelta(minutes=8)})
    assert infer_ends(now=NOON + timedelta(hours=10)) == 1


def test_a_start_that_is_told_again_by_a_clock_that_was_set_is_no_second_session(station: Wireless201):
    def start(minutes: float, wh: int, received: float) -> dict[str, Any]:
        event = Session("T").started("Authorized", time=at(minutes), idToken=ALICE, wh=wh)
        return station.event(event, received=received)

    start(0, 1000, 0)
    assert start(5, 1000, 6)["idTokenInfo"]["status"] == "Accepted"
    assert (station.only.started_at, station.only.anomalies) == (NOON, ["seq_reused"])
    # Where the register has moved, or time has passed, it is another session of which only the start is known, too.
    start(8, 1500, 9)
    start(40, 1500, 40)
    assert [row.meter_start_wh for row in station.transactions] == [1000, 1500, 1500]


def test_what_seemed_over_by_what_was_seen_goes_on_if_it_is_told_of(station: Wireless201):
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE, wh=1000))
    Transaction.objects.update(end_seen_at=NOON + timedelta(minutes=6), end_evidence="available")
    late = session.updated("ChargingStateChanged", time=at(3), state="EVConnected", offline=True)
    station.event(late, received=7)
    assert station.only.end_evidence == "available", "what waited says nothing of now"
    station.event(session.updated("ChargingStateChanged", time=at(8), state="Charging"), received=8)
    assert (station.only.end_evidence, station.only.end_seen_at) == ("", None)
    assert infer_ends(now=NOON + timedelta(hours=10)) == 0


def test_how_long_it_has_charged_is_taken_over_from_an_event_that_else_brings_a_reading(station: Wireless201):
    session = Session("T")
    start = session.started("Authorized", time=at(0), idToken=ALICE, wh=1000, state="Charging")
    station.event(start)
    station.event(session.updated(time=at(1), wh=1100), received=1)
    told = session.updated(time=at(2), wh=1200, info={"timeSpentCharging": 120})
    station.event(told, received=2)
    assert station.only.seconds_charging == 120


@pytest.mark.parametrize("driver", ["ALICE", "BOB", "CAROL"])
def test_a_reservation_that_is_named_later_is_used_too(station: Wireless201, driver: str):
    token("BOB", parent="FLEET")
    token("CAROL")
    # At an EVSE that the session is not at, so that it does not fit of itself; over by our clock when it is named.
    row = Reservation.objects.create(
        charge_point=station.row,
        number=7,
        command_id=uuid7(),
        connector_number=2,
        evse_number=2,
        id_token="ALICE",
        parent="fleet",
        status="accepted",
        expires_at=NOON + timedelta(minutes=2),
        created_at=NOON - timedelta(minutes=1),
    )
    session = Session("T")
    who = {"idToken": driver, "type": "ISO14443"}
    station.event(session.started("Authorized", time=at(0), idToken=who, wh=1000))
    station.event(session.updated("ChargingStateChanged", time=at(1), state="Charging"), received=1)
    row.refresh_from_db()
    assert (row.status, station.only.reservation_id) == ("accepted", None)
    expire_reservations(now=NOON + timedelta(minutes=30))
    for minute in (31, 32):  # by a second event that names it nothing more happens
        named = session.updated(time=at(minute), wh=1100 + minute, reservationId=7)
        station.event(named, received=minute)
    row.refresh_from_db()
    assert (row.status, row.transaction_id, station.only.reservation_id) == ("used", station.only.pk, 7)
    assert station.only.anomalies == (["reserved_for_another"] if driver == "CAROL" else [])
