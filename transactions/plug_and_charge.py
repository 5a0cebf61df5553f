"""Plug and charge over DataTransfer of OCPP 1.6: the contract in the car is asked for like any other id token.

The messages are those of OCPP 2.0.1, as JSON text. Only Authorize is served: the car's contract certificate is
checked by the charge point, which has the roots (ISO 15118-2), and whether its id may charge is known here.
"""

from typing import Any

import orjson

from chargers.handling import AskedTransfer, Call, Question, Transferred, VendorHandler
from chargers.protocol.times import format_time
from csms.core.id_tokens import EMAID
from transactions.asking import ask_about_token
from transactions.authorization import Where
from transactions.authorization import authorize as judge

EMAID_MAX = 36


def _emaid(data: str) -> str | None:
    try:
        id_token: Any = orjson.loads(data)["idToken"]
        if isinstance(id_token, dict):
            id_token = id_token["idToken"]
    except (ValueError, KeyError, TypeError):
        return None
    # Within the text may stand what the frame round it may not, such as NUL, which no database takes.
    if not isinstance(id_token, str) or not 0 < len(id_token) <= EMAID_MAX or not id_token.isprintable():
        return None
    return id_token


def ask(question: Question, data: str) -> Any:
    """Ask the backend about the eMAID, if there are both."""
    id_token = _emaid(data)
    return None if id_token is None else ask_about_token(question, id_token)


def authorize(call: Call, data: str) -> Transferred:
    """Judge the eMAID. What cannot be read is rejected, which is an answer and no error."""
    id_token = _emaid(data)
    if id_token is None:
        return Transferred("Rejected")
    where = Where(call.holder.charge_point_id, call.holder.cp_id)
    verdict = judge(id_token, type=EMAID, now=call.received_at, said=call.verdict, where=where)
    info: dict[str, Any] = {"status": verdict.status}
    if verdict.expires_at is not None:
        info["cacheExpiryDateTime"] = format_time(verdict.expires_at)
    return Transferred("Accepted", orjson.dumps({"idTokenInfo": info}).decode())


MESSAGES: dict[str, VendorHandler] = {"Authorize": AskedTransfer(ask, authorize)}
