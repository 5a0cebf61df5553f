"""Relays in hand: their clock is moved by hand, and a listener takes what it is given."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from csms.core.events import numbering, relay
from csms.core.events.envelope import Envelope
from csms.core.events.models import Reader
from csms.core.events.relay import Hub, Pump, begin
from csms.core.events.services import record
from csms.core.events.sinks import Keep, Sink

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


class Listener(Sink):
    """Takes what it is given, or does what the test has it do instead."""

    name = "listener"

    def __init__(self, **attributes: object) -> None:
        self.taken: list[int] = []
        self.instead: Callable[[Sequence[Envelope], Keep], None] | None = None
        self.closed = 0
        for name, value in attributes.items():
            setattr(self, name, value)

    def publish(self, events: Sequence[Envelope], keep: Keep) -> None:
        if self.instead is not None:
            self.instead(events, keep)
        self.taken += [event.position for event in events]

    def close(self) -> None:
        self.closed += 1


class House:
    """Relays that share a clock; each has a listener of its own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.hub = Hub()

    def pump(self, holder: str, **attributes: object) -> Pump:
        listener = Listener(**attributes)
        begin(listener)
        return Pump(listener, self.hub, holder, clock=self.clock)

    def happen(self, number: int, cp_id: str = "CP16", type: str = "cp.boot") -> None:
        for _ in range(number):
            record(type, cp_id, {}, occurred_at=NOON)
        numbering.number_events(now=NOON)
        self.hub.move(numbering.head())


def row(name: str = "listener") -> Reader:
    return Reader.objects.get(pk=name)


def turn(pump: Pump, monkeypatch: pytest.MonkeyPatch) -> float | None:
    """One turn of a pump's thread: the seconds that it would pause, None if it waits for events."""
    paused: list[float] = []
    monkeypatch.setattr(pump, "_pause", paused.append)
    monkeypatch.setattr(pump.hub, "wait", lambda position, seconds: None)
    monkeypatch.setattr(relay.random, "random", lambda: 0.0)
    # The test's own connection stays.
    monkeypatch.setattr(relay, "connection", type("Connection", (), {"close": staticmethod(lambda: None)}))
    pump._turn()
    return paused[0] if paused else None
