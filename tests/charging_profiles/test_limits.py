"""What charge points say of their limits is read however they write it."""

import pytest

from chargers.configuration.selectors import read_number
from transactions.charging_profiles.limits import read_units


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("Current", "A"),
        ("Power", "W"),
        ("Current,Power", "AW"),
        ("current, power", "AW"),
        ("W", "W"),
        ("A", "A"),
        ('"A","W"', "AW"),
        ("[Current; Power]", "AW"),
        ("Ampere/Watt", "AW"),
        ("", ""),
        (None, ""),
        ("something", ""),
    ],
)
def test_units_are_read(text: str | None, units: str):
    assert read_units(text) == frozenset(units)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("8", 8),
        (" 8 ", 8),
        ('"0"', 0),
        ("", None),
        (None, None),
        ("many", None),
        ("-1", None),
        ("9" * 30, None),
    ],
)
def test_numbers_are_read(text: str | None, number: int | None):
    assert read_number(text) == number
