"""Signed messages of OCPP 2.x (part 4, chapter 7): what the envelope holds; no signature is checked."""

import base64
import binascii
from typing import Any

import orjson

SUFFIX = "-Signed"


def is_envelope(payload: dict[str, Any]) -> bool:
    """Whether a payload is a flattened JSON Web Signature (RFC 7515, 7.2.2)."""
    return isinstance(payload.get("payload"), str) and isinstance(payload.get("signature"), str)


def unwrap(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload inside the envelope. ValueError when there is none to be read."""
    text = payload["payload"]
    try:
        inner = orjson.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (ValueError, binascii.Error) as reason:
        raise ValueError("the signed payload cannot be read") from reason
    if not isinstance(inner, dict):
        raise ValueError("the signed payload is not an object")
    return inner
