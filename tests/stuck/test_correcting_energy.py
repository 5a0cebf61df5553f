"""Corrections neither lose nor invent energy, however small the steps by which a register rises."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargers.models import Connector
from csms.core.refusals import NotNow
from tests.stuck.cast import Step, do, gone, kinds, later, open_session, status, words
from tests.transactions.cast import Wireless, at
from transactions.metering import TREMBLE_WH
from transactions.models import MeterValue, Transaction
from transactions.stuck.models import Correction, Kind

pytestmark = pytest.mark.django_db


def trickle(cp16: Wireless, number: int, register: int, *, since: float, until: float) -> int:
    """2.9 kW, read every ten seconds: no two neighbours are further apart than rounding may be."""
    minute = since
    while minute <= until:
        register += 8
        cp16.meter(register, number, minute)
        minute += 1 / 6
    return register


def test_what_rises_by_small_steps_still_charges(cp16: Wireless) -> None:
    number = open_session(cp16)
    day = 25 * 60
    cp16.meter(2000, number, 10)
    trickle(cp16, number, 2000, since=day - 2, until=day - 1)
    with pytest.raises(NotNow) as refused:
        do(cp16, Kind.ETERNAL, Step.ENDED, day)
    assert refused.value.code == "charging"
    assert cp16.only.status == "active"


def test_what_tells_of_power_still_charges(cp16: Wireless) -> None:
    number, day = open_session(cp16), 25 * 60

    def power(watts: str, minute: float) -> None:
        value = {"value": watts, "measurand": "Power.Active.Import", "unit": "W"}
        cp16.meter(0, number, minute, meterValue=[{"timestamp": at(minute), "sampledValue": [value]}])

    power("7200", day - 1)
    with pytest.raises(NotNow) as refused:
        do(cp16, Kind.ETERNAL, Step.ENDED, day)
    assert refused.value.code == "charging"
    power("0", day)
    do(cp16, Kind.ETERNAL, Step.ENDED, day + 1)
    assert cp16.only.status == "ended"


def test_what_rises_by_small_steps_after_its_connector_was_free_is_billed(cp16: Wireless) -> None:
    number = open_session(cp16, (10, 2000))
    status(cp16, "Available", 20)
    register = trickle(cp16, number, 2000, since=21, until=31)
    gone(cp16, 31)
    do(cp16, Kind.ZOMBIE, Step.ENDED, 60)
    assert cp16.only.meter_stop_wh == register
    assert cp16.only.energy_wh == register - 1000


def test_to_settle_again_bills_small_steps_and_empties_the_case(cp16: Wireless) -> None:
    from transactions.ending import infer_ends

    number = open_session(cp16, (10, 2000))
    status(cp16, "Available", 20)
    assert infer_ends(now=later(60)) == 1
    do(cp16, Kind.NO_STOP, Step.ENDED, 61)
    register = trickle(cp16, number, 2000, since=62, until=70)
    assert "rose_after_end" in words(Kind.NO_STOP, 71)
    do(cp16, Kind.NO_STOP, Step.ENDED, 71)
    assert cp16.only.meter_stop_wh == register
    assert kinds(72) == set()
    # A reading that comes late, of a time before its end, is settled, too.
    cp16.meter(register + 500, number, 73, time=at(69.9))
    do(cp16, Kind.NO_STOP, Step.ENDED, 74)
    assert cp16.only.energy_wh == register + 500 - 1000
    assert kinds(75) == set()
    # What no connector can deliver changes nothing that is billed, and still somebody has seen to it.
    cp16.meter(900_000_000, number, 76)
    assert kinds(77) == {Kind.NO_STOP}
    do(cp16, Kind.NO_STOP, Step.ENDED, 77)
    assert cp16.only.energy_wh == register + 500 - 1000
    assert kinds(78) == set()


steps = st.lists(st.integers(0, 40), max_size=8)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=steps, after=steps, seconds=st.integers(1, 900))
def test_however_often_it_is_read_nothing_beyond_rounding_is_lost(
    cp16: Wireless, before: list[int], after: list[int], seconds: int
) -> None:
    """Readings may go on after something has said that it is over: then that was wrong, and they are billed."""
    for model in (MeterValue, Correction, Transaction, Connector):
        model.objects.all().delete()
    register, minute = 1000, 0.0
    number = cp16.start(idTag="ALICE", meterStart=register)["transactionId"]
    for place, rise in enumerate([*before, *after]):
        register, minute = register + rise, minute + seconds / 60
        if place == len(before):
            status(cp16, "Available", minute - seconds / 120)
        cp16.meter(register, number, minute)
    gone(cp16, minute)
    do(cp16, Kind.ZOMBIE, Step.ENDED, minute + 60)
    assert 0 <= register - 1000 - (cp16.only.energy_wh or 0) <= TREMBLE_WH
    assert kinds(minute + 61) == set()


rises = st.lists(st.integers(0, 3000), min_size=0, max_size=12)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rises=rises, seen=st.booleans(), more=st.integers(0, 3000))
def test_no_correction_loses_or_invents_energy(
    cp16: Wireless, rises: list[int], seen: bool, more: int
) -> None:
    """Whatever was read by then is billed, no more; and the real end makes it as if nobody had touched it."""
    MeterValue.objects.all().delete()
    Correction.objects.all().delete()
    Transaction.objects.all().delete()
    Connector.objects.all().delete()
    register, minute = 1000, 0.0
    number = cp16.start(idTag="ALICE", meterStart=register)["transactionId"]
    for rise in rises:
        register, minute = register + rise, minute + 10
        cp16.meter(register, number, minute)
    if seen:
        status(cp16, "Available", minute + 1)
    gone(cp16, minute + 1)
    count = MeterValue.objects.count()
    do(cp16, Kind.ZOMBIE, Step.ENDED, minute + 60)
    ended = cp16.only
    assert ended.energy_wh == (register - 1000 if rises else None)
    assert MeterValue.objects.count() == count
    cp16.stop(number, at(minute + 30), received=minute + 90, meterStop=register + more)
    real = cp16.only
    assert real.energy_wh == register + more - 1000
    assert real.end_source == "reported"
    assert real.anomalies == ["stop_replaced"]
