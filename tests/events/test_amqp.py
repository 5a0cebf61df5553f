"""RabbitMQ is told of messages, connections and sessions, word for word; and of its trouble the operator is told."""

import json
import logging
import signal
import socket
from urllib.parse import quote

import pytest
from django.conf import settings

from csms.core.events import amqp as product
from csms.core.events.amqp import AmqpSink, kwh
from csms.core.events.envelope import Envelope
from csms.core.events.sinks import NotOurs, SinkAway
from tests.events.rabbit_cast import (
    QUEUE,
    Listener,
    broker,
    channel_of,
    event,
    forget,
    frame,
    keep,
    listener,
    nobody_there,
    publish_at_last,
    sink,
)
from tests.lanes.rabbitmq import USER, Rabbit
from tests.support.house import settings_are

__all__ = ["broker", "listener", "sink"]


# --- what is told ---------------------------------------------------------------------------------


def test_a_message_of_a_charge_point_is_told_word_for_word(sink: AmqpSink, listener: Listener) -> None:
    sink.publish([frame(message='[2,"ü1","Heartbeat",{}]')], keep)
    (message,) = listener.take(1)
    assert json.loads(message.body) == {
        "tenant_id": "default",
        "charge_box_serial": "CP16",
        "ocpp_message": '[2,"ü1","Heartbeat",{}]',
        "response_to": None,
        "occurred_at": "2026-11-20T12:00:00.123Z",
        "direction": "from-box",
    }
    assert message.delivery_info["exchange"] == "ocpp"
    assert message.delivery_info["routing_key"] == "ocpp.msgs"


@pytest.mark.parametrize(
    ("message_type", "direction", "response_to", "told"),
    [
        (2, "out", None, "to-box"),
        (3, "out", "Heartbeat", "to-box"),
        (4, "in", "Heartbeat", "from-box"),
        (None, "in", None, "from-box"),  # a frame that nobody could read
    ],
)
def test_an_answer_names_the_action_that_it_answers(
    sink: AmqpSink, listener: Listener, message_type: int, direction: str, response_to: str, told: str
) -> None:
    sink.publish([frame(message_type=message_type, direction=direction)], keep)
    body = json.loads(listener.take(1)[0].body)
    assert (body["response_to"], body["direction"]) == (response_to, told)


def test_connections_are_told(sink: AmqpSink, listener: Listener) -> None:
    opened = event("cp.connected", 1, connection_id="c", subprotocol="ocpp1.6", peer="198.51.100.7")
    closed = event("cp.disconnected", 2, connection_id="c", code=1006, reason="gone", peer="198.51.100.7")
    sink.publish([opened, closed], keep)
    first, second = listener.take(2)
    same = {
        "occurred_at": "2026-11-20T12:00:00.123Z",
        "tenant_id": "default",
        "charge_box_serial": "CP16",
        "ip": "198.51.100.7",
    }
    assert json.loads(first.body) == same | {"event_type": "connected", "status": None}
    assert json.loads(second.body) == same | {"event_type": "disconnected", "status": 1006}
    for message in (first, second):
        assert message.delivery_info["exchange"] == "ocpp"
        assert message.delivery_info["routing_key"] == "ocpp.connection-events"


def test_a_finished_session_is_told_with_the_chargers_times_and_exact_kwh(
    sink: AmqpSink, listener: Listener
) -> None:
    stopped = event(
        "tx.stopped",
        connector_id=2,
        id_token="04FFFFFF",  # of who stopped it
        started_by="04A1B2C3",
        meter_start_wh=1000,
        meter_stop_wh=13_345,
        consumed_wh=12_345,
        transaction_id="1733421",
        claimed_transaction_id="4711",
        started_at="2026-11-20T11:00:00.000Z",
        stopped_at="2026-11-20T11:59:58.000Z",
    )
    sink.publish([stopped], keep)
    (message,) = listener.take(1)
    assert json.loads(message.body) == {
        "tenant_id": "default",
        "charge_box_serial": "CP16",
        "connector_id": 2,
        "started_at": "2026-11-20T11:00:00.000Z",
        "ended_at": "2026-11-20T11:59:58.000Z",
        "volume": 12.345,
        "user_id": "04A1B2C3",
        "transaction_id": "1733421",
        "claimed_transaction_id": "4711",
    }
    assert '"volume":12.345,' in message.body
    assert message.delivery_info["exchange"] == "sessions"
    assert message.delivery_info["routing_key"] == "sessions.raw"


@pytest.mark.parametrize(
    ("wh", "written"),
    [
        (0, b"0"),
        (1, b"0.001"),
        (1000, b"1"),
        (100_000, b"100"),
        (12_340, b"12.34"),
        ("0.1", b"0.0001"),
        (9_007_199_254_740_993, b"9007199254740.993"),  # more digits than a float has
    ],
)
def test_kwh_lose_no_digit(wh: int | str, written: bytes) -> None:
    import orjson

    assert orjson.dumps(kwh(wh)) == written


def test_what_a_session_lacks_is_told_as_nothing(sink: AmqpSink, listener: Listener) -> None:
    sink.publish([event("tx.stopped", id_token="", consumed_wh=None)], keep)
    body = json.loads(listener.take(1)[0].body)
    assert body.pop("tenant_id") == "default"
    assert body.pop("charge_box_serial") == "CP16"
    told = {"connector_id", "started_at", "ended_at", "volume", "user_id", "transaction_id"}
    assert set(body) == told | {"claimed_transaction_id"}
    assert set(body.values()) == {None}


def test_messages_are_persistent_and_bear_the_id_of_their_event(sink: AmqpSink, listener: Listener) -> None:
    told = frame(7)
    sink.publish([told], keep)
    (message,) = listener.take(1)
    assert message.properties["delivery_mode"] == 2
    assert message.properties["message_id"] == str(told.id)
    assert message.properties["type"] == "cp.ocpp_frames"
    assert message.properties["timestamp"] == int(told.occurred_at.timestamp())
    assert message.properties["app_id"] == "csms"
    assert message.headers == {"sequence": 7, "position": 7, "trace_id": "ab" * 16}
    assert (message.content_type, message.content_encoding) == ("application/json", "utf-8")


def test_other_events_are_passed_over(sink: AmqpSink, listener: Listener) -> None:
    sink.publish([event("cp.status", 1), frame(2), event("tx.started", 3)], keep)
    sink.publish([event("cp.status", 4)], keep)
    assert [message.properties["type"] for message in listener.take(1)] == ["cp.ocpp_frames"]
    assert listener.waiting() == 0


def test_a_batch_arrives_in_order_and_is_there_when_publish_returns(
    sink: AmqpSink, listener: Listener
) -> None:
    sink.publish([frame(n) for n in range(1, 501)], keep)
    assert listener.waiting() == 500
    assert [message.headers["position"] for message in listener.take(500)] == list(range(1, 501))


def test_the_tenant_is_as_the_setting_says(broker: Rabbit, listener: Listener) -> None:
    with settings_are(AMQP_URL=broker.url, AMQP_TENANT="4711"):
        (sink,) = product.sinks()
    sink.publish([frame()], keep)
    sink.close()
    assert json.loads(listener.take(1)[0].body)["tenant_id"] == "4711"


def test_without_a_broker_in_the_settings_there_is_no_sink() -> None:
    assert "csms.core.events.amqp.sinks" in settings.EVENT_SINKS
    assert not product.sinks()


# --- the broker as others have prepared it ------------------------------------------------------------


def test_without_a_listener_nothing_is_kept_and_nothing_is_wrong(sink: AmqpSink, broker: Rabbit) -> None:
    sink.publish([frame(1)], keep)
    listener = Listener(broker)
    sink.publish([frame(2)], keep)
    assert [message.headers["position"] for message in listener.take(1)] == [2]


def test_the_exchanges_are_made_durable_topics(sink: AmqpSink, broker: Rabbit) -> None:
    sink.publish([frame()], keep)
    with broker.connection() as connection:
        channel = connection.channel()
        for name in ("ocpp", "sessions"):  # refused if they were anything else
            channel.exchange_declare(name, "topic", durable=True, auto_delete=False)


def test_an_exchange_that_somebody_prepared_otherwise_is_used_as_it_is(
    sink: AmqpSink, broker: Rabbit
) -> None:
    with broker.connection() as connection:
        channel = connection.channel()
        channel.exchange_declare("ocpp", "fanout", durable=True, auto_delete=False)
        channel.queue_declare(QUEUE, durable=True, auto_delete=False)
        channel.queue_bind(QUEUE, "ocpp")
        sink.publish([frame()], keep)
        assert channel.basic_get(QUEUE).properties["type"] == "cp.ocpp_frames"


def test_an_exchange_that_was_deleted_meanwhile_is_made_again(sink: AmqpSink, broker: Rabbit) -> None:
    sink.publish([frame(1)], keep)
    forget(broker)
    with pytest.raises(SinkAway, match="no exchange 'ocpp'"):
        sink.publish([frame(2)], keep)
    sink.publish([frame(2)], keep)


def test_what_a_full_queue_refuses_is_not_done_and_the_rest_is(broker: Rabbit, sink: AmqpSink) -> None:
    listener = Listener(broker, **{"x-max-length": 3, "x-overflow": "reject-publish"})
    events = [frame(n) for n in range(11, 17)]
    with pytest.raises(SinkAway, match="refused a message, as a full queue may") as away:
        sink.publish(events, keep)
    taken = [message.headers["position"] for message in listener.take_all()]
    assert taken[:3] == [11, 12, 13]
    assert away.value.done == 13
    sink.publish(events[3:], keep)
    assert [message.headers["position"] for message in listener.take(3)] == [14, 15, 16]


def test_after_a_refusal_nothing_overtakes_what_is_refused(broker: Rabbit) -> None:
    listener = Listener(broker, **{"x-max-length": 1, "x-overflow": "reject-publish"})
    taken: list[int] = []

    def take() -> None:
        taken.extend(message.headers["position"] for message in listener.take_all())

    class Watched(AmqpSink):
        def _send(self, event: Envelope) -> None:
            """A consumer makes room between the first message and those behind it."""
            if event.position > 11:
                take()
            super()._send(event)

    with pytest.raises(SinkAway):  # by another shift: from now on it is known that this queue refuses
        AmqpSink(broker.url, "default").publish([frame(n) for n in range(1, 9)], keep)
    assert listener.waiting()
    sink, events = Watched(broker.url, "default"), [frame(n) for n in range(11, 17)]
    with pytest.raises(SinkAway) as away:
        sink.publish(events, keep)
    assert away.value.done == 10
    take()
    sink.publish(events, keep)
    sink.close()
    take()
    assert [position for position in taken if position > 10] == [11, 12, 13, 14, 15, 16]


# --- trouble ------------------------------------------------------------------------------------------


def test_a_broker_that_is_away_is_told_and_found_when_it_is_back(broker: Rabbit) -> None:
    sink = AmqpSink(broker.url, "default")
    Listener(broker)
    broker.kill()
    for act in (lambda: sink.publish([frame()], keep), lambda: sink.tend(keep)):
        with pytest.raises(SinkAway) as away:
            act()
        assert str(away.value) == f"RabbitMQ at 127.0.0.1:{broker.port}: [Errno 111] Connection refused"
        assert away.value.done is None
    broker.start()
    publish_at_last(sink, [frame(5)])
    sink.close()
    assert [message.headers["position"] for message in Listener(broker).take(1)] == [5]


def test_trouble_shows_before_there_is_an_event() -> None:
    with nobody_there() as port:
        with pytest.raises(SinkAway, match="Connection refused"):
            AmqpSink(f"amqp://127.0.0.1:{port}", "default").tend(keep)


def test_a_wrong_password_is_told_and_not_shown(broker: Rabbit, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sink = AmqpSink(f"amqp://{USER}:{quote('wr@ng/secret', safe='')}@127.0.0.1:{broker.port}//", "default")
    with pytest.raises(SinkAway, match="ACCESS_REFUSED") as away:
        sink.publish([frame()], keep)
    for text in (str(away.value), repr(away.value), caplog.text):
        assert "wr@ng" not in text
        assert "secret" not in text
    assert away.value.__suppress_context__


def test_a_connection_that_broke_is_made_anew(broker: Rabbit, sink: AmqpSink, listener: Listener) -> None:
    sink.publish([frame(1)], keep)
    channel_of(sink).connection.sock.shutdown(socket.SHUT_RDWR)
    with pytest.raises(SinkAway):
        sink.publish([frame(2)], keep)
    sink.publish([frame(2)], keep)
    taken = [message.headers["position"] for message in listener.take_all()]
    assert taken in ([1, 2], [1, 2, 2])


def test_a_broker_that_stops_answering_is_given_up_and_told_again(
    broker: Rabbit, sink: AmqpSink, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product, "PATIENCE", 0.5)
    sink.publish([frame(1)], keep)
    kept: list[int] = []
    broker.signal(signal.SIGSTOP)
    try:
        with pytest.raises(SinkAway, match="silent: no confirmation") as away:
            sink.publish([frame(2), frame(3)], lambda: kept.append(1))
    finally:
        broker.signal(signal.SIGCONT)
    assert away.value.done == 1  # what was before the first that is not confirmed
    assert kept  # the work was kept ours meanwhile
    monkeypatch.undo()
    publish_at_last(sink, [frame(2), frame(3)])
    taken = [message.headers["position"] for message in listener.take_all()]
    assert list(dict.fromkeys(taken)) == [1, 2, 3]


def test_a_relay_that_lost_its_work_begins_anew(sink: AmqpSink, listener: Listener) -> None:
    def lost() -> None:
        raise NotOurs

    sink.publish([frame(1)], keep)
    with pytest.raises(NotOurs):
        sink.publish([frame(2)], lost)
    sink.publish([frame(3)], keep)
    assert [message.headers["position"] for message in listener.take_all()] == [1, 3]


def test_an_idle_connection_is_kept_by_heartbeats(
    sink: AmqpSink, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.publish([frame(1)], keep)
    connection = channel_of(sink).connection
    assert connection.heartbeat == product.HEARTBEAT
    assert not sink.tend(keep)  # from now on it counts how long nothing has been sent
    connection.last_heartbeat_sent -= product.HEARTBEAT  # so long ago
    before = connection.bytes_sent
    assert not sink.tend(keep)
    assert connection.bytes_sent > before
    sink.publish([frame(2)], keep)
    assert channel_of(sink).connection is connection
    assert listener.waiting() == 2
