"""The sink of Kafka against the mock cluster of librdkafka: what can be seen of it without Java."""

import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic

import pytest
from confluent_kafka import Producer
from confluent_kafka.cimpl import NewTopic
from prometheus_client import REGISTRY

from csms.core.config import Config, get_config
from csms.core.events import kafka as kafka_sink
from csms.core.events import kafka_line
from csms.core.events.catalogue import EVENT_TYPES
from csms.core.events.kafka import KafkaSink, sinks
from csms.core.events.kafka_line import Line, producer_settings
from csms.core.events.sinks import NotOurs, SinkAway
from tests.events.kafka_cast import (
    assert_in_order,
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
from tests.lanes.services import free_port


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    """The address of a cluster of three brokers that lives in this process."""
    cluster = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 3, "log_level": 0})
    yield ",".join(
        f"{broker.host}:{broker.port}" for broker in cluster.list_topics(timeout=30).brokers.values()
    )
    cluster.close()


@pytest.fixture
def config(mock: str, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Settings whose topics are there: the mock makes them when it is asked for them, and only then."""
    monkeypatch.setattr(kafka_line, "EVENT_TYPES", {"cp.status": EVENT_TYPES["cp.status"]})
    config = settings(mock, kafka_create_topics=False)
    asking = Producer({"bootstrap.servers": mock, "log_level": 0})
    for name in ("cp.status", "cp.boot"):
        asking.list_topics(config.kafka_topic_prefix + name, timeout=30)
    asking.close()
    return config


def test_everything_arrives_in_order_under_its_key(config: Config) -> None:
    events = [
        event(n, ("cp.status", "cp.boot")[n % 2], cp_id=f"CP{n % 5}", connector_id=n) for n in range(1, 1001)
    ]
    one = sink(config)
    for begin in range(0, 1000, 250):
        publish_at_last(one, events[begin : begin + 250])
    one.close()
    messages = everything(config.kafka_brokers[0], config.kafka_topic_prefix)
    assert sorted(ids(messages)) == sorted(each.id for each in events)
    assert_in_order(messages)
    assert {message.key() for message in messages} == {f"CP{n}".encode() for n in range(5)}


def counted(name: str, topic: str) -> float:
    return REGISTRY.get_sample_value(name, {"topic": topic}) or 0


def test_what_is_too_large_for_any_broker_leaves_without_its_payload_and_is_counted_and_logged(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "csms.core.events.kafka")
    large = event(2, text="x" * 1_100_000)
    one = sink(config)
    publish_at_last(one, [event(1), large, event(3)])
    one.close()
    messages = everything(config.kafka_brokers[0], config.kafka_topic_prefix)
    assert firsts(messages) == {(f"{config.kafka_topic_prefix}cp.status", "CP16"): [1, 2, 3]}
    assert dict(messages[1].headers())["payload-at"] == f"/api/v1/events/{large.id}/".encode()
    topic = f"{config.kafka_topic_prefix}cp.status"
    assert counted("csms_kafka_published_total", topic) == 3
    assert counted("csms_kafka_cut_total", topic) == 1
    said = {record.message: record for record in caplog.records}
    assert said["kafka.event_cut"].event_id == str(large.id)
    assert (said["kafka.published"].sink, said["kafka.published"].events) == ("kafka:0", 3)


def test_brokers_that_are_away_are_named_with_the_time_since_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_line, "ANSWER", 0.5)
    nobody = f"127.0.0.1:{free_port()}"
    one = sink(settings(nobody))
    with pytest.raises(SinkAway) as away:
        one.publish([event(1)], keep)
    one.close()
    assert str(away.value).startswith("Kafka does not answer since 2")
    assert nobody in str(away.value)
    assert away.value.done is None


def test_sinks_that_share_a_producer_do_not_all_wait_for_brokers_that_are_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka_line, "ANSWER", 0.5)
    monkeypatch.setattr(kafka_line, "AGAIN", 600.0)
    line = Line(settings(f"127.0.0.1:{free_port()}"))
    asked = 0
    look = kafka_line.Generation.look_at_topics

    def count(generation: kafka_line.Generation) -> None:
        nonlocal asked
        asked += 1
        look(generation)

    monkeypatch.setattr(kafka_line.Generation, "look_at_topics", count)
    four = [KafkaSink(bucket, line) for bucket in range(4)]
    for each in four:
        with pytest.raises(SinkAway, match="Kafka does not answer"):
            each.publish([event(1)], keep)
    for each in four:
        each.close()
    assert asked == 1


def test_brokers_that_are_away_are_told_though_there_is_nothing_to_send(
    monkeypatch: pytest.MonkeyPatch, mock: str
) -> None:
    monkeypatch.setattr(kafka_line, "ANSWER", 0.5)
    nobody = f"127.0.0.1:{free_port()}"
    one = sink(settings(nobody))
    for _ in range(2):
        with pytest.raises(SinkAway, match=f"Kafka does not answer since 2.*{nobody}"):
            one.tend(keep)
    one.close()


def looks(monkeypatch: pytest.MonkeyPatch) -> list[kafka_line.Generation]:
    """Each time that brokers are asked for topics."""
    found: list[kafka_line.Generation] = []
    look = kafka_line.Generation.look_at_topics

    def noted(generation: kafka_line.Generation) -> None:
        found.append(generation)
        look(generation)

    monkeypatch.setattr(kafka_line.Generation, "look_at_topics", noted)
    return found


def test_brokers_are_looked_at_once_at_the_start_and_again_after_a_silence(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_line, "SILENCE", 3600.0)
    asked = looks(monkeypatch)
    line = Line(config)
    four = [KafkaSink(bucket, line) for bucket in range(4)]

    def all_look() -> None:
        for each in four:
            assert not each.tend(keep)

    at_last(all_look)
    answered = len(asked)
    all_look()
    assert len(asked) == answered
    publish_at_last(four[0], [event(1)])
    all_look()
    assert len(asked) == answered  # the topics are known, and a confirmation is an answer
    line.generation().answered_at = monotonic() - 3601
    publish_at_last(four[0], [event(2)])
    all_look()
    assert len(asked) == answered
    line.generation().answered_at = monotonic() - 3601
    at_last(all_look)
    assert len(asked) > answered
    for each in four:
        each.close()


def test_what_is_on_its_way_is_looked_after_by_who_sent_it(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = looks(monkeypatch)
    one = sink(config)
    one._parcels = one._parcels | {1: kafka_sink.Parcel(event(1), "t")}
    assert not one.tend(keep)
    assert not asked


def at_last(work: Callable[[], None]) -> None:
    """Do it again while brokers take their time."""

    def done() -> bool:
        try:
            work()
        except SinkAway:
            return False
        return True

    until(done, "the brokers answer")


def test_whoever_loses_the_work_while_another_asks_for_topics_hears_of_it(mock: str) -> None:
    line = Line(settings(mock))
    line.join()
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with line._topics_lock:
            taken.set()
            done.wait()

    holding = threading.Thread(target=hold)
    holding.start()
    taken.wait()

    def lose() -> None:
        raise NotOurs

    try:
        with pytest.raises(NotOurs):
            line.problems(line.generation(), {"any"}, lose)
    finally:
        done.set()
        holding.join()
        line.leave()


def test_a_broker_that_takes_connections_and_says_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_line, "ANSWER", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        one = sink(settings(f"127.0.0.1:{mute.getsockname()[1]}"))
        with pytest.raises(SinkAway, match="Kafka does not answer since 2"):
            one.publish([event(1)], keep)
        one.close()


def test_the_settings_reach_the_producer() -> None:
    config = get_config().model_copy(
        update={
            "kafka_brokers": ("kafka-1:9092", "kafka-2:9092"),
            "kafka_security": "sasl_ssl",
            "kafka_sasl_mechanism": "PLAIN",
            "kafka_username": "csms",
            "kafka_password": type(get_config().kafka_password)("correct horse"),
            "kafka_ca_file": "/etc/ca.pem",
        }
    )
    given = producer_settings(config)
    assert {name: given[name] for name in given if name.startswith(("boot", "sec", "sasl", "ssl"))} == {
        "bootstrap.servers": "kafka-1:9092,kafka-2:9092",
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "csms",
        "sasl.password": "correct horse",
        "ssl.ca.location": "/etc/ca.pem",
    }
    # What the order of events rests on.
    assert given["enable.idempotence"] is given["enable.gapless.guarantee"] is True
    assert (given["acks"], given["message.timeout.ms"]) == ("all", 0)


def test_without_sasl_no_password_is_given_and_the_systems_certificates_are_used() -> None:
    given = producer_settings(settings("127.0.0.1:9", kafka_security="ssl", kafka_username="csms"))
    assert not any(name.startswith(("sasl", "ssl")) for name in given)


def test_there_are_sinks_only_where_brokers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(sinks()) == []
    config = settings("127.0.0.1:9")
    monkeypatch.setattr(kafka_sink, "get_config", lambda: config)
    kafka_sink._line.cache_clear()
    try:
        found = list(sinks())
        assert [(each.name, each.bucket) for each in found] == [(f"kafka:{n}", n) for n in range(4)]
        assert len({id(each._line) for each in found}) == 1
        assert all(not each.starts_at_end for each in found)
    finally:
        kafka_sink._line.cache_clear()


def test_topics_are_asked_for_with_the_replicas_that_are_set_or_the_brokers_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[NewTopic] = []

    class Admin:
        def __init__(self, settings: dict[str, object]) -> None:
            pass

        def create_topics(self, new: list[NewTopic], **_: object) -> dict[str, object]:
            asked.extend(new)
            return {}

    monkeypatch.setattr(kafka_line, "AdminClient", Admin)
    for replicas in (0, 3):
        Line(settings("127.0.0.1:9", kafka_topic_replicas=replicas, kafka_topic_partitions=7))._create(
            {"x"}, keep
        )
    assert [(new.num_partitions, new.replication_factor) for new in asked] == [(7, -1), (7, 3)]
