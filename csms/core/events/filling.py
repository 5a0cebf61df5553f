"""What a payload does not tell is null in its JSON form: every field of its message is there, in every payload."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor

from csms.core.events.catalogue import EVENT_TYPES
from csms.core.events.proto import events_pb2


@dataclass(frozen=True, slots=True)
class _Form:
    """The fields of a message, none of them told, and the messages in it by field."""

    untold: Mapping[str, None]
    inner: Mapping[str, "_Form"]

    def filled(self, value: Any) -> Any:
        """Return an object, or a list of them, with every field; anything else as it is."""
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if not isinstance(value, dict):
            return value
        whole = {**self.untold, **value}
        for name, form in self.inner.items():
            whole[name] = form.filled(whole[name])
        return whole


def whole_payload(type: str, text: str) -> Any:
    """Return a payload, recorded as JSON text, with every field of its message; of an unknown type as it is."""
    form = _form_of_type(type)
    return orjson.Fragment(text) if form is None else form.filled(orjson.loads(text))


@cache
def _form_of_type(type: str) -> _Form | None:
    known = EVENT_TYPES.get(type)
    return None if known is None else _form(events_pb2.DESCRIPTOR.message_types_by_name[known.message])


def _form(message: Descriptor) -> _Form:
    return _Form(
        dict.fromkeys(field.name for field in message.fields),
        {
            field.name: _form(field.message_type)
            for field in message.fields
            if field.message_type is not None and not field.message_type.GetOptions().map_entry
        },
    )
