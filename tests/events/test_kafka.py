"""The sink of Kafka on a real broker: what is told, where, in which order, and what becomes of what is refused."""

import dataclasses
import json
import random
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from pydantic import SecretStr

from csms.core.events import kafka as kafka_sink
from csms.core.events import kafka_line
from csms.core.events.catalogue import EVENT_TYPES
from csms.core.events.kafka import KafkaSink
from csms.core.events.kafka_line import Line
from csms.core.events.proto import events_pb2
from csms.core.events.sinks import NotOurs, SinkAway
from tests.events.kafka_cast import (
    assert_in_order,
    create,
    event,
    everything,
    firsts,
    ids,
    keep,
    publish_at_last,
    settings,
    sink,
    until,
)
from tests.lanes.kafka import USER, Kafka


@pytest.fixture
def few_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two types of events in the catalogue: to create them all takes time."""
    monkeypatch.setattr(
        kafka_line, "EVENT_TYPES", {name: EVENT_TYPES[name] for name in ("cp.status", "tx.started")}
    )


pytestmark = pytest.mark.usefixtures("few_types")


def test_an_event_stands_in_the_topic_of_its_type_under_its_charge_point(kafka: Kafka) -> None:
    config = settings(kafka.address)
    told, nobodys = event(1, "tx.started"), event(2, "bulk.job", cp_id="")
    one = sink(config)
    one.publish([told, nobodys], keep)
    one.close()
    found = {message.topic(): message for message in everything(kafka.address, config.kafka_topic_prefix)}
    assert set(found) == {f"{config.kafka_topic_prefix}tx.started", f"{config.kafka_topic_prefix}bulk.job"}
    message = found[f"{config.kafka_topic_prefix}tx.started"]
    assert message.key() == b"CP16"
    assert message.value() == told.as_json()
    assert dict(message.headers()) == {
        "content-type": b"application/json",
        "event-id": str(told.id).encode(),
        "event-type": b"tx.started",
        "schema-version": b"1",
        "traceparent": f"00-{'ab' * 16}-{told.id.hex[16:]}-00".encode(),
    }
    assert found[f"{config.kafka_topic_prefix}bulk.job"].key() is None


def test_the_value_is_protobuf_where_that_is_set(kafka: Kafka) -> None:
    config = settings(kafka.address, kafka_format="protobuf")
    told = event(1)
    one = sink(config)
    one.publish([told], keep)
    one.close()
    [message] = everything(kafka.address, config.kafka_topic_prefix)
    assert events_pb2.Envelope.FromString(message.value()).event_id == str(told.id)
    assert dict(message.headers())["content-type"] == b"application/x-protobuf"


def test_an_event_without_a_trace_has_no_traceparent() -> None:
    assert "traceparent" not in kafka_sink.headers_of(dataclasses.replace(event(1), trace_id=""), "json")


def test_four_sinks_share_one_producer_and_the_last_closes_it(kafka: Kafka) -> None:
    config = settings(kafka.address)
    line = Line(config)
    four = [KafkaSink(bucket, line) for bucket in range(4)]
    assert [each.name for each in four] == ["kafka:0", "kafka:1", "kafka:2", "kafka:3"]
    events = [
        [event(1 + bucket + 4 * n, cp_id=f"CP{bucket}-{n % 7}") for n in range(200)] for bucket in range(4)
    ]
    threads = [
        threading.Thread(target=each.publish, args=(some, keep))
        for each, some in zip(four, events, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    generation = line.generation()
    for each in four[:3]:
        each.close()
        assert not generation.broken
    four[3].close()
    assert generation.broken
    messages = everything(kafka.address, config.kafka_topic_prefix)
    assert sorted(ids(messages)) == sorted(each.id for some in events for each in some)
    assert_in_order(messages)


def test_topics_are_created_with_the_partitions_that_are_set_and_new_types_later(kafka: Kafka) -> None:
    config = settings(kafka.address, kafka_topic_partitions=5)
    one = sink(config)
    one.publish([event(1)], keep)
    one.publish([event(2, "cp.boot")], keep)
    one.close()
    topics = kafka.admin().list_topics(timeout=30).topics
    mine = {
        name.removeprefix(config.kafka_topic_prefix): len(topic.partitions)
        for name, topic in topics.items()
        if name.startswith(config.kafka_topic_prefix)
    }
    assert mine == {"cp.status": 5, "tx.started": 5, "cp.boot": 5}


def test_topics_are_created_at_the_start_before_anything_happens(kafka: Kafka) -> None:
    config = settings(kafka.address)
    one = sink(config)

    def looked() -> bool:
        try:
            return not one.tend(keep)
        except SinkAway:
            return False

    until(looked, "the brokers answer")
    one.close()
    names = set(kafka.admin().list_topics(timeout=30).topics)
    assert {f"{config.kafka_topic_prefix}{type}" for type in ("cp.status", "tx.started")} <= names


def test_a_missing_topic_is_told_where_none_is_created_and_what_else_there_is_goes_on(kafka: Kafka) -> None:
    config = settings(kafka.address, kafka_create_topics=False)
    status, boot = f"{config.kafka_topic_prefix}cp.status", f"{config.kafka_topic_prefix}cp.boot"
    create(kafka.address, [status])
    one = sink(config)
    events = [event(1), event(2, "cp.boot"), event(3)]
    with pytest.raises(
        SinkAway, match=f"Topic {boot}: it is missing, and KAFKA_CREATE_TOPICS is off"
    ) as away:
        one.publish(events, keep)
    assert away.value.done == 1
    assert ids(everything(kafka.address, status)) == [events[0].id, events[2].id]
    create(kafka.address, [boot])
    publish_at_last(one, events)
    one.close()
    messages = everything(kafka.address, config.kafka_topic_prefix)
    assert sorted(ids(messages)) == sorted(each.id for each in events)


NOISE = random.Random(7).randbytes(40_000).hex()  # what compresses well would be small enough


def test_a_topic_that_was_removed_is_made_again(kafka: Kafka) -> None:
    config = settings(kafka.address)
    topic = f"{config.kafka_topic_prefix}cp.status"
    one = sink(config)
    publish_at_last(one, [event(1)])
    admin = kafka.admin()
    for done in admin.delete_topics([topic]).values():
        done.result(60)
    publish_at_last(one, [event(2)])
    one.close()
    assert firsts(everything(kafka.address, topic)) == {(topic, "CP16"): [2]}


@pytest.mark.parametrize("place", [1, 4], ids=["the first of its key", "in the middle"])
def test_what_is_too_large_for_the_broker_leaves_without_its_payload_and_in_its_place(
    kafka: Kafka, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(kafka.address)
    topic = f"{config.kafka_topic_prefix}cp.status"
    create(kafka.address, [topic], 1, **{"max.message.bytes": "3000"})
    events = [event(n, text=NOISE[:5000]) if n == place else event(n) for n in range(1, 9)]
    one = sink(config)
    judge = one._judge

    def judge_late(left: list[kafka_sink.Parcel]) -> bool:
        if any(parcel.refused for parcel in left):
            time.sleep(0.5)  # order must not depend on how soon it is noticed
        return judge(left)

    monkeypatch.setattr(one, "_judge", judge_late)
    one.publish(events, keep)
    one.close()
    messages = everything(kafka.address, topic)
    assert firsts(messages)[topic, "CP16"] == list(range(1, 9))
    for message in messages:
        value = json.loads(message.value())
        where = dict(message.headers()).get("payload-at")
        if value["sequence"] == place:
            assert where == f"/api/v1/events/{events[place - 1].id}/".encode()
            assert value["payload"] == {}
        else:
            assert where is None
            assert value["payload"]["status"] == "Available"


def test_a_batch_that_is_too_large_for_the_broker_is_sent_one_by_one(kafka: Kafka) -> None:
    config = settings(kafka.address)
    topic = f"{config.kafka_topic_prefix}cp.status"
    create(kafka.address, [topic], 1, **{"max.message.bytes": "100000"})
    events = [event(n, text=NOISE[n : n + 45_000]) for n in range(1, 31)]
    line = Line(config)
    one = KafkaSink(0, line)
    one.publish(events, keep)
    assert line.careful
    one.close()
    messages = everything(kafka.address, topic)
    assert firsts(messages)[topic, "CP16"] == list(range(1, 31))
    assert not any("payload-at" in dict(message.headers()) for message in messages)


def test_what_is_too_large_for_any_broker_is_not_even_tried(kafka: Kafka) -> None:
    config = settings(kafka.address)
    large = event(2, text="x" * 1_100_000)
    one = sink(config)
    one.publish([event(1), large, event(3)], keep)
    one.close()
    messages = everything(kafka.address, config.kafka_topic_prefix)
    assert firsts(messages) == {(f"{config.kafka_topic_prefix}cp.status", "CP16"): [1, 2, 3]}
    assert dict(messages[1].headers())["payload-at"] == f"/api/v1/events/{large.id}/".encode()


@pytest.fixture
def denied(kafka: Kafka) -> Iterator[list[AclBinding]]:
    """What is denied to everybody; taken back at the end."""
    given: list[AclBinding] = []
    yield given
    kafka_admin = kafka.admin()
    for each in given:
        each_filter = AclBindingFilter(
            each.restype, each.name, each.resource_pattern_type, each.principal, each.host,
            each.operation, each.permission_type,
        )  # fmt: skip
        for done in kafka_admin.delete_acls([each_filter]).values():
            done.result(30)


def test_a_topic_that_may_not_be_written_is_told_and_order_survives_it(
    kafka: Kafka, denied: list[AclBinding]
) -> None:
    config = settings(kafka.address)
    topic = f"{config.kafka_topic_prefix}cp.status"
    create(kafka.address, [topic])
    rule = AclBinding(
        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:*", "*", AclOperation.WRITE,
        AclPermissionType.DENY,
    )  # fmt: skip
    admin = kafka.admin()
    for done in admin.create_acls([rule]).values():
        done.result(30)
    denied.append(rule)
    one = sink(config)
    events = [event(n) for n in range(1, 21)]

    def refused() -> bool:
        with pytest.raises(SinkAway) as away:
            one.publish(events, keep)
        return str(away.value).startswith(f"Kafka refuses an event for topic {topic}: ")

    until(refused, "the refusal in words")
    lift = AclBindingFilter(
        rule.restype, rule.name, rule.resource_pattern_type, rule.principal, rule.host, rule.operation,
        rule.permission_type,
    )  # fmt: skip
    for done in admin.delete_acls([lift]).values():
        done.result(30)
    denied.clear()
    publish_at_last(one, events)
    one.close()
    messages = everything(kafka.address, topic)
    assert firsts(messages)[topic, "CP16"] == list(range(1, 21))


def test_a_silent_broker_is_told_and_nothing_is_given_up_or_sent_twice(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_sink, "PATIENCE", 0.5)
    config = settings(kafka.address)
    one = sink(config)
    publish_at_last(one, [event(n) for n in range(1, 11)])
    events = [event(n) for n in range(11, 31)]
    kafka.signal(signal.SIGSTOP)
    try:
        with pytest.raises(SinkAway, match="Kafka.*(confirms nothing|does not answer)"):
            one.publish(events, keep)
    finally:
        kafka.signal(signal.SIGCONT)
    publish_at_last(one, events)
    one.close()
    messages = everything(kafka.address, config.kafka_topic_prefix)
    assert [json.loads(message.value())["sequence"] for message in messages] == list(range(1, 31))


def test_who_loses_the_work_purges_what_is_queued_and_the_next_sends_it_again(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_sink, "GRACE", 0.2)
    config = settings(kafka.address)
    line = Line(config)
    first, other = KafkaSink(0, line), KafkaSink(1, line)
    publish_at_last(first, [event(1)])
    publish_at_last(other, [event(2, cp_id="CS201")])
    events = [event(n) for n in range(3, 23)]
    looks = 0

    def lose() -> None:
        nonlocal looks
        looks += 1
        if looks > 2:
            raise NotOurs

    generation = line.generation()
    kafka.signal(signal.SIGSTOP)
    try:
        with pytest.raises(NotOurs):
            first.publish(events, lose)
    finally:
        kafka.signal(signal.SIGCONT)
    assert generation.broken
    first.close()
    second = sink(config)
    publish_at_last(second, [*events, event(23)])
    publish_at_last(other, [event(24, cp_id="CS201")])
    second.close()
    other.close()
    messages = everything(kafka.address, config.kafka_topic_prefix)
    found = firsts(messages)
    topic = f"{config.kafka_topic_prefix}cp.status"
    assert found[topic, "CP16"] == [1, *range(3, 24)]
    assert found[topic, "CS201"] == [2, 24]


def test_a_relay_that_ends_waits_for_what_is_on_its_way(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_sink, "LOOK", 0.0)
    monkeypatch.setattr(kafka_sink, "GRACE", 60.0)
    config = settings(kafka.address)
    one = sink(config)
    publish_at_last(one, [event(1)])
    sent = False

    def end() -> None:
        if sent:
            kafka.signal(signal.SIGCONT)
            raise NotOurs

    queue = one._queue

    def queue_and_stop(*parcel: Any) -> bool:
        nonlocal sent
        sent = True
        kafka.signal(signal.SIGSTOP)
        return queue(*parcel)

    monkeypatch.setattr(one, "_queue", queue_and_stop)
    one.publish([event(2)], end)
    one.close()
    assert len(everything(kafka.address, config.kafka_topic_prefix)) == 2


def test_brokers_are_spoken_to_by_tls_and_with_a_password_where_that_is_set(kafka: Kafka) -> None:
    config = settings(
        kafka.secure_address,
        kafka_security="sasl_ssl",
        kafka_sasl_mechanism="PLAIN",
        kafka_username=USER,
        kafka_password=SecretStr(kafka.password),
        kafka_ca_file=str(kafka.ca_file),
    )
    one = sink(config)
    publish_at_last(one, [event(1)])
    one.close()
    assert len(everything(kafka.address, config.kafka_topic_prefix)) == 1


def test_a_wrong_password_and_an_unknown_certificate_are_told(kafka: Kafka) -> None:
    given = {
        "kafka_security": "sasl_ssl",
        "kafka_sasl_mechanism": "PLAIN",
        "kafka_username": USER,
        "kafka_password": SecretStr("guessed"),
        "kafka_ca_file": str(kafka.ca_file),
    }
    for others, words in (
        ({}, "authentication"),
        ({"kafka_ca_file": ""}, "certificate verify failed"),
    ):
        one = sink(settings(kafka.secure_address, **given | others))

        def told(one: KafkaSink = one, words: str = words) -> bool:
            with pytest.raises(SinkAway) as away:
                one.tend(keep)
            return words in str(away.value).lower()

        until(told, words)
        with pytest.raises(SinkAway):
            one.publish([event(1)], keep)
        one.close()
