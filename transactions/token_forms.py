"""The forms in which one id token comes: with blanks, colons, suffixes, in any case. Pure."""

import re
from collections.abc import Callable

from chargers.traits.values import TokenRule

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


def _second(text: str) -> str:
    return text.split(";")[1].strip() if ";" in text else ""


# How the part that means the driver is found; what is empty then was no such token.
_RULES: dict[TokenRule, Callable[[str], str]] = {
    "": lambda text: text,
    "before_underscore": lambda text: text.partition("_")[0].strip(),  # quirk I5: a serial number follows
    "after_semicolon": _second,  # quirk I5b: payment terminals
}


def meant_token(text: str, rule: TokenRule) -> str:
    """Return the part of a token, as a charge point sent it, that means the driver."""
    return _RULES[rule](text) or text
