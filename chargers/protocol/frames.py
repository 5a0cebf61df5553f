"""The outer form of an OCPP-J message: its kinds, its JSON arrays, and how they are written and recovered."""

import json
import re
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, NamedTuple, NoReturn

import orjson

from .errors import MAX_DESCRIPTION, Fault, OcppError, wire_code
from .times import format_time
from .versions import Version

MAX_ID = 36  # OCPP-J, 4.1.4; longer ids are echoed and noted, up to
MAX_ECHOED_ID = 255
UNREADABLE_ID = "-1"  # OCPP-J 2.x, 4.2.3: the id of a CALLERROR to a message whose own id could not be read


class MessageKind(IntEnum):
    """The first element of a frame; 5 and 6 exist from OCPP 2.1 on."""

    CALL = 2
    CALLRESULT = 3
    CALLERROR = 4
    CALLRESULTERROR = 5
    SEND = 6


class FrameHead(NamedTuple):
    """What can be said of a frame without judging it; None where it cannot be read."""

    kind: MessageKind | None
    message_id: str | None
    action: str | None


def _plain(value: object) -> object:
    """Numbers and times that orjson does not write as OCPP wants them."""
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, Decimal):
        # OCPP 2.x, part 2, 2.1.3: at most six decimals towards the station.
        return int(value) if value == value.to_integral_value() else float(round(value, 6))
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def encode(payload: Any) -> str:
    """A payload as JSON text: times as UTC with Z, Decimals with at most six decimals; else TypeError."""
    return orjson.dumps(payload, _plain, orjson.OPT_PASSTHROUGH_DATETIME).decode()


def quoted(message_id: str) -> str:
    """A message id as a JSON string."""
    return orjson.dumps(message_id).decode()


def call_text(message_id: str, action: str, body: str) -> str:
    """A CALL whose payload is already encoded."""
    return f'[2,{quoted(message_id)},"{action}",{body}]'


def error_text(
    raw_id: str, error: OcppError, version: Version, kind: MessageKind = MessageKind.CALLERROR
) -> str:
    """A CALLERROR or CALLRESULTERROR: at most 255 characters, and never details, so that no internals leak.

    `raw_id` is the message id as JSON, exactly as the charger wrote it.
    """
    description = quoted(error.description[:MAX_DESCRIPTION])
    return f'[{kind.value},{raw_id},"{wire_code(error.code, version)}",{description},{{}}]'


_BEGINNING = re.compile(
    r"""\s*\[\s*"?([2-6])"?\s*,\s*("(?:[^"\\]|\\.){0,255}"|-?[0-9]{1,36})\s*(?:,\s*"([^"\\]{1,50})")?"""
)


def recover_head(text: str) -> tuple[FrameHead, str]:
    """What the beginning of a broken frame still tells, and its id as JSON; ("-1" when that is lost, too)."""
    match = _BEGINNING.match(text[:700])
    if match is None:
        return FrameHead(None, None, None), quoted(UNREADABLE_ID)
    try:
        read = orjson.loads(match[2])
        raw_id = orjson.dumps(read).decode()
    except (ValueError, TypeError):
        return FrameHead(MessageKind(int(match[1])), None, None), quoted(UNREADABLE_ID)
    action = match[3].replace("\x00", "") if match[3] else None
    return FrameHead(MessageKind(int(match[1])), str(read).replace("\x00", ""), action), raw_id


def head(text: str) -> FrameHead:
    """Kind, id and action of any frame, from its beginning alone: the frame may be cut off or broken."""
    found = recover_head(text)[0]
    return found if found.kind in (MessageKind.CALL, MessageKind.SEND) else found._replace(action=None)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_TOLERANT = json.JSONDecoder(strict=False, parse_constant=_no_constant)


def decode_tolerantly(text: str) -> tuple[Any, str]:
    """What an imperfect frame says, and a note of its imperfection; ValueError when it is not JSON at all.

    Tolerated are a byte order mark, raw control characters and halves of characters inside strings, and trailing bytes.
    """
    body = text.lstrip("\ufeff \t\r\n\x00")
    try:
        value, end = _TOLERANT.raw_decode(body)
        # Brings numbers, depth and characters into bounds; half of a surrogate pair is read as a question mark.
        value = orjson.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, TypeError, RecursionError) as reason:
        raise ValueError("not JSON") from reason
    if body[end:].strip(" \t\r\n"):
        return value, "the frame goes on after its end, the rest was not read"
    return value, "the frame has characters that JSON does not allow"


def named_twice(text: str, wire: bytes) -> list[str]:
    """A note for each property that a frame names twice in one object; JSON allows it, the last one was read.

    `wire` is the payload as it was read: when the frame has no more colons than that, nothing was dropped,
    and the frame need not be read a second time.
    """
    if text.count(":") <= wire.count(b":"):
        return []
    names: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                names.append(f"{name[:40]!r}: given twice, the last one was read")
            seen.add(name)

    try:
        json.loads(text, strict=False, object_pairs_hook=look)
    except (ValueError, RecursionError):
        return []
    return names


_KINDS: dict[object, MessageKind] = {
    name: kind for kind in MessageKind for name in (kind.value, str(kind.value))
}


def read_kind(value: object, version: Version) -> MessageKind | None:
    """The message type, also when written as "2" or 2.0; None for one that this version does not have."""
    kind = _KINDS.get(value) if isinstance(value, str | int | float) else None
    return kind if kind is None or kind <= MessageKind.CALLERROR or version is Version.V21 else None


def read_id(value: object, text: str = "") -> tuple[str, str] | None:
    """A message id as text, and as JSON for the answer; None when it is none.

    A number stays a number in the answer, and null stays null, because the charger compares what it gets with
    what it sent. To ourselves a number is its text, null is "" and a NUL is nothing. One of more than 64 bits is taken
    from the `text` of the frame, for the fast reader makes it a float.
    """
    if isinstance(value, float) and text:
        value = _as_written(value, text)
    said = "" if value is None else str(value)
    if isinstance(value, bool | list | dict) or len(said) > MAX_ECHOED_ID:
        return None
    return said.replace("\x00", ""), str(value) if isinstance(value, int) else orjson.dumps(value).decode()


def _as_written(value: float, text: str) -> object:
    try:
        return json.loads(text)[1]
    except (ValueError, RecursionError):
        return value


def read_payload(frame: list[Any], index: int, notes: list[str]) -> dict[str, Any]:
    """A frame's payload; missing, null or an empty list it is {}. OcppError for any other non-object."""
    payload = frame[index] if len(frame) > index else None
    if len(frame) > index + 1:
        notes.append("the frame has more elements than it should, they were not read")
    if isinstance(payload, dict):
        return payload
    if payload is None or payload == []:
        notes.append(
            f"the payload is {'null' if payload is None and len(frame) > index else 'empty'}, read as {{}}"
        )
        return {}
    raise OcppError(Fault.FORMAT, "the payload is not an object")


def without_nul(value: Any) -> Any:
    """The same payload without U+0000, which no database column can hold."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [without_nul(item) for item in value]
    if isinstance(value, dict):
        return {without_nul(name): without_nul(item) for name, item in value.items()}
    return value
