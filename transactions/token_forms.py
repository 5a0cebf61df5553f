"""Which part of what a charge point calls an id token means the driver. Pure."""

from collections.abc import Callable

from chargers.traits.values import TokenRule


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
