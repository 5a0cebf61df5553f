"""Runs of missing numbers, as a transaction keeps them. Pure."""

from collections.abc import Sequence

GAPS_MAX = 100
"""Runs of missing numbers that are listed of one transaction; what is beyond them is seen when they have come."""

Gap = Sequence[int]
"""The first and the last number of a run that is missing."""


def numbers(gaps: Sequence[Gap], most: int = GAPS_MAX) -> list[int]:
    """Return the missing numbers one by one, the first so many."""
    found: list[int] = []
    for first, last in gaps:
        found += range(first, min(last, first + most - len(found) - 1) + 1)
        if len(found) >= most:
            break
    return found


def holds(gaps: Sequence[Gap], number: int) -> bool:
    """Whether a number is missing."""
    return any(first <= number <= last for first, last in gaps)


def filled(gaps: Sequence[Gap], number: int) -> list[list[int]]:
    """Return the runs without a number that has come."""
    left: list[list[int]] = []
    for first, last in gaps:
        parts = [[first, number - 1], [number + 1, last]] if first <= number <= last else [[first, last]]
        left += [part for part in parts if part[0] <= part[1]]
    return left[:GAPS_MAX]
