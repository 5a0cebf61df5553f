"""Where something is at a charge point: the house's number of an outlet, and OCPP 2.x's EVSE and connector. Pure."""

from dataclasses import dataclass

from chargers.handling import INT32_MAX
from chargers.protocol.versions import OCPP_2X

MOST = 999
"""EVSEs of a station, and connectors of an EVSE, that have a number here; what has a higher one is absurd."""
STRIDE = 1000
PLACES_MAX = 128
"""A station that says to have more EVSEs, or more connectors, is believed no more than these."""


@dataclass(frozen=True, slots=True)
class Place:
    """A connector, an EVSE or the whole station, by all its numbers.

    `number` is the house's own for an outlet, 0 for the station; 1.6 calls it connectorId. `evse` and `connector` are
    those of OCPP 2.x: (0, 0) is the station, (n, 0) the whole EVSE n.
    """

    number: int
    evse: int
    connector: int


STATION = Place(0, 0, 0)


def number_of(evse: int, connector: int) -> int:
    """Return the house's number of a connector; of a whole EVSE that of its first. Nothing reads it backwards.

    Absurd ones all have the largest number: a message is not lost for the nonsense in one of its figures.
    """
    if evse == 0:
        return 0
    if not (0 < evse <= MOST and 0 <= connector <= MOST):
        return INT32_MAX
    return evse if connector in (0, 1) else connector * STRIDE + evse


def place_of(evse: int, connector: int) -> Place:
    """Return the place that a station of OCPP 2.x means."""
    return STATION if evse == 0 else Place(number_of(evse, connector), evse, connector)


def own_place(number: int) -> Place:
    """Return the place of a connector that has an EVSE of its own, as all of 1.6 unless somebody told otherwise."""
    return Place(number, number, 1) if number else STATION


def called(number: int | None, evse: int | None, connector: int | None) -> str:
    """Return how people call a place, by the numbers that stand on it; nothing for the station itself.

    Without an EVSE, as in 1.6, by the house's number of the connector; without a connector it is the whole EVSE.
    """
    if evse:
        return f"EVSE {evse}, connector {connector}" if connector else f"EVSE {evse}"
    return f"connector {number}" if number else ""


def has_evses(protocol: str) -> bool:
    """Return whether places are told by EVSEs in what a charge point speaks; "" is nobody knows what."""
    return protocol in OCPP_2X


# What a station says of a connector itself goes before what a transaction tells of it.
STANDS = frozenset({"Faulted", "Reserved", "Unavailable"})


def effective(reported: str, activity: str) -> str:
    """Return the one word for a connector: what was reported, or, where that leaves it open, what a car does there."""
    return reported if reported in STANDS else activity or reported
