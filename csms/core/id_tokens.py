"""The form in which id tokens are compared, by whoever writes them: charge points, people, the backend. Pure."""

import re

# What readers put between the bytes of a card's number (quirk I6: 20:69:C0:21).
_BETWEEN = str.maketrans("", "", ": -")
_CARD_NUMBER = re.compile(r"(?:[0-9A-Fa-f]{2}){4,16}", re.ASCII)


# Types of OCPP 2.x whose tokens may be numbers of cards; 1.6 tells no type.
_CARDS = frozenset({"", "iso14443", "iso15693", "local", "macaddress"})


def likely_type(text: str) -> str:
    """Return the type of OCPP 2.x of a token of which nobody told it: that of cards for their numbers, else Central."""
    return "ISO14443" if _CARD_NUMBER.fullmatch(text.translate(_BETWEEN)) else "Central"


def canonical_token(text: str, type: str = "") -> str:
    """Return the form in which tokens are compared: without regard to case (1.6: CiString20Type).

    The number of a card, 4 to 16 bytes in hex, is also the same with and without blanks, colons and dashes. In any
    other token these may tell one from another, and count; but for the dashes of an eMAID, which are optional
    (ISO 15118-2, annex H). `type` is a word of OCPP 2.x, "" where nobody told it.
    """
    kind = type.casefold()
    if kind == "emaid":
        return text.strip().replace("-", "").upper()
    if kind not in _CARDS:
        return text.strip().upper()
    bare = text.translate(_BETWEEN)
    return (bare if _CARD_NUMBER.fullmatch(bare) else text.strip()).upper()
