"""The cast of the tests with Kafka: events as the relay gives them, and a consumer of its own that reads everything."""

import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any
from uuid import UUID

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from csms.core.config import Config, get_config
from csms.core.events.envelope import Envelope
from csms.core.events.kafka import KafkaSink
from csms.core.events.kafka_line import Line
from csms.core.events.sinks import SinkAway
from csms.core.ids import uuid7

NOON = datetime(2026, 11, 20, 12, 0, 0, 123_000, tzinfo=UTC)
SECONDS = 90  # that a busy machine may take for anything


def keep() -> None:
    """The work is ours, and stays so."""


def settings(address: str, **others: Any) -> Config:
    """Settings with a prefix of their own, so that no test reads what another has written."""
    given = {
        "kafka_brokers": (address,),
        "kafka_topic_prefix": f"{token_hex(4)}.",
        "kafka_topic_partitions": 2,
    }
    return get_config().model_copy(
        update=given | {"kafka_topic_replicas": 1, "kafka_format": "json"} | others
    )


def sink(config: Config, bucket: int = 0) -> KafkaSink:
    return KafkaSink(bucket, Line(config))


def event(position: int, type: str = "cp.status", cp_id: str = "CP16", **payload: Any) -> Envelope:
    payload = payload or {"connector_id": 1, "status": "Available"}
    return Envelope(
        uuid7(), type, 1, cp_id, NOON, NOON, "ab" * 16, 0, json.dumps(payload), position, position
    )


def publish_at_last(sink: KafkaSink, events: list[Envelope]) -> list[str]:
    """Publish, again while Kafka is away, and return what was said of that."""
    said: list[str] = []
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            sink.publish(events, keep)
            return said
        except SinkAway as away:
            said.append(str(away))
            assert time.monotonic() < deadline, said
            time.sleep(0.1)


def until(true: Callable[[], Any], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(0.05)


def create(address: str, names: Iterable[str], partitions: int = 2, **config: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    for made in admin.create_topics(
        [NewTopic(name, partitions, 1, config=config) for name in names]
    ).values():
        made.result(SECONDS)


def everything(address: str, prefix: str) -> list[Message]:
    """All that stands in the topics with a prefix, in order of each partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": token_hex(8),
            "enable.partition.eof": False,
            "log_level": 0,
        }
    )
    try:
        topics = consumer.list_topics(timeout=SECONDS).topics
        ends: dict[tuple[str, int], int] = {}
        for name, topic in topics.items():
            if name.startswith(prefix):
                for number in topic.partitions:
                    ends[name, number] = _end(consumer, TopicPartition(name, number))
        ends = {place: end for place, end in ends.items() if end}
        consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in ends])
        found: list[Message] = []
        deadline = time.monotonic() + SECONDS
        while ends:
            assert time.monotonic() < deadline, f"the rest of {ends} did not come"
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            place = message.topic(), message.partition()
            if place in ends:
                found.append(message)
                if message.offset() >= ends[place] - 1:
                    del ends[place]
        return found
    finally:
        consumer.close()


def _end(consumer: Consumer, partition: TopicPartition) -> int:
    """Where a partition ends; a new one has no leader for a moment, or another than the consumer believes."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return consumer.get_watermark_offsets(partition, timeout=SECONDS)[1]
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def ids(messages: Iterable[Message]) -> list[UUID]:
    return [UUID(json.loads(message.value())["event_id"]) for message in messages]


def firsts(messages: Iterable[Message]) -> dict[tuple[str, str], list[int]]:
    """By topic and key, the sequence numbers of its events, each where it stands first."""
    found: dict[tuple[str, str], list[int]] = {}
    seen: set[str] = set()
    for message in messages:
        value = json.loads(message.value())
        if value["event_id"] not in seen:
            seen.add(value["event_id"])
            found.setdefault((message.topic(), message.key().decode()), []).append(value["sequence"])
    return found


def assert_in_order(messages: list[Message]) -> None:
    for chain, sequences in firsts(messages).items():
        assert sequences == sorted(sequences), f"{chain} is out of order"
    where: dict[tuple[str, str], int] = {}
    for message in messages:
        place = message.topic(), message.key().decode()
        assert where.setdefault(place, message.partition()) == message.partition()
