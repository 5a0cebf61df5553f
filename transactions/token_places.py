"""At which EVSEs a token may be used. Pure.

A token has a list of places: `CP-1` is a charge point with all its EVSEs, `CP-1/2` one EVSE of it, and a number alone
the EVSE of that number at any charge point. Without any place it may be used everywhere.
"""

from collections.abc import Iterable, Sequence
from typing import Any

PLACES_MAX = 200
PLACE_MAX = 64  # characters
EVSE_MAX = 999

NOWHERE: tuple[int, ...] = ()


def read_places(given: Iterable[Any]) -> list[int | str]:
    """Return places in the one form in which they are kept, each once. Raises ValueError with a sentence."""
    places: dict[int | str, None] = {}
    for place in given:
        text = str(place).strip()
        if isinstance(place, bool) or not isinstance(place, int | str) or not text:
            raise ValueError(f"a place is the number of an EVSE, CP-1 or CP-1/2; not {place!r}")
        if len(text) > PLACE_MAX or not text.isprintable():
            raise ValueError(
                f"a place has up to {PLACE_MAX} printable characters; {text[:PLACE_MAX]!r} is none"
            )
        cp_id, evse = _parts(text)
        if evse is not None and not 1 <= evse <= EVSE_MAX:
            raise ValueError(f"an EVSE has a number from 1 to {EVSE_MAX}; not {evse}")
        whole = f"{cp_id}/" if cp_id.isdigit() else cp_id
        places[f"{cp_id}/{evse}" if cp_id and evse else whole or evse or ""] = None
    if len(places) > PLACES_MAX:
        raise ValueError(f"a token has at most {PLACES_MAX} places; these are {len(places)}")
    return list(places)


def _parts(place: str) -> tuple[str, int | None]:
    """Return the charge point and the EVSE of a place; "" and None where it names none."""
    cp_id, slash, evse = place.rpartition("/")
    if slash and not evse:
        return cp_id, None  # `42/` is the charge point 42
    if not evse.isascii() or not evse.isdigit() or len(evse) > 9:
        return place, None
    if slash:
        return cp_id, int(evse)
    return "", int(evse)


def allowed_evses(places: Sequence[Any], cp_id: str, known: Sequence[int]) -> tuple[int, ...] | None:
    """Return which EVSEs of a charge point these places allow: None for all, NOWHERE for none (S2-22).

    `known` are those that the charge point has; of none nothing is known, and what the places say stands.
    """
    if not places:
        return None
    numbers: set[int] = set()
    for place in places:
        name, evse = _parts(str(place))
        if name and name.casefold() != cp_id.casefold():
            continue
        if evse is None:
            return None
        numbers.add(evse)
    if known and numbers.issuperset(known):
        return None
    return tuple(sorted(numbers.intersection(known) if known else numbers))
