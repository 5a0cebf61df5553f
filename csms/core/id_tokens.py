"""The form in which id tokens are compared, by whoever writes them: charge points, people, the backend.

A key code is a secret (S2-26): it is compared by its digest under the key of this installation, and the digest is also
the only name that it has here. So it is in no table, no event, no log and no page, and search cannot find it.
"""

import hashlib
import re
from typing import Final

from django.conf import settings

# 2.0.1, 3.43 IdTokenEnumType.
EMAID: Final = "eMAID"
KEY_CODE: Final = "KeyCode"
NO_AUTHORIZATION: Final = "NoAuthorization"
CENTRAL: Final = "Central"
TYPES: Final = ("ISO14443", "ISO15693", EMAID, CENTRAL, KEY_CODE, "Local", "MacAddress")
"""The types of tokens that can be registered; who is not authorized at all (NoAuthorization) has none."""

# What readers put between the bytes of a card's number (quirk I6: 20:69:C0:21).
_BETWEEN = str.maketrans("", "", ": -")
_CARD_NUMBER = re.compile(r"(?:[0-9A-Fa-f]{2}){4,16}", re.ASCII)
# ISO 15118-2, annex H: country, provider, instance and perhaps a check digit.
_EMAID = re.compile(r"[A-Z]{2}-?[A-Z0-9]{3}-?[A-Z0-9]{9}(?:-?[A-Z0-9])?", re.ASCII | re.IGNORECASE)
_CHECK_DIGIT_AT = 14
_KEY_CODE_NAME = re.compile(r"KEYCODE-[0-9A-F]{28}", re.ASCII)


# Types of OCPP 2.x whose tokens may be numbers of cards; 1.6 tells no type.
_CARDS = frozenset({"", "iso14443", "iso15693", "local", "macaddress"})


def likely_type(text: str) -> str:
    """Return the type of OCPP 2.x of a token of which nobody told it: that of cards for their numbers, else Central."""
    return "ISO14443" if _CARD_NUMBER.fullmatch(text.translate(_BETWEEN)) else "Central"


def canonical_token(text: str, type: str = "") -> str:
    """Return the form in which tokens are compared: without regard to case (1.6: CiString20Type).

    The number of a card, 4 to 16 bytes in hex, is also the same with and without blanks, colons and dashes. In any
    other token these may tell one from another, and count; but for the dashes of an eMAID, which are optional
    (ISO 15118-2, annex H). Of a key code it is the digest, also if the text looks like one: whoever has read a name
    of a key code cannot charge by it. `type` is a word of OCPP 2.x, "" where nobody told it.
    """
    kind = type.casefold()
    if kind == EMAID.casefold():
        return text.strip().replace("-", "").upper()
    if kind == KEY_CODE.casefold():
        return _digest(text.strip())
    if kind not in _CARDS:
        return text.strip().upper()
    bare = text.translate(_BETWEEN)
    return (bare if _CARD_NUMBER.fullmatch(bare) else text.strip()).upper()


def named_token(text: str, type: str = "") -> str:
    """Return a token as it may be stored, told and shown: itself, but for a key code, whose name is its digest.

    To name what has a name already changes nothing.
    """
    if type.casefold() != KEY_CODE.casefold() or is_key_code_name(text):
        return text
    return canonical_token(text, type)


def known_as(text: str, type: str = "") -> str:
    """Return what `canonical_token` does, for people and rows, who give key codes by their names."""
    is_named = type.casefold() == KEY_CODE.casefold() and is_key_code_name(text)
    return text if is_named else canonical_token(text, type)


def is_key_code_name(text: str) -> bool:
    """Return whether a text is the name that a key code has here."""
    return _KEY_CODE_NAME.fullmatch(text) is not None


def is_emaid(text: str) -> bool:
    """Return whether a text is written as the id of a contract (eMAID)."""
    return _EMAID.fullmatch(text.strip()) is not None


def same_emaid(one: str, other: str) -> bool:
    """Whether both mean one contract; dashes, case, and a check digit that only one of them has do not matter."""
    left, right = canonical_token(one, EMAID), canonical_token(other, EMAID)
    if len(left) != len(right):
        left, right = left[:_CHECK_DIGIT_AT], right[:_CHECK_DIGIT_AT]
    return left != "" and left == right


def _digest(code: str) -> str:
    """Return the digest of a key code. Few digits are soon tried: without the secret key it tells nothing."""
    key = hashlib.blake2b(settings.SECRET_KEY.encode(), digest_size=32, person=b"csms key codes").digest()
    return f"KEYCODE-{hashlib.blake2b(code.encode(), key=key, digest_size=14).hexdigest().upper()}"
