"""A broker that is killed and started again under load: nothing is lost, and nothing overtakes."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.utils import timezone

from csms.core.events.models import Event, Reader
from csms.core.events.numbering import head
from csms.core.events.relay import Relay
from csms.core.events.services import record
from tests.events.rabbit_cast import Listener, forget
from tests.lanes.rabbitmq import Rabbit
from tests.support.house import settings_are

pytestmark = pytest.mark.django_db(transaction=True)

FLEET = [f"CP{n}" for n in range(10)]


def until(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not check():
        assert time.monotonic() < deadline, f"did not come true: {what}"
        connection.close()
        time.sleep(0.05)


@contextmanager
def relaying() -> Iterator[None]:
    """A relay as a worker runs it."""
    relay = Relay()
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        yield
    finally:
        relay.stop()
        thread.join(60)
        assert not thread.is_alive()


class Load:
    """Charge points that report without a pause, until `stop()`."""

    def __init__(self) -> None:
        self.recorded = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.wait(0.01):
            with transaction.atomic():
                for cp_id in FLEET:
                    facts = {"direction": "in", "message": str(self.recorded), "message_type": 2}
                    record("cp.ocpp_frames", cp_id, facts, occurred_at=timezone.now())
                    self.recorded += 1
        connection.close()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(60)


def moved_to() -> int:
    return Reader.objects.filter(pk="amqp").values_list("position", flat=True).first() or 0


def settled() -> bool:
    return not Event.objects.filter(position=None).exists() and 0 < moved_to() == head()


def test_a_broker_that_is_killed_and_stopped_under_load_loses_nothing_and_keeps_the_order(
    rabbit: Rabbit,
) -> None:
    forget(rabbit)
    listener = Listener(rabbit)
    with settings_are(AMQP_URL=rabbit.url), relaying():
        load = Load()
        try:
            for end in (rabbit.kill, rabbit.stop):
                before = moved_to()
                until(lambda before=before: moved_to() > before + 50, "events go out")
                end()
                last = load.recorded
                until(lambda last=last: load.recorded > last + 50, "the house works without a broker")
                until(lambda: Reader.objects.get(pk="amqp").error != "", "the trouble is told")
                rabbit.start()
        finally:
            load.stop()
            if not rabbit.answers():
                rabbit.start()
        until(settled, "everything is out")
    assert Reader.objects.get(pk="amqp").error == ""
    messages = listener.take_all()
    ids = [message.properties["message_id"] for message in messages]
    assert set(ids) == {str(pk) for pk in Event.objects.values_list("pk", flat=True)}
    first = {message.properties["message_id"]: message for message in reversed(messages)}  # of each id
    for cp_id in FLEET:
        told = [
            message.headers["sequence"]
            for number, message in enumerate(messages)
            if first[ids[number]] is message and json.loads(message.body)["charge_box_serial"] == cp_id
        ]
        assert told == list(range(1, len(told) + 1))


def test_a_broker_that_is_away_at_the_start_is_told_and_found_when_it_comes(rabbit: Rabbit) -> None:
    forget(rabbit)
    listener = Listener(rabbit)
    rabbit.kill()
    try:
        with settings_are(AMQP_URL=rabbit.url), relaying():
            record("cp.connected", "CP16", {"peer": "198.51.100.7"}, occurred_at=timezone.now())
            until(lambda: Reader.objects.filter(pk="amqp").exclude(error="").exists(), "the trouble is told")
            reader = Reader.objects.get(pk="amqp")
            assert "Connection refused" in reader.error
            assert reader.failing_since is not None
            rabbit.start()
            until(lambda: settled() and Reader.objects.get(pk="amqp").error == "", "it went out")
    finally:
        if not rabbit.answers():
            rabbit.start()
    (message,) = listener.take_all()
    assert json.loads(message.body)["charge_box_serial"] == "CP16"
