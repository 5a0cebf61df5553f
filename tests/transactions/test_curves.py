"""The curves of a transaction: by phase and in sum, thinned without losing a peak, gaps left open."""

from datetime import timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.core.ids import uuid7
from tests.transactions.cast import NOON, Wireless, at
from transactions import curves as module
from transactions.curves import POINTS_MAX, Readings, curves, readings, thinned
from transactions.models import METER_VALUES, MeterValue, Transaction


def phases(minute: float, *watts: float, **more: object) -> dict:
    samples = [
        {"value": str(value), "measurand": "Power.Active.Import", "phase": f"L{number}", "unit": "W"}
        for number, value in enumerate(watts, 1)
    ]
    return {"timestamp": at(minute), "sampledValue": [*samples, *more.get("also", ())]}  # type: ignore[misc]


@pytest.mark.django_db
def test_power_by_phase_and_in_sum(cp16: Wireless) -> None:
    number = cp16.start()["transactionId"]
    volts = [{"value": "230.4", "measurand": "Voltage", "phase": "L1-N", "unit": "V"}]
    for minute in (1, 2, 3):
        value = phases(minute, 1000 * minute, 2000, 3000, also=volts if minute == 1 else ())
        cp16.say("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [value]}, minute)
    METER_VALUES.flush()
    found = curves(cp16.only)
    power = {curve.phase: [value for _, value in curve.points] for curve in found.of("power_w")}
    assert power == {
        "": [6000.0, 7000.0, 8000.0],
        "L1": [1000.0, 2000.0, 3000.0],
        "L2": [2000.0] * 3,
        "L3": [3000.0] * 3,
    }
    [voltage] = found.of("voltage_v")
    assert (voltage.phase, voltage.points[0][1]) == ("L1", 230.4)


@pytest.mark.django_db
def test_energy_begins_at_nothing_and_ends_at_what_is_billed(cp16: Wireless) -> None:
    number = cp16.start()["transactionId"]
    cp16.meter(2000, number, 10)
    cp16.meter(4000, number, 12)
    cp16.stop(number, received=13, meterStop=4500)
    METER_VALUES.flush()
    [energy] = curves(cp16.only).of("energy_wh")
    assert [value for _, value in energy.points if value is not None] == [0, 1000, 3000, 3500]


@pytest.mark.django_db
def test_readings_that_stayed_away_leave_a_gap(cp16: Wireless) -> None:
    number = cp16.start()["transactionId"]
    for minute in (1, 2, 3, 4, 40, 41):
        value = phases(minute, 7000)
        cp16.say("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [value]}, minute)
    METER_VALUES.flush()
    found = curves(cp16.only)
    [(since, until)] = readings(cp16.only).gaps
    assert (since, until) == (NOON + timedelta(minutes=4), NOON + timedelta(minutes=40))
    assert [value for _, value in found.of("power_w")[0].points].count(None) == 1


@pytest.mark.django_db
def test_a_long_one_is_bounded_and_says_so(cp16: Wireless, monkeypatch: pytest.MonkeyPatch) -> None:
    cp16.start()
    MeterValue.objects.bulk_create(
        MeterValue(
            id=uuid7(),
            charge_point=cp16.row,
            connector_number=1,
            transaction=cp16.only,
            sampled_at=NOON + timedelta(seconds=10 * number),
            received_at=NOON,
            power_w=99_000 if number == 1234 else 7000,
            samples=orjson.dumps([]).decode(),
        )
        for number in range(4000)
    )
    found = curves(cp16.only)
    [power] = found.of("power_w")
    assert len(power.points) <= POINTS_MAX
    assert max(value for _, value in power.points if value is not None) == 99_000
    assert (found.readings, found.cut) == (4000, False)
    monkeypatch.setattr(module, "READINGS_MAX", 100)
    found = curves(cp16.only)
    assert (found.readings, found.cut) == (100, True)
    read = readings(cp16.only, newest=3)
    assert (read.count, read.cut) == (100, True)
    assert [reading.sampled_at for reading in read.newest] == [
        NOON + timedelta(seconds=10 * number) for number in (3999, 3998, 3997)
    ]


@pytest.mark.django_db
def test_one_without_readings_has_no_curves(cp16: Wireless) -> None:
    cp16.start()
    found = curves(Transaction.objects.get())
    assert (found.curves, found.readings) == ((), 0)
    assert readings(Transaction.objects.get()) == Readings((), (), 0, cut=False)


values = st.lists(
    st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e6)), max_size=300, unique_by=lambda value: value[0]
).map(sorted)


@given(values=values, most=st.integers(8, 60))
def test_thinning_keeps_the_ends_the_extremes_and_the_order(values: list, most: int) -> None:
    kept = thinned(values, most)
    assert len(kept) <= max(most, 1) or len(values) <= most
    assert set(kept) <= set(values)
    assert [at for at, _ in kept] == sorted(at for at, _ in kept)
    if values:
        assert (kept[0], kept[-1]) == (values[0], values[-1])
        assert {min(v for _, v in kept), max(v for _, v in kept)} == {
            min(v for _, v in values),
            max(v for _, v in values),
        }


@pytest.mark.django_db
def test_the_newest_readings_are_those_that_came_last_in_the_order_of_time(cp16: Wireless) -> None:
    number = cp16.start()["transactionId"]
    for minute in (1, 9, 5):
        cp16.meter(1000 + 100 * minute, number, minute)
    METER_VALUES.flush()
    read = readings(cp16.only, newest=2)
    assert [(reading.sampled_at, reading.energy_wh) for reading in read.newest] == [
        (NOON + timedelta(minutes=9), 1900),
        (NOON + timedelta(minutes=5), 1500),
    ]
    assert (read.count, read.cut) == (3, False)
