"""A sink that is new begins with the oldest event that is kept, also when that is numbered in the same moment."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.utils import timezone

from csms.core.events import relay
from csms.core.events.envelope import Envelope
from csms.core.events.numbering import number_events
from csms.core.events.relay import Hub, Pump, begin
from csms.core.events.services import record
from csms.core.events.sinks import Keep, Sink

pytestmark = pytest.mark.django_db


class Hears(Sink):
    """Remembers what it was given."""

    name = "hears"

    def __init__(self) -> None:
        self.positions: list[int] = []

    def publish(self, events: Sequence[Envelope], keep: Keep) -> None:
        self.positions += [event.position for event in events]


def test_what_is_numbered_while_a_new_sink_begins_is_brought_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        record("cp.connected", "CP16", {}, occurred_at=timezone.now())
    looked = relay.events_after

    def too_early(*args: Any, **how: Any) -> list[Envelope]:
        found = looked(*args, **how)
        number_events(now=timezone.now())  # by another process, after the look
        return found

    hub = Hub()
    pump = Pump(Hears(), hub, "a")
    with monkeypatch.context() as patch:
        patch.setattr(relay, "events_after", too_early)
        begin(pump.sink)
    hub.move(3)
    assert pump.hold()
    pump.step()
    assert pump.sink.positions == [1, 2, 3]
