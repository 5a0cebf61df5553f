"""Watches every event that the product records in any test: whether its type is known and its payload fits its message.

With CSMS_TEST_EVENTS_CORPUS=FILE it keeps what it saw there, a few payloads of each type: see `test_contract.py`.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from csms.core.events import services
from csms.core.events.catalogue import EVENT_TYPES
from csms.core.events.encoding import decode_protobuf, encode
from csms.core.events.envelope import Envelope

TESTS = str(Path(__file__).parents[1])
CORPUS = Path(__file__).with_name("corpus.jsonl")
OF_ONE_TYPE = 8  # payloads of each type that a corpus keeps, of different shapes


def envelope(type: str, cp_id: str, payload: str, at: datetime, position: int = 7) -> Envelope:
    """An event as the sinks get it."""
    id = UUID("01968d7e-6f5a-7000-8d3c-5b1e0f9a2c44")
    return Envelope(id, type, 1, cp_id, at, at, "ab" * 16, 0, payload, position, 3)


def told(value: Any) -> Any:
    """What is told: null is as good as nothing at all, and so is an empty list."""
    if isinstance(value, dict):
        said = {name: told(each) for name, each in value.items()}
        return {name: each for name, each in said.items() if each is not None and each not in ([], {})}
    return [told(each) for each in value] if isinstance(value, list) else value


def misfit(event: Envelope) -> str:
    """Why both forms of an event do not say the same in typed fields; empty if they do."""
    if event.type not in EVENT_TYPES:
        return f"{event.type}: not in the catalogue"
    data = encode(event, "protobuf")
    there, back = orjson.loads(event.as_json()), decode_protobuf(data)
    if told(there) != told(back):
        return f"{event.type}: {told(there)} became {told(back)}"
    if orjson.loads(event.payload) and event.payload.encode() in data:
        return f"{event.type}: does not fit its message: {event.payload}"
    return ""


class Watch:
    """What was seen since the last look."""

    def __init__(self) -> None:
        self.misfits: list[str] = []
        self._kept: Counter[str] = Counter()
        self._shapes: set[tuple[str, str]] = set()
        self._corpus = os.environ.get("CSMS_TEST_EVENTS_CORPUS", "")

    def see(self, type: str, cp_id: str, payload: str, at: datetime) -> None:
        try:
            why = misfit(envelope(type, cp_id, payload, at))
        except Exception as error:  # what is watched must not feel it
            why = f"{type}: {error!r}"
        if why:
            self.misfits.append(why)
        shape = (type, repr(_shape(orjson.loads(payload))))
        if self._corpus and self._kept[type] < OF_ONE_TYPE and shape not in self._shapes:
            self._kept[type] += 1
            self._shapes.add(shape)
            line = {"type": type, "cp_id": cp_id, "at": at, "payload": orjson.Fragment(payload)}
            with Path(self._corpus).open("ab") as file:
                file.write(orjson.dumps(line) + b"\n")


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    return [_shape(each) for each in value[:1]] if isinstance(value, list) else type(value).__name__


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch all that is recorded in this process by other code than tests."""
    watch, make = Watch(), services._row

    def see(type: str, cp_id: str, payload: Any, occurred_at: datetime, *more: Any) -> services.EventRow:
        row = make(type, cp_id, payload, occurred_at, *more)
        frame = sys._getframe(1)
        while frame.f_code.co_filename == services.__file__ and frame.f_back is not None:
            frame = frame.f_back
        if not frame.f_code.co_filename.startswith(TESTS):
            watch.see(type, cp_id, row[-1], occurred_at)
        return row

    services._row = see
    try:
        yield watch
    finally:
        services._row = make
