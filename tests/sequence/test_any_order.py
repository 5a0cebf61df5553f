"""The events of a session in any order, some of them twice, some late: the transaction is the same in the end."""

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.v201.cast import ALICE, Session
from tests.transactions.cast import NOON, Wireless201, at, token
from transactions.models import MeterValue, Transaction
from transactions.sequence.models import TransactionEvent

pytestmark = pytest.mark.django_db

NAMES = count()
BOB = {"idToken": "BOB", "type": "ISO14443"}


def whole_session() -> list[dict[str, Any]]:
    """A session of an hour: plugged in, authorized, charging with a break, stopped by another's card, unplugged."""
    s = Session("TX-1")
    return [
        s.started("CablePluggedIn", time=at(0), state="EVConnected", wh=1000),
        s.updated("Authorized", time=at(1), idToken=ALICE),
        s.updated("ChargingStateChanged", time=at(2), state="Charging", wh=1010),
        s.updated(time=at(20), wh=4000),
        s.updated("ChargingStateChanged", time=at(30), state="SuspendedEV", wh=6000),
        s.updated("ChargingStateChanged", time=at(40), state="Charging", info={"timeSpentCharging": 1700}),
        s.updated(time=at(50), wh=9000),
        s.updated("StopAuthorized", time=at(58), idToken=BOB, state="EVConnected"),
        s.ended("EVDeparted", reason="Local", time=at(60), wh=11_000, state="Idle"),
    ]


SETTLED = (
    "status",
    "end_source",
    "started_at",
    "stopped_at",
    "meter_start_wh",
    "meter_stop_wh",
    "energy_wh",
    "evse_number",
    "connector_number",
    "id_token",
    "token_key",
    "authorization",
    "stop_id_token",
    "stop_reason",
    "charging_state",
    "seconds_charging",
    "orphan",
    "last_seq",
    "gaps",
    "waits_until",
    "anomalies",
    "raw_start",
    "raw_stop",
)


def settled(transaction: Transaction) -> dict[str, Any]:
    return {name: getattr(transaction, name) for name in SETTLED}


def said(order: list[int], *, reconnects: frozenset[int] = frozenset()) -> tuple[dict[str, Any], int, int]:
    """Say the events of this order on a station of their own; return what was settled, and what is kept."""
    station = Wireless201(f"CS-{next(NAMES)}")
    events = whole_session()
    for step, number in enumerate(order):
        if step in reconnects:
            station.reconnect()
        station.event(events[number], received=61 + step / 10)
    row = station.only
    kept = TransactionEvent.objects.filter(transaction=row).count()
    return settled(row), kept, MeterValue.objects.filter(transaction=row).count()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(
    order=st.permutations(range(9)),
    again=st.lists(st.integers(0, 8), max_size=5),
    reconnects=st.frozensets(st.integers(0, 13), max_size=4),
)
def test_the_order_of_arrival_changes_nothing(order: list[int], again: list[int], reconnects: frozenset[int]):
    settled_so, kept, readings = said([*order, *again], reconnects=reconnects)
    in_order, _, _ = said(list(range(9)))
    assert settled_so == in_order
    assert settled_so["energy_wh"] == 10_000
    assert settled_so["anomalies"] == []
    assert (kept, readings) == (9, 6)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(lost=st.sets(st.integers(0, 8), min_size=1, max_size=6), data=st.data())
def test_what_is_lost_is_listed_and_what_comes_at_last_settles_it(lost: set[int], data: st.DataObject):
    heard = data.draw(st.permutations(sorted(set(range(9)) - lost)))
    station = Wireless201(f"CS-{next(NAMES)}")
    events = whole_session()
    for step, number in enumerate(heard):
        station.event(events[number], received=61 + step / 10)
    row = station.only
    highest = max(heard)
    missing = [number for first, last in row.gaps for number in range(first, last + 1)]
    assert missing == [number for number in sorted(lost) if number < highest]
    assert (row.waits_until is not None) == bool(missing)
    assert row.status == ("ended" if 8 in heard else "active")
    for step, number in enumerate(data.draw(st.permutations(sorted(lost)))):
        station.event(events[number], received=70 + step / 10)
    row = station.only
    assert (row.energy_wh, row.gaps, row.waits_until, row.anomalies) == (10_000, [], None, [])


def test_a_session_is_told_once_however_often_its_events_come():
    token()
    station = Wireless201()
    events = whole_session()
    for again in range(2):
        for number, event in enumerate(events):
            station.event(event, received=number + again * 20)
    assert [len(station.told(type)) for type in ("tx.started", "tx.stopped", "tx.stop_differs")] == [1, 1, 0]
    [stopped] = station.told("tx.stopped")
    assert (stopped["complete"], stopped["sequence_gaps"], stopped["consumed_wh"]) == (True, [], 10_000)
    assert (stopped["started_by"], stopped["id_token"], stopped["evse_id"]) == ("ALICE", "BOB", 1)
    assert station.only.started_at == NOON
