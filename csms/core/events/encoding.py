"""Events as bytes: the JSON form, and the message `csms.events.v1.Envelope` with the same facts."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from prometheus_client import Counter

from csms.core.events.catalogue import EVENT_TYPES
from csms.core.events.envelope import Envelope, milliseconds
from csms.core.events.proto import events_pb2

log = logging.getLogger(__name__)

Format = Literal["protobuf", "json"]

UNTYPED = Counter(
    "csms_events_untyped_total", "Events whose payload did not fit its message and left as text.", ["type"]
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS = {
    field.message_type.name: field.name
    for field in events_pb2.Envelope.DESCRIPTOR.oneofs_by_name["payload"].fields
}
FIELD_OF = {type: _FIELDS[each.message] for type, each in EVENT_TYPES.items()}
"""By type of event, in which field of the envelope its payload is."""

_told: set[str] = set()  # types of which the log knows already that they do not fit


def encode(envelope: Envelope, format: Format) -> bytes:
    """Return an event as it is published. In both forms it says the same."""
    if format == "json":
        return envelope.as_json()
    facts: dict[str, Any] = {
        "event_id": str(envelope.id),
        "type": envelope.type,
        "schema_version": envelope.schema_version,
        "occurred_at": _timestamp(envelope.occurred_at),
        "recorded_at": _timestamp(envelope.recorded_at),
        "cp_id": envelope.cp_id,
        "sequence": envelope.sequence,
        "position": envelope.position,
        "trace_id": envelope.trace_id or envelope.id.hex,
    }
    try:
        payload = {FIELD_OF[envelope.type]: orjson.loads(envelope.payload)}
        message = events_pb2.Envelope(**facts, **payload)
    except (KeyError, TypeError, ValueError) as error:
        _tell(envelope.type, error)
        message = events_pb2.Envelope(**facts, payload_json=envelope.payload)
    data: bytes = message.SerializeToString()
    return data


def _timestamp(moment: datetime) -> dict[str, int]:
    since = moment - _EPOCH
    return {
        "seconds": since.days * 86_400 + since.seconds,
        "nanos": since.microseconds // 1000 * 1_000_000,
    }


def _tell(type: str, error: Exception) -> None:
    UNTYPED.labels(type).inc()
    if type not in _told:
        _told.add(type)
        log.error("events.untyped", extra={"type": type, "error": repr(error)[:200]})


# --- and back ---------------------------------------------------------------------------------------------------------


def decode_protobuf(data: bytes) -> dict[str, Any]:
    """Return an event in its JSON form from the message. What was not told is not there; lists may be empty.

    Raises `google.protobuf.message.DecodeError`.
    """
    message = events_pb2.Envelope.FromString(data)
    facts = _said(message, without="payload")
    facts |= {name: milliseconds(_moment(facts[name])) for name in ("occurred_at", "recorded_at")}
    if (text := facts.pop("payload_json", None)) is not None:
        return facts | {"payload": orjson.loads(text)}
    payload = message.WhichOneof("payload")
    return facts | {"payload": _said(getattr(message, payload)) if payload else {}}


def _moment(timestamp: Timestamp) -> datetime:
    return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)


def _said(message: Message, *, without: str = "") -> dict[str, Any]:
    descriptor: Descriptor = message.DESCRIPTOR
    said = {}
    for field in descriptor.fields:
        group = field.containing_oneof
        if without and group is not None and group.name == without:
            continue
        value = getattr(message, field.name)
        if field.is_repeated:
            said[field.name] = _list(field, value)
        elif message.HasField(field.name):
            plain = field.message_type is None or isinstance(value, Timestamp)
            said[field.name] = value if plain else _said(value)
    return said


def _list(field: FieldDescriptor, value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if field.message_type is None else [_said(each) for each in value]
