"""The form in which id tokens are compared, by whoever writes them: charge points, people, the backend. Pure."""

import re

# What readers put between the bytes of a card's number (quirk I6: 20:69:C0:21).
_BETWEEN = str.maketrans("", "", ": -")
_CARD_NUMBER = re.compile(r"(?:[0-9A-Fa-f]{2}){4,16}", re.ASCII)


def canonical_token(text: str) -> str:
    """Return the form in which tokens are compared: without regard to case (1.6: CiString20Type).

    The number of a card, 4 to 16 bytes in hex, is also the same with and without blanks, colons and dashes. In any
    other token these may tell one from another, and count.
    """
    bare = text.translate(_BETWEEN)
    return (bare if _CARD_NUMBER.fullmatch(bare) else text.strip()).upper()
