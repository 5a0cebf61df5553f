"""Frames without their secrets, for whoever stores or shows them."""

import re
from collections.abc import Collection
from typing import Any, cast

import orjson

from .frames import decode_tolerantly

MASK = "***"

# The many and small messages of every day carry no secrets; they are not even looked at.
HARMLESS_ACTIONS = frozenset(
    {
        "Heartbeat",
        "MeterValues",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
        "NotifyPeriodicEventStream",
    }
)

_SECRET_NAME = re.compile(r"password|secret|authorizationkey", re.IGNORECASE)
_SUSPECT = re.compile(
    r'password|secret|authorizationkey|keycode|simpin|writeonly|\\u00|:(?:\\?/){2}[^\s/"@]*@|/u\\?/|(?:sig|signature|token)=',
    re.IGNORECASE,
)
# Of each of these ways something is there in small letters, where one of them is.
_SUSPECT_PARTS = (
    "password", "secret", "authorizationkey", "keycode", "simpin", "writeonly", "\\u00", "@", "/u/", "/u\\/", "sig=",
    "signature=", "token=",
)  # fmt: skip
_URL_PASSWORD = re.compile(
    r'(://[^\s/"@:]*):[^\s/"]+@'
)  # to the last @: a careless password may have one itself
# What lets in whoever has a URL that a file store has signed, or that has a token.
_URL_SIGNATURE = re.compile(r'([?&][\w-]*(?:sig|signature|token)=)[^&#\s"]+', re.IGNORECASE)
_UPLOAD_TOKEN = re.compile(
    r"(/u/)[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"
)  # of the URLs that are given to charge points

# Where the value of a named key or variable stands: ChangeConfiguration and GetConfiguration, SetVariables
# and GetVariables, NotifyEvent, and NotifyReport (inside variableAttribute).
_VALUE_NAMES = ("value", "attributeValue", "actualValue")


def is_secret(name: str) -> bool:
    """Whether a configuration key or variable of this name has a value that nobody may see."""
    return _SECRET_NAME.search(name) is not None


def is_suspect(text: str) -> bool:
    """Whether a text may hold a secret, by its words alone."""
    # The search takes some thirty times as long as to see that there is nothing to search for. Letters that are not
    # ASCII may count as ones that are (ſ, ı), and only the search knows which.
    if text.isascii():
        folded = text.lower()
        if not any(part in folded for part in _SUSPECT_PARTS):
            return False
    return _SUSPECT.search(text) is not None


def redact(action: str | None, payload: str | dict[str, Any]) -> str:
    """A payload (or a whole frame) as text, its secrets masked; a text without secrets comes back as it is.

    Masked are properties whose name speaks of a password, a secret or an AuthorizationKey, the values that go
    with a configuration key or variable of such a name, or that can only be set, id tokens of type KeyCode, VPN keys,
    PINs, and inside URLs passwords, signatures, tokens and what makes an upload URL work. A suspect text that is not
    JSON is masked whole.
    `action` is None where it is not known.
    """
    text = payload if isinstance(payload, str) else orjson.dumps(payload).decode()
    if action in HARMLESS_ACTIONS or not is_suspect(text):
        return text
    try:
        value = orjson.loads(text)
    except ValueError:
        try:
            value, _ = decode_tolerantly(text)
        except ValueError:
            return MASK
    masked = _masked(value)
    return text if masked == value else orjson.dumps(masked).decode()


def redacted(action: str | None, payload: dict[str, Any]) -> dict[str, Any]:
    """Return a payload without its secrets."""
    text = redact(action, payload)
    return cast(dict[str, Any], orjson.loads(text)) if MASK in text else payload


def without(hidden: Collection[str], value: Any) -> Any:
    """Return a value of JSON without these secrets, wherever they stand in it as a whole text."""
    if not hidden:
        return value
    if isinstance(value, str):
        return MASK if value in hidden else value
    if isinstance(value, list):
        return [without(hidden, item) for item in value]
    if isinstance(value, dict):
        return {name: without(hidden, item) for name, item in value.items()}
    return value


PART_MIN = 4
"""Characters of a secret that is masked inside longer texts, too; a shorter one is in too many words by chance."""


def without_echo(hidden: Collection[str], value: Any) -> Any:
    """Return what a stranger said without these secrets, which it may repeat as a part of a longer text."""
    if not hidden:
        return value
    if isinstance(value, str):
        for secret in sorted(hidden, key=len, reverse=True):
            if value == secret or len(secret) >= PART_MIN:
                value = value.replace(secret, MASK)
        return value
    if isinstance(value, list):
        return [without_echo(hidden, item) for item in value]
    if isinstance(value, dict):
        return {name: without_echo(hidden, item) for name, item in value.items()}
    if isinstance(value, int | float) and len(said := orjson.dumps(value).decode()) >= PART_MIN:
        return MASK if said in hidden else value  # some write texts of digits as numbers
    return value


def frame_without_echo(hidden: Collection[str], text: str) -> str:
    """Return a frame without these secrets; one that has none comes back as it is, one that is no JSON masked whole."""
    if not hidden:
        return text
    try:
        frame = orjson.loads(text)
    except ValueError:
        try:
            frame, _ = decode_tolerantly(text)
        except ValueError:
            return MASK
    if not isinstance(frame, list):
        return MASK
    masked = [*frame[:2], *without_echo(hidden, frame[2:])]  # the type and the id of a message tell nothing
    return text if masked == frame else orjson.dumps(masked).decode()


def redact_text(text: str) -> str:
    """Return a URL, or a sentence with URLs in it, without what is secret in them."""
    text = _URL_SIGNATURE.sub(rf"\1{MASK}", _URL_PASSWORD.sub(rf"\1:{MASK}@", text))
    return _UPLOAD_TOKEN.sub(rf"\1{MASK}", text)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if not isinstance(value, dict):
        return value
    secret = _secrets(value)
    return {name: _hidden(item) if name in secret else _masked(item) for name, item in value.items()}


def _secrets(value: dict[str, Any]) -> set[str]:
    """The properties of one object that hold a secret."""
    names = {name for name in value if _SECRET_NAME.search(name)}
    variable = value.get("variable")
    named = variable.get("name") if isinstance(variable, dict) else value.get("key")
    if isinstance(named, str) and _SECRET_NAME.search(named):
        names.update(_VALUE_NAMES, {"variableAttribute"})
    if str(value.get("type")).casefold() == "keycode":
        names.add("idToken")
    if str(value.get("mutability")).strip().casefold() == "writeonly":  # a variable that can only be set
        names.add("value")
    if {"server", "user", "key"} <= value.keys():  # a VPN in SetNetworkProfile
        names.add("key")
    if "simPin" in value:  # of its APN
        names.add("simPin")
    return names


def _hidden(value: Any) -> Any:
    """The same shape with every value masked, so that a reader still sees what was sent."""
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    if isinstance(value, dict):
        return {name: _hidden(item) for name, item in value.items()}
    return MASK
