"""Promise 2 between processes, for the numbered events of 2.0.1: one event that two processes have counts once."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from django.db import transaction

from tests.conformance.v201.cast import ALICE, Session
from tests.tariffs.cast import assigned, tariff
from tests.transactions.cast import Wireless201, at, token
from tests.transactions.test_two_processes import OtherProcess, other
from transactions.sequence.models import TransactionEvent
from transactions.tariffs.models import Cost

__all__ = ["other"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres_only]


@pytest.fixture
def station() -> Wireless201:
    """Half a euro is asked for a kWh."""
    token()
    assigned(tariff(energy_price="0.40", tax_percent="25"))
    return Wireless201()


def elsewhere(station: Wireless201, event: dict[str, Any], received: float) -> Callable[[], dict[str, Any]]:
    """The same station says an event to another process, as it does when it has reconnected."""
    there = Wireless201.__new__(Wireless201)
    there.row = station.row
    there.reconnect()
    return lambda: there.say("TransactionEvent", deepcopy(event), received)


def test_the_same_event_opens_a_session_once_and_the_same_end_bills_it_once(
    station: Wireless201, other: OtherProcess
) -> None:
    session = Session("T")
    start = session.started("Authorized", time=at(0), idToken=ALICE, wh=1000)
    with transaction.atomic():
        first = station.event(start)
        other.begin(elsewhere(station, start, 0.1))
    assert other.end() == first
    assert other.looks == 2, "the id let one in, the other found it in a second look"
    end = session.ended(time=at(30), wh=5000)
    with transaction.atomic():
        last = station.event(end, received=30)
        other.begin(elsewhere(station, end | {"offline": True}, 30.1))
    assert other.end() == last == {"totalCost": 2}
    assert (station.only.energy_wh, station.only.anomalies) == (4000, [])
    assert [reading.energy_wh for reading in station.readings] == [1000, 5000]
    assert (TransactionEvent.objects.count(), Cost.objects.get().total) == (2, 2)
    assert [len(station.told(type)) for type in ("tx.started", "tx.stopped", "tx.priced")] == [1, 1, 1]
