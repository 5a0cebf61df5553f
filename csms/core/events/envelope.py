"""An event as it leaves: what is said of every event alike, and the payload of its type."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from csms.core.events.filling import whole_payload

FIELDS = (
    "id", "type", "schema_version", "cp_id", "occurred_at", "recorded_at", "trace_id", "bucket", "payload",
    "position", "sequence",
)  # fmt: skip
"""The columns of an event, in the order of the fields of `Envelope`."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event. Times are aware UTC by our clock; `payload` is JSON text, as it was recorded."""

    id: UUID
    type: str
    schema_version: int
    cp_id: str  # empty if it is of no single charge point
    occurred_at: datetime
    recorded_at: datetime
    trace_id: str
    bucket: int
    payload: str
    position: int
    sequence: int
    cut: bool = False
    """It leaves without its payload, since the payload is too large for whom it goes to."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, for `orjson` only; each field of the payload is in it, null if it was not told."""
        return {
            "event_id": str(self.id),
            "type": self.type,
            "schema_version": self.schema_version,
            "occurred_at": milliseconds(self.occurred_at),
            "recorded_at": milliseconds(self.recorded_at),
            "cp_id": self.cp_id,
            "sequence": self.sequence,
            "position": self.position,
            "trace_id": self.trace_id or self.id.hex,
            "payload": {} if self.cut else whole_payload(self.type, self.payload),
        }

    def as_json(self) -> bytes:
        """Return the JSON form as bytes."""
        return orjson.dumps(self.as_dict())


def milliseconds(moment: datetime) -> str:
    """Return a time as it leaves: ISO 8601 in UTC, with milliseconds and a Z."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
