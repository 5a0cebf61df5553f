"""Numbers that charge points give for things that are counted."""

import pytest

from chargers.handling import INT32_MAX, int32


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (0, 0),
        (7, 7),
        (INT32_MAX, INT32_MAX),
        (INT32_MAX + 1, INT32_MAX),
        (10**30, INT32_MAX),
        (-1, INT32_MAX),
    ],
)
def test_an_absurd_number_becomes_the_largest_and_never_the_whole_charge_point(given: int, kept: int) -> None:
    assert int32(given) == kept
