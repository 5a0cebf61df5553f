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
