"""What the backend may answer, read strictly: what is not understood is a failure, never a consent.

Pure. Every answer is the envelope `{success, data, message[, error_code]}`; what of it counts is in `data`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar, cast, get_args

import orjson

from csms.core.id_tokens import KEY_CODE, canonical_token

# 2.0.1, AuthorizationStatusEnumType. OCPP 1.6 can say the first five.
TokenStatus = Literal[
    "Accepted",
    "Blocked",
    "Expired",
    "Invalid",
    "ConcurrentTx",
    "NoCredit",
    "NotAllowedTypeEVSE",
    "NotAtThisLocation",
    "NotAtThisTime",
    "Unknown",
]
RegistrationStatus = Literal["Accepted", "Pending", "Rejected"]
Source = Literal["backend", "cache", "reject", "accept"]

TOKEN_STATUSES: frozenset[str] = frozenset(get_args(TokenStatus))
REGISTRATION_STATUSES: frozenset[str] = frozenset(get_args(RegistrationStatus))
PARENT_MAX = 255
INTERVAL_MAX = 7 * 86_400  # seconds
MESSAGE_MAX = 200  # characters of the backend's own words that are kept

Value = TypeVar("Value")


class Garbage(Exception):
    """An answer that is not of the contract; the text says how, for people."""


class Refused(Exception):
    """An answer with `success: false`: the code of the contract, and the backend's words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


@dataclass(frozen=True, slots=True)
class TokenVerdict:
    """Whether a token may charge, as it was said outside; `source` is who said so."""

    status: TokenStatus
    parent: str = ""
    expires_at: datetime | None = None
    source: Source = "backend"

    @property
    def accepted(self) -> bool:
        return self.status == "Accepted"


@dataclass(frozen=True, slots=True)
class RegistrationVerdict:
    """Whether a charge point is served; `interval` is that of heartbeats, or of the next try, in seconds."""

    status: RegistrationStatus
    interval: int | None = None
    source: Source = "backend"


@dataclass(frozen=True, slots=True)
class SessionTold:
    """What the backend says when it is told of a session; `token` is None when it says nothing of the token."""

    token: TokenVerdict | None = None


def read_envelope(body: bytes) -> Mapping[str, Any]:
    """Return `data` of an answer. Raises Refused for `success: false`, Garbage for what is no envelope."""
    try:
        envelope = orjson.loads(body)
    except ValueError:
        raise Garbage("it is no JSON") from None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("success"), bool):
        raise Garbage("it is no envelope with `success`")
    if not envelope["success"]:
        code, message = envelope.get("error_code"), envelope.get("message")
        if not isinstance(code, str) or not code:
            raise Garbage("it refuses without an `error_code`")
        raise Refused(code[:64], message[:MESSAGE_MAX] if isinstance(message, str) else "")
    data = envelope.get("data")
    if not isinstance(data, dict):
        raise Garbage("its `data` is no object")
    return data


def check_about(data: Mapping[str, Any], question: Mapping[str, Any]) -> None:
    """Raise Garbage if an answer names another token than the question: it may be a neighbour's, and is no consent.

    Case, and what readers put between the bytes of a card's number, does not make it another.
    """
    about, asked, kind = data.get("id_tag"), question.get("id_tag"), question.get("token_type", "")
    alike = (
        isinstance(about, str)
        and isinstance(asked, str)
        and canonical_token(about, kind) == canonical_token(asked, kind)
    )
    if about is not None and not alike:
        told = "not shown" if kind == KEY_CODE else shown(about)  # S2-26
        raise Garbage(f"it is about another token: `id_tag` is {told}")


def read_token(data: Mapping[str, Any]) -> TokenVerdict:
    """Read the answer of `/authorize`. Raises Garbage."""
    info = data.get("id_tag_info")
    if not isinstance(info, dict):
        raise Garbage("there is no `id_tag_info`")
    status = info.get("status")
    if not isinstance(status, str) or status not in TOKEN_STATUSES:
        raise Garbage(f"`id_tag_info.status` is {shown(status)}")
    parent = info.get("parent_id_tag")
    if parent is not None and not (
        isinstance(parent, str) and len(parent) <= PARENT_MAX and (parent == "" or parent.isprintable())
    ):
        raise Garbage(f"`id_tag_info.parent_id_tag` is {shown(parent)}")
    return TokenVerdict(
        cast(TokenStatus, status), parent or "", _moment(info.get("expiry_date"), "id_tag_info.expiry_date")
    )


def read_registration(data: Mapping[str, Any]) -> RegistrationVerdict:
    """Read the answer of `/charge-points/register`. Raises Garbage."""
    status = data.get("registration_status")
    if not isinstance(status, str) or status not in REGISTRATION_STATUSES:
        raise Garbage(f"`registration_status` is {shown(status)}")
    interval = data.get("heartbeat_interval_seconds")
    if interval is not None and not (type(interval) is int and 0 < interval <= INTERVAL_MAX):
        raise Garbage(f"`heartbeat_interval_seconds` is {shown(interval)}")
    return RegistrationVerdict(cast(RegistrationStatus, status), interval)


def read_told(data: Mapping[str, Any]) -> SessionTold:
    """Read the answer of `/sessions/open` and `/sessions/close`, which may leave the token out. Raises Garbage."""
    return SessionTold(read_token(data) if data.get("id_tag_info") is not None else None)


READERS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "authorize": read_token,
    "register": read_registration,
    "open": read_told,
    "close": read_told,
}


def _moment(text: Any, name: str) -> datetime | None:
    if text is None or text == "":
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Garbage(f"`{name}` is {shown(text)}, no time with a zone") from None


def shown(value: Any) -> str:
    """Return a stranger's value as a log may have it."""
    return repr(value)[:80]
