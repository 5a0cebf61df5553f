"""What an exact payload says in our words: the steps that the blocks' `Order.said` and `prepare` have in common."""

from collections.abc import Callable, Mapping
from typing import Any

from chargers.commands.ordering import Draft, bad_param
from chargers.handling import INT32_MAX


def renamed(words: Mapping[str, str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the `said` of a payload that only has other names for the same values; `words`: theirs -> ours."""
    return lambda payload: translated(payload, words)


def translated(payload: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that are there under our names."""
    return {ours: payload[theirs] for theirs, ours in words.items() if theirs in payload}


def turned(words: Mapping[str, str], within: str = "", ours_within: str = "") -> dict[str, str]:
    """Return the `places` of words, as `renamed` has them, inside this object of theirs and of ours."""
    return {f"{ours_within}{ours}": f"{within}{theirs}" for theirs, ours in words.items()}


def as_is(value: str, field: str) -> str:
    """Return a text that must mean to us what it means to the charge point.

    Our doors strip blanks from what people type; here they would stay, and the charge point would get another text
    than the one that was checked. Raises CommandRefused for blanks around it, and for an empty one.
    """
    if not value or value != value.strip():
        raise bad_param(field, "it is empty, or has blanks around it")
    return value


def fixed_number(draft: Draft, name: str, *, least: int = 1, most: int = INT32_MAX) -> int | None:
    """Return a number that an exact payload settles, None for an order in our own words. Raises CommandRefused."""
    number: int | None = draft.fixed.get(name)
    if number is not None and not least <= number <= most:
        raise bad_param(name, f"it is not a number from {least} to {most}")
    return number
