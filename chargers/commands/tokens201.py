"""Tokens in orders of OCPP 2.0.1: which can be named, how they are written, and what an exact payload says of one."""

from typing import Any

from chargers.commands.ordering import BadParam
from chargers.commands.saying import as_is

TOKEN_MAX = 36  # characters; 2.0.1: IdTokenType
# Key codes are secrets, and a token of no authorization is none: neither is ordered in words that everybody reads.
TOKEN_TYPES = ("Central", "eMAID", "ISO14443", "ISO15693", "Local", "MacAddress")


def wire_token(text: str, type: str, field: str) -> dict[str, str]:
    """Return an idToken. Raise BadParam for one that is too long."""
    if len(text) > TOKEN_MAX:
        raise BadParam(field, f"an idToken of OCPP 2.0.1 has at most {TOKEN_MAX} characters")
    return {"idToken": text, "type": type}


def said_token(token: dict[str, Any]) -> dict[str, str]:
    """Return in our words what an exact payload says of a token. Raise BadParam for one that we have no words for."""
    if token["type"] not in TOKEN_TYPES or "additionalInfo" in token:
        raise BadParam("id_token", "our words have nothing like it")
    return {"id_token": as_is(token["idToken"], "idToken.idToken"), "token_type": token["type"]}
