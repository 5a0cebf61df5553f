"""What events cost that are no mere readings, in statements; and that the short ways end where the long ones do."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test.utils import CaptureQueriesContext

from chargers.models import Connector
from chargers.topology.services import meet
from tests.conformance.v201.cast import ALICE, Session
from tests.tariffs.cast import assigned, tariff
from tests.transactions.cast import NOON, Wireless, Wireless201, at, token
from transactions.models import MeterValue, Transaction
from transactions.sequence.models import TransactionEvent

pytestmark = pytest.mark.django_db

BOB = {"idToken": "BOB", "type": "ISO14443"}
STATEMENT = re.compile(r'(SELECT)\b.*?\bFROM "(\w+)"|(UPDATE) "(\w+)"|(INSERT) INTO "(\w+)"', re.DOTALL)
# Rows that the writer collects for the end of its batch; a mark where the day of the test is over.
AT_THE_END = {f"INSERT {name}" for name in ("event", "metervalue", "transactionevent", "late")}


@pytest.fixture
def station() -> Wireless201:
    token()
    return Wireless201()


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """What is asked and changed at once, by the last words of the tables' names."""
    found: Counter[str] = Counter()
    with CaptureQueriesContext(transaction.get_connection()) as queries:
        yield found
    for query in queries:
        if told := STATEMENT.match(query["sql"]):
            verb, table = filter(None, told.groups())
            found[f"{verb} {table.rpartition('_')[2]}"] += 1
    for rows in AT_THE_END:
        del found[rows]


def again(station: Wireless201, start: float = 60) -> Session:
    """The second session at an outlet, just before its start: the first has made the outlet known."""
    first = Session("first")
    station.event(first.started("Authorized", time=at(0), idToken=ALICE, wh=1))
    station.event(first.ended(time=at(1), wh=2), received=1)
    return Session("second")


def test_a_start_with_a_token_asks_for_nothing_twice(station: Wireless201):
    session = again(station)
    start = session.started("Authorized", time=at(60), idToken=ALICE, wh=1000, state="Charging")
    with counted() as found:
        station.event(start, received=60)
    assert found == {
        "SELECT transaction": 2,  # of its id, and at its outlet
        "INSERT transaction": 1,
        "SELECT idtoken": 1,
        "SELECT configurationkey": 1,  # whether it shows prices
        "SELECT evse": 1,
        "SELECT connector": 3,  # as it is named, as it is told outside, and what it shows
        "UPDATE connector": 1,
        "SELECT reservation": 1,
        "SELECT command": 1,  # a remote start
        "SELECT unexplainedcharging": 1,
        "SELECT installedprofile": 1,
    }
    row = station.transactions[-1]
    assert (row.meter_start_wh, row.meter_begin_seen, row.last_seq) == (1000, True, 0)


def test_a_start_of_1_6_asks_for_nothing_twice():
    token()
    station = Wireless()
    station.stop(station.start()["transactionId"], received=1)
    with counted() as found:
        station.start(received=60)
    assert found == {
        "SELECT transaction": 4,  # of the same claim, an end without a start, a free number, and at its outlet
        "INSERT transaction": 1,
        "SELECT idtoken": 1,
        "SELECT reservation": 1,
        "SELECT command": 1,
        "SELECT unexplainedcharging": 1,
        "SELECT installedprofile": 1,
    }


def test_an_event_with_a_token_in_its_order_asks_neither_the_ledger_nor_the_readings(station: Wireless201):
    session = again(station)
    station.event(session.started("Authorized", time=at(60), idToken=ALICE, state="Charging"), received=60)
    station.event(session.updated(time=at(61), wh=1000, state="Charging"), received=61)
    event = session.updated(time=at(61.5), wh=1100, state="Charging", idToken=ALICE)
    with counted() as found:
        assert station.event(event, received=61.5) == {"idTokenInfo": {"status": "Accepted"}}
    assert found == {
        "SELECT transaction": 1,
        "UPDATE transaction": 1,
        "SELECT idtoken": 1,
        "SELECT configurationkey": 1,
        "SELECT connector": 1,
    }
    station.event(session.ended(time=at(62), wh=1200), received=62)
    row = station.transactions[-1]
    assert (row.meter_start_wh, row.energy_wh, row.last_seq, row.gaps) == (1000, 200, 3, [])


def test_another_state_asks_neither_the_ledger_nor_the_readings(station: Wireless201):
    session = again(station)
    station.event(session.started("Authorized", time=at(60), idToken=ALICE, wh=1000), received=60)
    station.event(session.updated(time=at(61), wh=1000), received=61)
    with counted() as found:
        station.event(
            session.updated("ChargingStateChanged", time=at(61.5), wh=1, state="Charging"), received=61.5
        )
    assert found == {
        "SELECT transaction": 1,
        "UPDATE transaction": 1,
        "SELECT assignment": 1,  # of a tariff: what it costs changes with the state
        "SELECT connector": 2,
        "UPDATE connector": 1,
    }
    assert station.transactions[-1].charging_state == "Charging"


def test_where_a_tariff_holds_and_no_texts_are_shown_nobody_asks_for_prices(station: Wireless201):
    assigned(tariff(energy_price="0.45"))
    with counted() as found:
        answer = station.say("Authorize", {"idToken": ALICE})
    assert answer == {"idTokenInfo": {"status": "Accepted"}}
    assert found == {"SELECT idtoken": 1, "SELECT configurationkey": 1}


# --- that the short ways end where the long ones do -------------------------------------------------------------------


def test_a_number_that_another_process_has_stored_is_seen_at_the_second_look(station: Wireless201):
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE, wh=1000))
    station.event(session.updated(time=at(2), state="Charging", seqNo=2), received=2)
    late = session.updated(time=at(1), wh=1100, seqNo=1)
    stopped = session.updated("StopAuthorized", time=at(3), idToken=BOB, seqNo=3)
    other = Wireless201.__new__(Wireless201)  # the same station, held by another process
    other.row = station.row
    other.reconnect()
    other.event(late, received=3)
    reading = session.updated(time=at(3), wh=1200, seqNo=3)
    other.event(reading, received=3)
    assert station.only.last_seq == 2, "a reading in its order is in the ledger alone"
    with pytest.raises(IntegrityError), transaction.atomic():
        station.event(stopped, received=3.1)
    assert station.event(stopped, received=3.1)["idTokenInfo"]["status"] == "Unknown"  # as the writer does
    events = TransactionEvent.objects.order_by("seq_no", "twin").values_list("seq_no", "twin")
    assert list(events) == [(0, 0), (1, 0), (2, 0), (3, 0), (3, 1)]
    assert station.only.anomalies == ["seq_reused"]


def test_an_event_that_another_process_went_beyond_is_no_newest_one(station: Wireless201):
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE, wh=1000))
    state = session.updated("ChargingStateChanged", time=at(1), state="Charging")
    other = Wireless201.__new__(Wireless201)
    other.row = station.row
    other.reconnect()
    other.event(session.updated("ChargingStateChanged", time=at(2), state="SuspendedEV"), received=2)
    station.event(state, received=2.1)
    assert (station.only.charging_state, station.only.gaps) == ("SuspendedEV", [])


def told(*readings: tuple[float, int, str]) -> list[dict[str, Any]]:
    return [
        {"timestamp": at(minute), "sampledValue": [{"value": wh, "context": context}]}
        for minute, wh, context in readings
    ]


@pytest.mark.parametrize(
    ("readings", "start", "begun"),
    [
        ([(2, 1200, "Sample.Clock"), (1, 1100, "Sample.Clock")], 1100, False),
        ([(1, 1100, "Sample.Clock"), (2, 1200, "Transaction.Begin")], 1200, True),
        ([(1, 1100, "Transaction.End")], None, False),
        ([(1, 1100, "Transaction.End"), (2, 1200, "Sample.Clock")], 1200, False),
        ([(1, 1100, "Sample.Clock"), (1, 1200, "Sample.Clock")], 1100, False),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_the_register_at_the_start_is_the_same_whether_it_opens_the_transaction_or_not(
    station: Wireless201, readings: list[tuple[float, int, str]], start: int | None, begun: bool, first: bool
):
    session = Session("T")
    opening = session.started("Authorized", time=at(0), idToken=ALICE, meterValue=told(*readings))
    if not first:
        station.event(session.updated(time=at(3)), received=3)
    station.event(opening, received=3)
    assert (station.only.meter_start_wh, station.only.meter_begin_seen) == (start, begun)
    assert MeterValue.objects.count() == len(readings)


def test_a_clock_that_was_set_back_is_looked_at_when_it_ends(station: Wireless201):
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE))
    station.event(session.updated(time=at(5), wh=1000), received=5)
    station.event(session.updated(time=at(2), wh=900, idToken=ALICE), received=6)
    assert station.only.meter_start_wh == 1000, "nothing looks back while it goes on in its order"
    station.event(session.ended(time=at(7), wh=1500), received=7)
    station.event(session.updated(time=at(1), wh=800), received=8)
    assert (station.only.meter_start_wh, station.only.energy_wh) == (800, 700)


def test_a_driver_whose_event_had_no_number_gives_way_to_one_that_had(station: Wireless201):
    session = Session("T")
    station.event(session.started("CablePluggedIn", time=at(0)))
    unnumbered = session.updated("Authorized", time=at(1), idToken=BOB) | {"seqNo": None}
    station.event(unnumbered, received=1)
    assert station.only.id_token == "BOB"
    station.event(session.updated("Authorized", time=at(2), idToken=ALICE, seqNo=1), received=2)
    assert station.only.id_token == "ALICE"


def test_a_car_is_shown_where_it_is_though_a_person_has_put_the_outlet_elsewhere(station: Wireless201):
    session = again(station)
    Connector.objects.filter(charge_point=station.row, number__gt=0).update(evse_number=9)
    other = Connector.objects.create(charge_point=station.row, number=5, evse_number=1, evse_connector=1)
    station.event(session.started(time=at(60), state="Charging"), received=60)
    other.refresh_from_db()
    assert other.activity == "Charging"


def test_a_car_is_shown_at_its_own_outlet_of_an_evse(station: Wireless201):
    for connector in (1, 2):
        meet(station.row.pk, 1, connector, known_from="report")
    station.event(Session("T", connector=2).started(time=at(0), state="Charging"))
    shown = Connector.objects.filter(charge_point=station.row, number__gt=0).order_by("evse_connector")
    assert list(shown.values_list("activity", flat=True)) == ["", "Charging"]


def test_a_start_after_an_end_that_was_inferred_is_another_though_its_number_follows(station: Wireless201):
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE))
    Transaction.objects.update(status="ended", end_source="inferred", stopped_at=NOON + timedelta(minutes=5))
    station.event(session.started("Authorized", time=at(60), idToken=ALICE), received=60)
    assert [row.wire_generation for row in station.transactions] == [0, 1]


def test_what_is_remembered_of_one_says_nothing_of_the_next_of_its_id(station: Wireless201):
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE))
    station.event(session.updated("ChargingStateChanged", time=at(1), state="Charging"), received=1)
    other = Wireless201.__new__(Wireless201)
    other.row = station.row
    other.reconnect()
    other.event(Session("T").started("Authorized", time=at(60), idToken=ALICE, wh=1), received=60)
    station.event(session.updated("Authorized", time=at(62), idToken=ALICE), received=62)
    assert [row.gaps for row in station.transactions] == [[], [[1, 1]]]


def test_one_that_was_superseded_and_never_ended_still_makes_its_outlet_busy():
    token()
    station = Wireless()
    station.start()
    station.stop(station.start(received=10)["transactionId"], received=20)
    station.start(received=30)
    assert [row.superseded for row in station.transactions] == [True, False, False]
    assert station.transactions[-1].anomalies == ["started_on_busy_connector"]
