"""What OCPP 2.x answers of an id token: the same function for every message that carries one."""

from collections.abc import Mapping
from typing import Any

from chargers.handling import Call
from chargers.protocol.times import format_time
from transactions.authorization import Authorization, authorize
from transactions.token_forms import meant_token

GROUP_MAX = 36  # characters; 2.0.1, 2.24 IdTokenType


def verdict_info(call: Call, id_token: Mapping[str, Any], *, starting: bool = False) -> dict[str, Any]:
    """Judge the idToken of a message and return its idTokenInfo. With `starting` its limit of transactions counts, too.

    What somebody outside said of it is in the call. Nothing is stored: to ask is not to charge.
    """
    driver = meant_token(str(id_token.get("idToken", "")), call.holder.traits.token_rule)
    return id_token_info(authorize(driver, now=call.received_at, starting=starting, said=call.verdict))


def id_token_info(verdict: Authorization) -> dict[str, Any]:
    """Return a verdict in the words of 2.x. A group whose name is too long is left out: cut, it might be another's."""
    info: dict[str, Any] = {"status": verdict.status}
    if verdict.expires_at is not None:
        info["cacheExpiryDateTime"] = format_time(verdict.expires_at)
    if 0 < len(verdict.parent) <= GROUP_MAX:
        info["groupIdToken"] = {"idToken": verdict.parent, "type": "Central"}
    return info
