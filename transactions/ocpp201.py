"""OCPP 2.0.1 of transactions and their status. Wire words become neutral here."""

from hashlib import blake2b
from typing import Any, cast

import orjson

from chargers.commands.ordering import ANY_ANSWER, Order
from chargers.commands.saying import renamed
from chargers.handling import INT32_MAX, Asked, Call, Handler, Question, Translated, int32
from chargers.protocol.redaction import redact
from chargers.protocol.times import parse_time
from chargers.topology.places import MOST
from csms.core.id_tokens import canonical_token, named_token
from transactions.asking import ask_about_token
from transactions.models import CANONICAL_MAX
from transactions.sequence.facts import KINDS, Fact, Kind
from transactions.sequence.services import take_event
from transactions.signed.ocpp201 import corrected, measured
from transactions.token_forms import meant_token
from transactions.wire_ids import kept_id, named_id


def ask(question: Question) -> Any:
    """Ask the backend about the token of an event, if it has one that somebody can know."""
    token, evse = question.payload.get("idToken"), question.payload.get("evse") or {}
    if token is None or not token.get("idToken"):
        return None
    return ask_about_token(question, token["idToken"], type=token["type"], evse_id=_place(evse.get("id")))


def translate(payload: dict[str, Any]) -> None:
    """Turn the bulk of an event into neutral words, in place: its readings, its fingerprint, the claim to keep."""
    if payload.get("eventType") != "Updated":
        payload["raw"] = orjson.dumps(payload).decode()
    # A station that could not send it at once says the same later, and calls it offline then.
    said = {name: value for name, value in payload.items() if name not in ("offline", "raw")}
    payload["fingerprint"] = blake2b(
        orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=16
    ).hexdigest()
    payload["measured"] = measured(payload.pop("meterValue", ()))


def transaction_event(call: Call) -> dict[str, Any]:
    """2.0.1, 1.60: whatever it tells is kept and answered; an event that is refused would be lost (S2-13)."""
    return take_event(fact_of(call), call)


def fact_of(call: Call) -> Fact:
    """Return what an event tells."""
    payload = call.payload
    info, evse, token = payload["transactionInfo"], payload.get("evse") or {}, payload.get("idToken")
    kind = payload.get("eventType")
    id_token, token_type = ("", "") if token is None else (token.get("idToken", ""), token["type"][:20])
    return Fact(
        kind=cast(Kind, kind) if kind in KINDS else "Updated",
        wire_id=kept_id(info.get("transactionId", "")),
        seq_no=_number(payload.get("seqNo"), most=INT32_MAX - 1),  # the one after it is a number, too
        trigger=payload.get("triggerReason", "")[:64],
        claimed_at=parse_time(payload.get("timestamp", "")),
        received_at=call.received_at,
        offline=payload.get("offline") is True,
        charging_state=info.get("chargingState", "")[:20],
        stopped_reason=info.get("stoppedReason", "")[:64],
        seconds_charging=_number(info.get("timeSpentCharging")),
        remote_start_id=_number(info.get("remoteStartId")),
        reservation_id=_number(payload.get("reservationId")),
        evse=_place(evse.get("id")),
        connector=_place(evse.get("connectorId")),
        id_token=named_token(id_token[:255], token_type),
        token_key="" if token is None else _key(call, id_token, token_type),
        token_type=token_type,
        measured=tuple(corrected(call, payload["measured"])),
        fingerprint=payload["fingerprint"],
        raw=redact(call.action, payload.get("raw", "")),
    )


def _number(value: Any, *, most: int = INT32_MAX) -> int | None:
    """Return a number that fits its column; None for what is absent or absurd."""
    return value if isinstance(value, int) and 0 <= value <= most else None


def _place(value: Any) -> int | None:
    """Return the number of an EVSE or a connector; None for none, and the largest for an absurd one."""
    if not isinstance(value, int) or value == 0:
        return None
    return value if 0 < value <= MOST else int32(-1)


def _key(call: Call, id_token: str, token_type: str) -> str:
    driver = meant_token(id_token, call.holder.traits.token_rule)
    return canonical_token(driver[:255], token_type)[:CANONICAL_MAX]


CALLS: dict[str, Handler] = {
    "TransactionEvent": Asked(ask, Translated(translate, transaction_event)),
}


def _status(params: dict[str, Any]) -> dict[str, Any]:
    """2.0.1, 1.21."""
    return {"transactionId": named_id(params["transaction_id"])} if params.get("transaction_id") else {}


ORDERS: dict[str, Order] = {
    "get-transaction-status": Order(
        "GetTransactionStatus",
        _status,
        accepted=ANY_ANSWER,
        refused=frozenset(),
        read=lambda answer: {
            "ongoing": answer.get("ongoingIndicator"),
            "queued": answer.get("messagesInQueue"),
        },
        said=renamed({"transactionId": "transaction_id"}),
    ),
}
