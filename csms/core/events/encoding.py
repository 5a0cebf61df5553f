"""Events as bytes: the JSON form, and the message `csms.events.v1.Envelope` with the same facts."""

from typing import Literal

from csms.core.events.envelope import Envelope

Format = Literal["protobuf", "json"]


def encode(envelope: Envelope, format: Format) -> bytes:
    """Return an event as it is published."""
    return envelope.as_json()
