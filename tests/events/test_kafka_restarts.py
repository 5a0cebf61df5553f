"""What fails between the outbox and Kafka loses nothing and brings nothing out of order: brokers, relays, both."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message
from django.db import connection, transaction
from django.utils import timezone

from csms.core.config import Config
from csms.core.events import kafka as kafka_sink
from csms.core.events import numbering, relay
from csms.core.events.kafka import KafkaSink
from csms.core.events.kafka_line import Line
from csms.core.events.metrics import EventMetrics
from csms.core.events.models import BUCKETS, Event, Reader
from csms.core.events.relay import Relay
from csms.core.events.services import record
from csms.core.events.sinks import Sink
from tests.events.kafka_cast import assert_in_order, create, everything, firsts, settings, until
from tests.lanes.kafka import Kafka
from tests.lanes.services import free_port
from tests.support.server import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CHARGERS = [f"CP{number}" for number in range(12)]
TYPES = {
    "cp.status": {"connector_id": 1, "status": "Available"},
    "cp.boot": {"vendor": "Acme", "model": "One"},
}


class Load:
    """Records events without end, in transactions of a few, until it is told that it is enough."""

    def __init__(self) -> None:
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        try:
            while not self.ending.is_set():
                with transaction.atomic():
                    for type, payload in TYPES.items():
                        for cp_id in CHARGERS:
                            record(type, cp_id, payload, occurred_at=NOON)
                time.sleep(0.02)
        finally:
            connection.close()

    def __enter__(self) -> "Load":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.thread.join()


@pytest.fixture
def config(kafka: Kafka) -> Config:
    """Settings whose topics are there; the rest of the catalogue is left out."""
    config = settings(kafka.address, kafka_create_topics=False)
    create(kafka.address, [config.kafka_topic_prefix + type for type in TYPES], 3)
    return config


@pytest.fixture
def relaying(monkeypatch: pytest.MonkeyPatch) -> Callable[[Config], Any]:
    """Runs a relay in this process, to Kafka only."""

    @contextmanager
    def running(config: Config) -> Iterator[Relay]:
        line = Line(config)

        def wanted() -> dict[str, Sink]:
            return {f"kafka:{bucket}": KafkaSink(bucket, line) for bucket in range(BUCKETS)}

        monkeypatch.setattr(relay, "wanted_sinks", wanted)
        one = Relay()
        thread = threading.Thread(target=one.run)
        thread.start()
        try:
            yield one
        finally:
            one.stop()
            thread.join()

    return running


def spawn(config: Config, tmp_path: Path, *, lease: float = 15) -> subprocess.Popen[bytes]:
    """A relay in a process of its own, on the database of the tests, with a lease of so many seconds."""
    database = connection.settings_dict
    url = f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    set_up = (
        "import django; django.setup(); from datetime import timedelta; from csms.core.events import relay; "
        f"relay.LEASE = timedelta(seconds={lease}); relay.Relay().run()"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CSMS_TEST", "KAFKA_"))}
    given = {
        "DATABASE_URL": url,
        "CSMS_DATA_DIR": str(tmp_path),
        "KAFKA_BROKERS": ",".join(config.kafka_brokers),
        "KAFKA_TOPIC_PREFIX": config.kafka_topic_prefix,
        "KAFKA_FORMAT": "json",
        "KAFKA_CREATE_TOPICS": "no",
    }
    with (tmp_path / "relay.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", set_up],
            cwd=ROOT,
            env=kept | given,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def brought(name: str = "kafka:") -> int:
    """Up to where all of Kafka's sinks have come."""
    positions = list(Reader.objects.filter(pk__startswith=name).values_list("position", flat=True))
    return min(positions) if len(positions) == BUCKETS else 0


def all_brought() -> bool:
    return not Event.objects.filter(position=None).exists() and brought() >= numbering.head()


def failing() -> list[str]:
    return list(Reader.objects.exclude(failing_since=None).order_by("pk").values_list("error", flat=True))


def all_name(address: str) -> bool:
    """Whether all of Kafka's sinks say who does not answer, and since when; the first word may be another."""
    said = failing()
    return len(said) == BUCKETS and all(address in error and " since 2" in error for error in said)


def assert_all_there(address: str, config: Config) -> list[Message]:
    """Everything that was recorded stands in Kafka, in order; what comes twice has the same id."""
    messages = everything(address, config.kafka_topic_prefix)
    found: dict[str, tuple[str, str, int]] = {}
    for message in messages:
        value = json.loads(message.value())
        said = value["type"], value["cp_id"], value["sequence"]
        assert found.setdefault(value["event_id"], said) == said
    recorded = {
        str(row[0]): row[1:]
        for row in Event.objects.values_list("pk", "type", "cp_id", "sequence").iterator()
    }
    assert found == recorded, f"{len(recorded.keys() - found.keys())} lost"
    assert_in_order(messages)
    return messages


def test_a_broker_that_is_killed_under_load_and_comes_back_loses_and_reorders_nothing(
    kafka: Kafka, config: Config, relaying: Callable[[Config], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_sink, "PATIENCE", 1.0)
    with relaying(config):
        with Load():
            until(lambda: brought() > 500, "the first events")
            kafka.kill()
            until(lambda: all_name(kafka.address), "all sinks say who does not answer, and since when")
            before = numbering.head()
            until(lambda: numbering.head() > before + 100, "events go on")
            kafka.start()
            until(lambda: brought() > before + 100, "what was waiting")
        until(all_brought, "the rest")
        until(lambda: not failing(), "nothing is in the way any more")
    assert_all_there(kafka.address, config)


def test_a_broker_that_is_away_at_the_start_is_told_and_waited_for(
    kafka: Kafka, config: Config, relaying: Callable[[Config], Any]
) -> None:
    for cp_id in CHARGERS:
        record("cp.boot", cp_id, TYPES["cp.boot"], occurred_at=NOON)
    nobody = f"127.0.0.1:{free_port()}"
    with relaying(config.model_copy(update={"kafka_brokers": (nobody,)})):
        until(lambda: all_name(nobody), "all sinks say who does not answer, and since when")
        metrics = {
            (each.name, each.labels.get("sink")): each.value
            for family in EventMetrics(lambda: [f"kafka:{bucket}" for bucket in range(BUCKETS)]).collect()
            for each in family.samples
        }
        assert metrics["csms_events_backlog", "kafka:0"] == len(CHARGERS)
        assert metrics["csms_events_sink_failing", "kafka:0"] == 1
        assert metrics["csms_events_oldest_seconds", "kafka:0"] >= 0
    with relaying(config):
        until(all_brought, "everything")
        until(lambda: not failing(), "nothing is in the way any more")
    messages = assert_all_there(kafka.address, config)
    assert len(messages) == len(CHARGERS)


def test_brokers_that_are_away_are_told_before_anything_happens(
    config: Config, relaying: Callable[[Config], Any]
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with relaying(config.model_copy(update={"kafka_brokers": (nobody,)})):
        until(lambda: all_name(nobody), "all sinks say who does not answer, and since when")
    assert not Event.objects.exists()
    with relaying(config):
        until(lambda: not failing(), "nothing is in the way any more")


def test_the_shifts_of_a_relay_follow_each_other_without_anything_twice(
    kafka: Kafka, config: Config, relaying: Callable[[Config], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_sink, "GRACE", 60.0)
    monkeypatch.setattr(relay, "PATIENCE", (60.0, 60.0))
    with Load():
        for _ in range(3):
            with relaying(config):
                target = numbering.head() + 200
                until(lambda: brought() > target, "events of this shift")  # noqa: B023 - called at once
    with relaying(config):
        until(all_brought, "the rest")
    messages = assert_all_there(kafka.address, config)
    assert len(messages) == Event.objects.count()


@pytest.mark.postgres_only
def test_a_relay_that_is_killed_under_load_is_followed_by_another_and_nothing_is_lost_or_reordered(
    kafka: Kafka, config: Config, tmp_path: Path
) -> None:
    first = spawn(config, tmp_path)
    second = None
    try:
        with Load():
            until(lambda: brought() > 300, f"the first events; {tmp_path / 'relay.log'}")
            second = spawn(config, tmp_path)
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
            noted = brought()
            until(lambda: brought() > noted + 500, "another has taken over")
        until(all_brought, "the rest")
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.wait()
    assert_all_there(kafka.address, config)


@pytest.mark.postgres_only
def test_two_relays_never_do_the_work_of_one_bucket_at_once(
    kafka: Kafka, config: Config, tmp_path: Path
) -> None:
    # Longer than any stall of a busy machine: to lose a lease is the matter of another test.
    both = [spawn(config, tmp_path, lease=600) for _ in range(2)]
    try:
        with Load():
            until(lambda: brought() > 500, f"the first events; {tmp_path / 'relay.log'}")
            # A lease is kept, not passed to and fro: whoever has it has it as long as it lives.
            held = {reader.pk: reader.holder for reader in Reader.objects.filter(pk__startswith="kafka:")}
            target = numbering.head() + 500
            until(lambda: brought() > target, "more events")
            assert held == {
                reader.pk: reader.holder
                for reader in Reader.objects.filter(pk__startswith="kafka:", held_until__gt=timezone.now())
            }
        until(all_brought, "the rest")
    finally:
        for process in both:
            process.kill()
            process.wait()
    messages = assert_all_there(kafka.address, config)
    # With two at work on a bucket everything would stand there twice.
    assert len(messages) == Event.objects.count()
    assert len(firsts(messages)) == len(CHARGERS) * len(TYPES)
