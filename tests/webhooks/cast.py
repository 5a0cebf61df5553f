"""What the tests of webhooks are made of: a clock that is moved by hand, events, endpoints, and a relay's hands."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import standardwebhooks

from csms.core.events import numbering
from csms.core.events.models import Event, Reader
from csms.core.events.relay import Hub, Pump
from csms.core.events.services import record
from csms.core.events.sinks import NotOurs, SinkAway
from csms.core.ids import uuid7_floor
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange
from csms.core.webhooks.services import (
    create_endpoint,
)
from csms.core.webhooks.sink import WebhookSink

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
State = Delivery.State
OPEN = {
    "CSMS_OUTBOUND_ALLOW_HTTP": "true",
    "CSMS_OUTBOUND_NETWORKS": "127.0.0.0/8",
    "CSMS_OUTBOUND_DEADLINE": "30",
}


class Clock:
    """Time stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def moves(self, **delta: float) -> None:
        self.now += timedelta(**delta)


def an_endpoint(url: str = "https://backend.example/hook", name: str = "backend", **values: Any) -> Endpoint:
    """An endpoint that is told of everything, if nothing else is said."""
    filter = {"types": ["*"]} | values
    return create_endpoint(name=name, url=url, filter=filter, by="alice", now=NOON)[0]


def happens(type: str = "cp.status", cp_id: str = "CP16", **payload: Any) -> str:
    """An event; returns its id."""
    event_id = record(type, cp_id, payload, occurred_at=NOON)
    number()
    return event_id


def number() -> None:
    while numbering.number_events(now=NOON):
        pass


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def states(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Charge point and state of each delivery, in the order of the events."""
    rows = Delivery.objects.filter(endpoint=endpoint).order_by("position")
    return list(rows.values_list("cp_id", "state"))


def position(endpoint: Endpoint) -> int:
    return Reader.objects.get(pk=endpoint.reader).position


def behind(endpoint: Endpoint) -> int:
    return numbering.head() - position(endpoint)


class Worker:
    """A relay's work on one endpoint, step by step."""

    def __init__(self, endpoint: Endpoint, clock: Clock, holder: str = "relay-1") -> None:
        self.hub = Hub()
        self.sink = WebhookSink(endpoint.pk, clock=clock)
        self.pump = Pump(self.sink, self.hub, holder, clock=clock)
        self.clock = clock

    def works(self) -> str:
        """Do all that is due now, and return why it stopped: `done`, `not ours` or what is in the way."""
        number()
        self.hub.move(numbering.head())
        try:
            if not self.pump.hold():
                return "not ours"
            while self.pump.step():
                pass
        except SinkAway as away:
            return str(away)
        except NotOurs:
            return "not ours"
        finally:
            self.pump._noted_at = (
                -1e9
            )  # the next time it notes how far it has come, whatever the clock on the wall
        self.pump._note(force=True)
        return "done"

    def ends(self) -> None:
        self.sink.close()
        self.pump.release()


def until(check: Callable[[], Any], timeout: float = 60) -> None:
    """Wait until it is true."""
    deadline = time.monotonic() + timeout
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def payloads(receiver: Any, name: str = "n") -> list[Any]:
    """What a receiver was told, in order."""
    return [message.json["data"]["payload"].get(name) for message in receiver.messages]


def record_at(event_id: str, moment: datetime) -> None:
    """It was recorded then."""
    new_id = UUID(int=uuid7_floor(moment).int + 1)
    Event.objects.filter(pk=event_id).update(id=new_id, recorded_at=moment)


def verified(message: Any, secret: str, now: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The body, as a receiver reads it whose program knows nothing of this house."""
    from standardwebhooks import webhooks

    class Then(webhooks.datetime):  # type: ignore[name-defined,misc]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now

    monkeypatch.setattr(webhooks, "datetime", Then)
    return standardwebhooks.Webhook(secret).verify(message.body, message.headers)


def made(**values: Any) -> tuple[Endpoint, str]:
    values = {
        "name": "b",
        "url": "https://backend.example/",
        "filter": {"types": ["*"]},
        "by": "alice",
        "now": NOON,
    } | values
    return create_endpoint(**values)


def notes(endpoint: Endpoint) -> list[tuple[str, str]]:
    return list(EndpointChange.objects.filter(endpoint=endpoint.pk).order_by("pk").values_list("what", "by"))
