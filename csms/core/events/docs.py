"""The reference in `docs/events.md`, made from the catalogue and the messages; the head there is written by hand."""

import re
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from csms.core.events.catalogue import EVENT_TYPES
from csms.core.events.encoding import FIELD_OF
from csms.core.events.promise import kind_of
from csms.core.events.proto import events_pb2

DOCUMENT = "docs/events.md"
MARK = "<!-- From here on: made by `manage.py events_docs`. -->\n"

_PROTO = Path(events_pb2.__file__).parent / "csms/events/v1/events.proto"
_MESSAGE = re.compile(r"^message (\w+) \{")
_FIELD = re.compile(r"^ +\S.*? (\w+) = \d+;(?:  // (.*))?$")
_TYPES = {
    "int32": "integer",
    "int64": "integer",
    "double": "number",
    "bool": "true or false",
    "string": "text",
}


def document(before: str) -> str:
    """Return the document with its reference as it is now, below the head of the one before."""
    head, _, _ = before.partition(MARK)
    return f"{head}{MARK}{''.join(_reference())}"


def _reference() -> Iterator[str]:
    said = _comments()
    messages = events_pb2.DESCRIPTOR.message_types_by_name
    yield "\n## Types\n\nA topic of Kafka is called as the type, behind `KAFKA_TOPIC_PREFIX`.\n\n"
    yield "| Type, and topic | When it is told | Payload |\n|---|---|---|\n"
    for each in EVENT_TYPES.values():
        payload = f"[`{FIELD_OF[each.name]}`](#{each.message.lower()})"
        yield f"| `{each.name}` | {each.summary} | {payload} |\n"
    yield "\n## The envelope\n\n"
    yield from _table([f for f in messages["Envelope"].fields if f.containing_oneof.name != "payload"], said)
    yield "\n## Payloads\n"
    named = dict.fromkeys(each.message for each in EVENT_TYPES.values())
    for name in [*named, *(name for name in messages if name not in named and name != "Envelope")]:
        yield f"\n### {name}\n\n"
        types = ", ".join(f"`{each.name}`" for each in EVENT_TYPES.values() if each.message == name)
        yield f"{types}\n\n" if types else ""
        yield from _table(messages[name].fields, said)


def _table(fields: list[FieldDescriptor], said: dict[tuple[str, str], str]) -> Iterator[str]:
    yield "| Field | Type | No. | |\n|---|---|---|---|\n"
    for field in fields:
        text = said[field.containing_type.name, field.name]
        yield f"| `{field.name}` | {_type(field)} | {field.number} | {_cell(text)} |\n"


def _type(field: FieldDescriptor) -> str:
    message: Descriptor | None = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return f"object of {_TYPES[kind_of(message.fields_by_name['value'])]}"
    kind = kind_of(field)
    name = kind.removeprefix("repeated ")
    if message is not None and message.file is field.file:
        name = f"[{name}](#{name.lower()})"
    else:
        name = "time" if name == "Timestamp" else _TYPES[name]
    return f"list of {name}" if field.is_repeated else name


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _comments() -> dict[tuple[str, str], str]:
    """Return what stands behind each field, by message and name; compiled messages do not carry it."""
    found, message = {}, ""
    for line in _PROTO.read_text().splitlines():
        if begun := _MESSAGE.match(line):
            message = begun[1]
        elif field := _FIELD.match(line):
            found[message, field[1]] = field[2] or ""
    return found
