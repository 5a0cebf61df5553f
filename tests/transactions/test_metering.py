"""What was delivered, from registers that wander: the end decides unless it cannot be, then the readings tell."""

from datetime import UTC, datetime, timedelta

import pytest

from transactions.metering import Register, Settlement, settle

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KW22 = 22_000


def settled(start, stop, *values: int, step: float = 10, timed: bool = True, most: int = KW22) -> Settlement:
    """A transaction whose readings come `step` minutes apart, its end one step after the last."""
    readings = [
        Register(NOON + timedelta(minutes=step * n), value) for n, value in enumerate(values, start=1)
    ]
    return settle(
        start_wh=start,
        stop_wh=stop,
        started_at=NOON,
        stopped_at=NOON + timedelta(minutes=step * (len(values) + 1)),
        timed=timed,
        readings=readings,
        max_power_w=most,
    )


@pytest.mark.parametrize(
    ("start", "stop", "values", "energy", "words"),
    [
        (1000, 5000, [], 4000, []),
        (1000, 5000, [2000, 3000], 4000, []),
        (1000, 1000, [1000], 0, []),
        (1000, 5000, [2000, 1995, 3000], 4000, []),  # trembles
        (1000, 5000, [2000, 0, 3000], 4000, ["meter_fell"]),  # one reading was wrong
        (1000, 4800, [2000, 4900], 3800, ["meter_fell"]),  # the end decides
        (1000, 10, [], 0, ["meter_stop_below_start"]),
        (1000, 10, [3000], 2000, ["meter_stop_below_start"]),
        (1000, 2200, [3000, 0, 1000], 4200, ["meter_restarted"]),  # reset half-way
        (
            1_000_000,
            3000,
            [50, 1000, 2000],
            3000,
            ["meter_stop_below_start", "meter_restarted"],
        ),  # per session
        (0, 3000, [50, 1000, 2000], 3000, []),  # per session, and it says so
        (3000, 2000, [5000, 100, 2500, 50, 1500], 2000 + 2500 + 2000, None),  # reset twice
        (-100, 900, [], 1000, ["meter_negative"]),
        (1000, 5000, [2000, 9_000_000, 3000], 4000, ["meter_jumped"]),  # and came back
        (1000, 902_000, [2000, 900_000, 901_000], 3000, ["meter_jumped"]),  # and stayed
        (1000, 900_000, [], 899_000, ["meter_jumped"]),  # nothing tells better
    ],
)
def test_the_energy_of_registers(start, stop, values, energy, words):
    out = settled(start, stop, *values)
    assert out.energy_wh == energy
    assert out.stop_wh == stop, "the claim stands beside it"
    if words is not None:
        assert sorted(out.words) == sorted(words)


@pytest.mark.parametrize(
    ("start", "values", "stop", "energy"),
    [
        (1000, [], None, None),
        (1000, [2000, 3000], 3000, 2000),
        (1000, [2000, 0], 2000, 1000),
        (1000, [3000, 0, 500], 500, 2500),
        (None, [2000, 3000], 3000, None),
    ],
)
def test_without_a_register_at_the_end_the_last_reading_is_it(start, values, stop, energy):
    out = settled(start, None, *values)
    assert (out.stop_wh, out.energy_wh) == (stop, energy)


def test_without_times_nothing_is_too_fast():
    assert settled(1000, 900_000, timed=False).words == []


def test_what_is_too_fast_depends_on_the_connector():
    assert settled(0, 60_000, step=15, most=22_000).words == ["meter_jumped"]
    assert settled(0, 60_000, step=15, most=400_000).words == []


def power(register_wh: float, watts: float) -> Settlement:
    """An hour at a constant power."""
    readings = [Register(NOON + timedelta(minutes=20 * n), None, watts) for n in range(4)]
    return settle(
        start_wh=0,
        stop_wh=round(register_wh),
        started_at=NOON,
        stopped_at=NOON + timedelta(hours=1),
        timed=True,
        readings=readings,
        max_power_w=KW22,
    )


@pytest.mark.parametrize(
    ("wh", "watts", "words"),
    [
        (7000, 7000, []),
        (7, 7000, ["unit_suspected"]),  # kWh called Wh
        (7000, 7, ["unit_suspected"]),  # kW called W
        (3500, 7000, []),
        (0, 7000, []),
        (7000, 0, []),
    ],
)
def test_v6_energy_and_power_a_thousand_times_apart_are_suspicious(wh, watts, words):
    assert power(wh, watts).words == words


def test_readings_outside_of_the_transaction_say_nothing_of_it():
    stray = Register(NOON - timedelta(hours=5), 400)
    out = settle(
        start_wh=1000,
        stop_wh=5000,
        started_at=NOON,
        stopped_at=NOON + timedelta(hours=1),
        timed=True,
        readings=[stray],
        max_power_w=KW22,
    )
    assert (out.energy_wh, out.words) == (4000, [])
