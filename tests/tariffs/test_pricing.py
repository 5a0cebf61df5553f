"""What a use costs: exact to the smallest unit, and what is shown adds up."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactions.tariffs.pricing import (
    CHARGING,
    PARKED,
    TOTAL_MAX,
    Prices,
    Unpriceable,
    Usage,
    cost,
    decimals,
    plain,
    times,
)

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def price(value: str) -> Decimal:
    return Decimal(value)


prices = st.decimals(0, 1000, places=4)
uses = st.builds(
    Usage,
    st.none() | st.integers(-(10**6), 10**8),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
tariffs = st.builds(
    Prices,
    st.sampled_from(["EUR", "JPY", "KWD", "CLF", "XYZ"]),
    energy=prices,
    charging=prices,
    parking=prices,
    session=prices,
    tax_percent=st.decimals(0, Decimal("99.99"), places=2),
    parking_grace_seconds=st.integers(0, 10**6),
)


@given(uses, tariffs)
def test_what_is_shown_adds_up_in_whole_smallest_units(usage: Usage, tariff: Prices) -> None:
    found = cost(usage, tariff)
    smallest = Decimal(1).scaleb(-decimals(tariff.currency))
    assert sum((line.amount for line in found.components), Decimal(0)) == found.net
    assert found.net + found.tax == found.total
    for amount in (found.net, found.tax, found.total, *(line.amount for line in found.components)):
        assert amount >= 0
        assert amount % smallest == 0
        assert amount.as_tuple().exponent == smallest.as_tuple().exponent, "a currency's zeros stay"
    for line in found.components:
        assert line.price > 0
        assert abs(line.quantity * line.price - line.amount) <= smallest / 2, "as whoever checks it reckons"
    assert abs(found.net * tariff.tax_percent / 100 - found.tax) <= smallest / 2


@given(uses, tariffs)
def test_more_use_never_costs_less(usage: Usage, tariff: Prices) -> None:
    more = Usage(max(0, usage.energy_wh or 0) + 1, usage.charging_seconds + 1, usage.parking_seconds + 1)
    assert cost(more, tariff).total >= cost(usage, tariff).total


@pytest.mark.parametrize(
    ("currency", "energy_wh", "energy_price", "total"),
    [
        ("EUR", 12345, "0.45", "5.56"),  # 5.55525
        ("EUR", 1000, "0.005", "0.01"),  # half a cent goes up
        ("EUR", 3000, "0.005", "0.02"),  # also where a banker's would go down
        ("EUR", 1000, "0.0049", "0.00"),
        ("EUR", 100_000, "0.1", "10.00"),  # a float would say 0.1000000000000000055
        ("JPY", 12345, "31", "383"),  # 382.695
        ("JPY", 500, "1", "1"),
        ("KWD", 1, "0.5", "0.001"),  # 0.0005
        ("CLF", 1, "0.05", "0.0001"),
    ],
)
def test_amounts_are_rounded_half_up_to_the_currencys_unit(
    currency: str, energy_wh: int, energy_price: str, total: str
) -> None:
    found = cost(Usage(energy_wh, 0, 0), Prices(currency, energy=price(energy_price)))
    assert f"{found.total:f}" == total


def test_every_component_has_its_line() -> None:
    tariff = Prices(
        "EUR",
        energy=price("0.45"),
        charging=price("1.20"),
        parking=price("6"),
        session=price("0.35"),
        tax_percent=price("19"),
        parking_grace_seconds=900,
    )
    found = cost(Usage(10_000, 1800, 2700), tariff)
    lines = [(c.kind, plain(c.quantity), c.unit, plain(c.price), f"{c.amount:f}") for c in found.components]
    assert lines == [
        ("energy", "10", "kWh", "0.45", "4.50"),
        ("charging_time", "0.5", "h", "1.2", "0.60"),
        ("parking_time", "0.5", "h", "6", "3.00"),
        ("session", "1", "session", "0.35", "0.35"),
    ]
    assert (f"{found.net:f}", f"{found.tax:f}", f"{found.total:f}") == ("8.45", "1.61", "10.06")


def test_what_is_free_has_no_line() -> None:
    found = cost(Usage(10_000, 1800, 2700), Prices("EUR"))
    assert (found.components, f"{found.total:f}") == ((), "0.00")
    assert f"{cost(Usage(1, 1, 1), Prices('JPY')).total:f}" == "0"


@pytest.mark.parametrize(("parked", "amount"), [(0, "0.00"), (900, "0.00"), (901, "1.00"), (960, "60.00")])
def test_the_grace_is_free_and_ends_to_the_second(parked: int, amount: str) -> None:
    found = cost(Usage(0, 0, parked), Prices("EUR", parking=price("3600"), parking_grace_seconds=900))
    assert f"{found.total:f}" == amount


def test_energy_that_nobody_knows_costs_nothing() -> None:
    found = cost(Usage(None, 0, 0), Prices("EUR", energy=price("0.45"), session=price("1")))
    assert [f"{line.amount:f}" for line in found.components] == ["0.00", "1.00"]


def test_a_cost_beyond_all_measure_is_refused() -> None:
    with pytest.raises(Unpriceable, match="10000000000.00 EUR"):
        cost(Usage(10**13, 0, 0), Prices("EUR", energy=Decimal(1)))
    with pytest.raises(Unpriceable):
        cost(Usage(2**63 - 1, 0, 0), Prices("CLF", energy=price("99999999.9999"), tax_percent=price("99")))
    assert cost(Usage(10**13 - 1, 0, 0), Prices("JPY", session=TOTAL_MAX - 1)).total == TOTAL_MAX - 1


def test_a_currency_of_another_spelling_is_another() -> None:
    assert [decimals(currency) for currency in ("EUR", "JPY", "KWD", "CLF", "PYG", "", "F C")] == [
        2,
        0,
        3,
        4,
        0,
        2,
        2,
    ]


# --- times ------------------------------------------------------------------------------------------------------------

WORDS = [
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
    "",
    "Juggling",
]
reports = st.lists(
    st.tuples(
        st.timedeltas(timedelta(days=-2), timedelta(days=2)).map(lambda delta: NOON + delta),
        st.sampled_from(WORDS),
    ),
    max_size=30,
)


@given(reports, st.timedeltas(timedelta(hours=-1), timedelta(days=1)))
def test_a_connector_is_never_used_for_longer_than_the_transaction(
    told: list[tuple[datetime, str]], length: timedelta
) -> None:
    for order in (told, sorted(told, key=lambda one: one[0])):
        charging, parked = times(NOON, NOON + length, order)
        assert charging >= 0
        assert parked >= 0
        assert charging + parked <= max(0, length // timedelta(seconds=1))


@given(reports)
def test_statuses_split_the_time_to_the_second(told: list[tuple[datetime, str]]) -> None:
    """Looked at minute by minute instead."""
    whole = sorted(((at.replace(second=0, microsecond=0), word) for at, word in told), key=lambda one: one[0])
    minutes = [NOON + timedelta(minutes=number) for number in range(60)]
    current = [next((word for at, word in reversed(whole) if at <= minute), "") for minute in minutes]
    charging, parked = times(NOON, NOON + HOUR, whole)
    assert parked == 60 * sum(word in PARKED for word in current)
    if parked:
        assert charging == 60 * sum(word in CHARGING for word in current)


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


@pytest.mark.parametrize(
    ("told", "charging", "parked"),
    [
        ([], 60, 0),
        ([(-5, "Available"), (-1, "Preparing")], 60, 0),
        ([(-1, "Preparing"), (0, "Charging"), (40, "SuspendedEV")], 40, 20),
        ([(1, "Charging"), (30, "SuspendedEVSE"), (45, "Charging")], 44, 0),
        ([(0, "SuspendedEVSE")], 0, 0),
        ([(0, "Charging"), (10, "Faulted"), (20, "Charging"), (50, "Finishing"), (70, "Available")], 40, 10),
        ([(0, "Charging"), (59, "Charging"), (60, "Finishing")], 60, 0),
        ([(60, "Finishing"), (61, "Available")], 60, 0),
        ([(10, "Juggling")], 60, 0),
        ([(-600, "Charging")], 60, 0),
        ([(0, "Charging"), (20, "SuspendedEV"), (10, "Charging")], 60, 0),
    ],
    ids=[
        "nothing is known",
        "only what was before",
        "the usual",
        "the station pauses",
        "the station never began",
        "a fault between",
        "it ends with it",
        "too late",
        "a word that nobody knows",
        "long before",
        "out of order",
    ],
)
def test_times(told: list[tuple[float, str]], charging: int, parked: int) -> None:
    found = times(NOON, NOON + HOUR, [(minute(number), word) for number, word in told])
    assert found == (charging * 60, parked * 60)


def test_flapping_adds_up() -> None:
    told = [
        (NOON + timedelta(seconds=0.5 * number), ("Charging", "SuspendedEV")[number % 2])
        for number in range(7200)
    ]
    assert times(NOON, NOON + HOUR, told) == (1800, 1800)


def test_an_end_before_the_start_took_no_time() -> None:
    assert times(NOON, NOON - HOUR, [(minute(-30), "Charging")]) == (0, 0)
