"""Which events an endpoint is told: by type, by charge point and, of OCPP messages, by what they say.

OCPP messages are told only to who names their type: they are many, and a pattern that happens to cover them asks for
none. There are no regular expressions, so no filter can hang the process: every test is a comparison, or a search for a
plain text in a message of bounded length.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from csms.core.events.catalogue import EVENT_TYPES, covers_any, matches
from csms.core.events.envelope import Envelope
from csms.core.refusals import BadField

FRAMES = "cp.ocpp_frames"
DIRECTIONS = ("in", "out")
FIELDS = ("types", "charge_points", "directions", "actions", "contains")
OF_FRAMES = ("directions", "actions", "contains")
MOST: Mapping[str, tuple[int, int]] = {
    "types": (50, 64),
    "charge_points": (1000, 255),
    "directions": (2, 3),
    "actions": (100, 64),
    "contains": (20, 200),
}
"""Of each field: how many entries at most, and how many characters each."""


def check_filter(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the filter's fields among these values, each entry once. Raises BadField."""
    checked = {name: _entries(name, values[name]) for name in FIELDS if name in values}
    for pattern in checked.get("types", ()):
        if not covers_any(pattern):
            raise BadField("types", f"There is no type of event that {pattern!r} covers.")
    if "types" in checked and not checked["types"]:
        raise BadField("types", "It needs at least one type of event; `*` stands for all.")
    for identity in checked.get("charge_points", ()):
        if "*" in identity[:-1]:
            raise BadField(
                "charge_points", f"In {identity!r} the * is not at the end, the only place for it."
            )
    for direction in checked.get("directions", ()):
        if direction not in DIRECTIONS:
            raise BadField("directions", f"A message goes in or out, not {direction!r}.")
    return checked


def check_whole(endpoint: Any) -> None:
    """Refuse a filter of OCPP messages for who is told none: it would filter nothing. Raises BadField."""
    for name in OF_FRAMES:
        if getattr(endpoint, name) and FRAMES not in endpoint.types:
            raise BadField(
                name, f"It filters OCPP messages, and {FRAMES} is not among the types; name that, too."
            )


def _entries(name: str, given: Any) -> list[str]:
    most, length = MOST[name]
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise BadField(name, "It is a list of texts.")
    if len(given) > most:
        raise BadField(name, f"It has at most {most} entries.")
    for entry in given:
        if not isinstance(entry, str) or not 1 <= len(entry) <= length or "\x00" in entry:
            raise BadField(name, f"Each entry is a text of 1 to {length} characters.")
    return list(dict.fromkeys(given))


class ChargePoints:
    """Identities, and beginnings of identities; none of either stands for all. Case does not matter."""

    def __init__(self, patterns: Sequence[str]) -> None:
        lowered = [pattern.casefold() for pattern in patterns]
        self._all = not lowered
        self._exact = frozenset(pattern for pattern in lowered if not pattern.endswith("*"))
        self._beginnings = tuple(pattern[:-1] for pattern in lowered if pattern.endswith("*"))

    def cover(self, cp_id: str) -> bool:
        """Return whether a charge point is among them; nobody's events are, where all are."""
        if self._all:
            return True
        cp_id = cp_id.casefold()
        return bool(cp_id) and (cp_id in self._exact or cp_id.startswith(self._beginnings))


@dataclass(frozen=True, slots=True)
class Filter:
    """The filter of one endpoint, ready for use."""

    types: tuple[str, ...]
    charge_points: ChargePoints
    directions: frozenset[str]
    actions: frozenset[str]
    contains: tuple[str, ...]

    @classmethod
    def of(cls, endpoint: Any) -> "Filter":
        """Return the filter of an endpoint."""
        return cls(
            tuple(endpoint.types),
            ChargePoints(endpoint.charge_points),
            frozenset(endpoint.directions),
            frozenset(endpoint.actions),
            tuple(endpoint.contains),
        )

    def covers_type(self, type: str) -> bool:
        """Return whether it asks for events of a type; for OCPP messages only by their very name."""
        return _covers(self.types, type)

    def passes(self, event: Envelope) -> bool:
        """Return whether the endpoint is told of an event."""
        if not self.covers_type(event.type) or not self.charge_points.cover(event.cp_id):
            return False
        if event.type != FRAMES or not (self.directions or self.actions or self.contains):
            return True
        frame = orjson.loads(event.payload)
        if self.directions and frame.get("direction") not in self.directions:
            return False
        if self.actions and frame.get("action") not in self.actions:
            return False
        text = str(frame.get("message") or "")
        return not self.contains or any(part in text for part in self.contains)


def _covers(patterns: tuple[str, ...], type: str) -> bool:
    if type == FRAMES:
        return FRAMES in patterns
    return any(matches(pattern, type) for pattern in patterns)


@lru_cache(1000)
def types_told(patterns: tuple[str, ...]) -> frozenset[str]:
    """Return the types of events for which these patterns ask."""
    return frozenset(type for type in EVENT_TYPES if _covers(patterns, type))
