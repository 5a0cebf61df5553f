"""Lets the open connections of a process have the traits that hold now, whether or not it heard of a change."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from chargers.traits import selectors
from chargers.traits.values import Traits


class Adopting(Protocol):
    """An open connection."""

    def adopt(self, traits: Traits) -> None:
        """Have these traits from now on."""


class TraitsWatch:
    """Gives traits to the connections in `held`; `background` runs a unit, then something with its result."""

    def __init__(
        self,
        held: Mapping[int, Adopting],
        background: Callable[[str, Callable[[], Any], Callable[[Any], None]], None],
    ) -> None:
        self._held = held
        self._background = background
        self._state: tuple[Any, ...] = ()

    def look(self) -> None:
        """Make good a bell that was lost: has anything been said of traits since this process last looked?"""

        def looked(state: tuple[Any, ...]) -> None:
            if state != self._state:
                self._state = state
                self.read()

        self._background("look at traits", selectors.state, looked)

    def read(self, charge_point_id: int | None = None) -> None:
        """Give the connection of this charge point, or all of them, the traits that hold now."""
        charge_point_ids = list(self._held) if charge_point_id is None else [charge_point_id]

        def read() -> dict[int, Traits]:
            selectors.forget_rules()
            return selectors.traits_of_all(charge_point_ids)

        def give(found: dict[int, Traits]) -> None:
            for pk, values in found.items():
                if connection := self._held.get(pk):
                    connection.adopt(values)

        self._background("read traits", read, give)
