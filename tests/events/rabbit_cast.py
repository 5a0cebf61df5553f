"""The cast of the tests with RabbitMQ: events as they are recorded, and a listener of another make than the sink."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import amqp
import kombu
import pytest

from csms.core.events import amqp as product
from csms.core.events.amqp import AmqpSink
from csms.core.events.envelope import Envelope
from csms.core.events.sinks import SinkAway
from csms.core.ids import uuid7
from tests.lanes.rabbitmq import Rabbit

NOON = datetime(2026, 11, 20, 12, 0, 0, 123_000, tzinfo=UTC)
QUEUE = "listener"
KEYS = {"ocpp": ("ocpp.msgs", "ocpp.connection-events"), "sessions": ("sessions.raw",)}


def keep() -> None:
    """The work is ours, and stays so."""


def event(type: str, position: int = 1, cp_id: str = "CP16", **payload: Any) -> Envelope:
    """An event as the relay gives it to a sink."""
    return Envelope(
        uuid7(), type, 1, cp_id, NOON, NOON, "ab" * 16, 0, json.dumps(payload), position, position
    )


def frame(position: int = 1, **payload: Any) -> Envelope:
    given = {"direction": "in", "action": "Heartbeat", "message_type": 2, "message": '[2,"1","Heartbeat",{}]'}
    return event("cp.ocpp_frames", position, **given | payload)


def publish_at_last(sink: AmqpSink, events: list[Envelope]) -> None:
    """Publish, again while the broker is away."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return sink.publish(events, keep)
        except SinkAway:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def forget(rabbit: Rabbit) -> None:
    """Remove the exchanges and the listener's queue, whatever other tests left of them."""
    with rabbit.connection() as connection:
        channel = connection.channel()
        channel.queue_delete(QUEUE)
        for exchange in KEYS:
            channel.exchange_delete(exchange)


class Listener:
    """Listens to everything with one durable queue, as an integrator would who wants to miss nothing."""

    def __init__(self, rabbit: Rabbit, **arguments: Any) -> None:
        self._url = rabbit.url
        with kombu.Connection(self._url) as connection:
            exchanges = {name: kombu.Exchange(name, "topic", durable=True) for name in KEYS}
            bindings = [
                kombu.binding(exchanges[name], routing_key=key) for name, keys in KEYS.items() for key in keys
            ]
            kombu.Queue(QUEUE, bindings=bindings, durable=True, queue_arguments=arguments)(
                connection.default_channel
            ).declare()

    def take(self, number: int) -> list[kombu.Message]:
        """Return the messages once there are so many; more than that are left."""
        taken: list[kombu.Message] = []
        with kombu.Connection(self._url) as connection:
            consumer = kombu.Consumer(
                connection, [kombu.Queue(QUEUE, no_declare=True)], on_message=taken.append, no_ack=True
            )
            deadline = time.monotonic() + 60
            with consumer:
                while len(taken) < number:
                    assert time.monotonic() < deadline, f"{len(taken)} messages of {number} came"
                    try:
                        connection.drain_events(timeout=1)
                    except TimeoutError:
                        pass
        return taken

    def waiting(self) -> int:
        """How many messages lie in the queue."""
        with kombu.Connection(self._url) as connection:
            return int(connection.default_channel.queue_declare(QUEUE, passive=True).message_count)

    def take_all(self) -> list[kombu.Message]:
        return self.take(self.waiting())


@contextmanager
def nobody_there() -> Iterator[int]:
    """A port at which nobody answers, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def channel_of(sink: AmqpSink) -> amqp.Channel:
    assert sink._channel is not None
    return sink._channel


@pytest.fixture
def broker(rabbit: Rabbit) -> Rabbit:
    """A broker without exchanges and queues."""
    forget(rabbit)
    product._refused_at.clear()
    return rabbit


@pytest.fixture
def sink(broker: Rabbit) -> Iterator[AmqpSink]:
    sink = AmqpSink(broker.url, "default")
    yield sink
    sink.close()


@pytest.fixture
def listener(broker: Rabbit) -> Listener:
    return Listener(broker)
