"""What was published of the contract of events: types and fields that are never removed, renamed or renumbered."""

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor import FieldDescriptor

from csms.core.events.catalogue import EVENT_TYPES
from csms.core.events.proto import events_pb2

FILE = "published_v1.txt"

_KINDS = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in vars(FieldDescriptor).items()
    if name.startswith("TYPE_") and isinstance(number, int)
}


def said_now() -> Iterator[str]:
    """Return a line for each type and each field, with all that somebody who reads events relies on."""
    for each in EVENT_TYPES.values():
        yield f"type {each.name} {each.message}"
    for name, message in events_pb2.DESCRIPTOR.message_types_by_name.items():
        for field in message.fields:
            yield f"field {name} {field.number} {field.name} {kind_of(field)}"


def broken(promised: Iterable[str]) -> list[str]:
    """Return the lines that were published and do not hold any more; what was added since breaks nothing."""
    now = set(said_now())
    return [line for line in promised if line not in now]


def kind_of(field: FieldDescriptor) -> str:
    """Return the type of a field in a word or two: a scalar or a message, `repeated` or not."""
    kind = field.message_type.name if field.message_type is not None else _KINDS[field.type]
    return f"repeated {kind}" if field.is_repeated else kind
