"""An endpoint is told what passes its filter: signed, and again until it is taken."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from datetime import timedelta
from typing import Any

import orjson
import pytest
import standardwebhooks

from csms.core.config import get_config
from csms.core.outbound.retries import ATTEMPTS_MAX
from csms.core.outbound.sending import post
from csms.core.webhooks import letters, outcomes, sink
from csms.core.webhooks.letters import write
from csms.core.webhooks.models import Delivery
from csms.core.webhooks.services import (
    create_endpoint,
    pause_endpoint,
    resume_endpoint,
    rotate_secret,
)
from csms.pruning import prune
from tests.support.house import settings_are
from tests.support.receiver import dripping, endless, raw, receiving, reset, silent, status
from tests.webhooks.cast import (
    NOON,
    Clock,
    State,
    an_endpoint,
    behind,
    fresh,
    happens,
    payloads,
    record_at,
    states,
    verified,
)

pytestmark = pytest.mark.django_db


def test_an_event_is_posted_whole_and_signed_and_others_can_verify_it(
    clock: Clock, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(status(202, b"thanks")) as receiver:
        endpoint, secret = create_endpoint(
            name="backend",
            url=f"{receiver.origin}/hook?key=s3cret",
            filter={"types": ["tx.*"]},
            by="alice",
            now=NOON,
        )
        event_id = happens("tx.started", "CP16", transaction_id="4711", price="0.30")
        assert worker(endpoint).works() == "done"
    [message] = receiver.messages
    assert message.path == "/hook?key=s3cret"
    assert message.headers["webhook-id"] == event_id
    body = orjson.loads(message.body)
    assert verified(message, secret, NOON, monkeypatch) == body
    assert (body["type"], body["timestamp"]) == ("tx.started", "2026-11-20T12:00:00.000Z")
    assert body["data"]["event_id"] == event_id
    assert (body["data"]["cp_id"], body["data"]["sequence"]) == ("CP16", 1)
    told = {name: each for name, each in body["data"]["payload"].items() if each is not None}
    assert told == {"transaction_id": "4711", "price": "0.30"}
    by_hand = hmac.digest(
        b64decode(secret.removeprefix("whsec_")),
        b".".join([event_id.encode(), message.headers["webhook-timestamp"].encode(), message.body]),
        hashlib.sha256,
    )
    assert message.headers["webhook-signature"] == f"v1,{b64encode(by_hand).decode()}"
    [delivery] = Delivery.objects.all()
    assert (delivery.state, delivery.attempts, delivery.status, delivery.excerpt) == (
        "delivered",
        1,
        202,
        "thanks",
    )
    assert (str(delivery.event_id), delivery.cp_id, delivery.type) == (event_id, "CP16", "tx.started")
    assert delivery.latency_ms is not None
    assert (delivery.delivered_at, delivery.next_attempt_at, delivery.error) == (NOON, None, "")
    assert fresh(endpoint).delivered_at == NOON


def test_a_message_that_was_changed_or_is_old_does_not_verify(
    clock: Clock, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        endpoint, secret = create_endpoint(
            name="b", url=receiver.origin, filter={"types": ["*"]}, by="alice", now=NOON
        )
        happens()
        worker(endpoint).works()
    [message] = receiver.messages
    refused = standardwebhooks.webhooks.WebhookVerificationError
    with pytest.raises(refused):
        verified(message, secret, NOON + timedelta(minutes=6), monkeypatch)
    message.body = message.body.replace(b"cp.status", b"cp.Status")
    with pytest.raises(refused):
        verified(message, secret, NOON, monkeypatch)


def test_while_a_secret_is_rotated_either_one_verifies_and_then_only_the_new_one(
    clock: Clock, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        endpoint, old = create_endpoint(
            name="b", url=receiver.origin, filter={"types": ["*"]}, by="a", now=NOON
        )
        endpoint, new = rotate_secret(endpoint, by="alice", now=NOON)
        hand = worker(endpoint)
        happens()
        clock.moves(hours=23, minutes=59)
        hand.works()
        for secret in (old, new):
            verified(receiver.messages[0], secret, clock.now, monkeypatch)
        clock.moves(minutes=2)
        happens()
        hand.works()
    verified(receiver.messages[1], new, clock.now, monkeypatch)
    with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
        verified(receiver.messages[1], old, clock.now, monkeypatch)


def test_a_new_endpoint_is_told_what_happens_from_now_on(worker: Any) -> None:
    happens(n=1)
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin)
        happens(n=2)
        worker(endpoint).works()
    assert payloads(receiver) == [2]


def test_what_does_not_pass_the_filter_leaves_no_trace(worker: Any) -> None:
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin, types=["tx.*", "cp.boot"], charge_points=["CP1*"])
        for type, cp_id in (
            ("tx.started", "CP16"),
            ("cp.boot", "cp17"),
            ("cp.status", "CP16"),
            ("tx.started", "CS201"),
        ):
            happens(type, cp_id)
        worker(endpoint).works()
        assert behind(endpoint) == 0
    assert {(m.json["type"], m.json["data"]["cp_id"]) for m in receiver.messages} == {
        ("tx.started", "CP16"),
        ("cp.boot", "cp17"),
    }
    assert Delivery.objects.count() == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (status(500, b"oops"), ""),
        (status(404), ""),
        (status(302, Location="https://elsewhere.example/"), ""),
        (reset, "The connection failed"),
        (raw(b"SSH-2.0-OpenSSH_9\r\n"), "no HTTP"),
        (raw(b""), "closed the connection"),
    ],
    ids=["500", "404", "redirect", "reset", "no http", "closed"],
)
def test_whatever_fails_is_tried_again_under_the_same_id_with_rising_delays(
    clock: Clock, worker: Any, answer: Any, error: str
) -> None:
    with receiving(answer, answer, status(200)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        event_id = happens()
        hand = worker(endpoint)
        waits = []
        for _ in range(2):
            assert hand.works() == "done"
            [delivery] = Delivery.objects.all()
            assert delivery.state == State.WAITING
            assert error in delivery.error
            waits.append(delivery.next_attempt_at - clock.now)
            clock.now = delivery.next_attempt_at - timedelta(seconds=1)
            hand.works()
            assert fresh(delivery).attempts == delivery.attempts  # not before its time
            clock.moves(seconds=1)
        hand.works()
    assert timedelta(seconds=5) <= waits[0] < waits[1]
    assert [m.headers["webhook-id"] for m in receiver.messages] == [event_id] * 3
    assert states(endpoint) == [("CP16", "delivered")]
    assert fresh(endpoint).failures == 0


@pytest.mark.parametrize(
    "answer", [silent, dripping(b"HTTP/1.1 200 OK\r\nX-Long: ")], ids=["silent", "dripping"]
)
def test_who_is_too_slow_is_waited_for_no_longer_than_the_deadline(worker: Any, answer: Any) -> None:
    with settings_are(CSMS_OUTBOUND_DEADLINE="1"), receiving(answer) as receiver:
        endpoint = an_endpoint(receiver.origin)
        happens()
        assert worker(endpoint).works() == "done"
        assert len(receiver.messages) == 1
    [delivery] = Delivery.objects.all()
    assert (delivery.state, delivery.status) == ("waiting", None)
    assert "did not answer within 1 s" in delivery.error


def test_an_answer_without_an_end_is_read_to_a_kilobyte(worker: Any) -> None:
    with receiving(endless) as receiver:
        endpoint = an_endpoint(receiver.origin)
        happens()
        worker(endpoint).works()
    [delivery] = Delivery.objects.all()
    assert (delivery.state, len(delivery.excerpt)) == ("delivered", 1024)


def test_a_receiver_that_asks_to_be_left_alone_is(clock: Clock, worker: Any) -> None:
    with receiving(status(429, Retry_After="900")) as receiver:
        endpoint = an_endpoint(receiver.origin)
        happens()
        worker(endpoint).works()
    assert Delivery.objects.get().next_attempt_at >= NOON + timedelta(seconds=900)


def test_after_the_last_attempt_of_more_than_a_day_it_is_dead_and_what_was_behind_it_goes_on(
    clock: Clock, worker: Any
) -> None:
    bad = [status(500)] * ATTEMPTS_MAX
    with receiving(*bad, status(200)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        happens(n=1)
        happens(n=2)
        hand = worker(endpoint)
        while states(endpoint) != [("CP16", "dead"), ("CP16", "delivered")]:
            assert hand.works() == "done"
            due = Delivery.objects.filter(state=State.WAITING).order_by("position").first()
            clock.now = due.next_attempt_at if due else clock.now
    assert clock.now - NOON > timedelta(hours=24)
    assert payloads(receiver) == [1] * ATTEMPTS_MAX + [2]
    assert Delivery.objects.get(state=State.DEAD).attempts == ATTEMPTS_MAX


def test_the_event_of_a_delivery_that_waits_is_kept_until_it_is_taken(clock: Clock, worker: Any) -> None:
    config = get_config().model_copy(update={"retain_events_days": 1})
    with receiving(status(500), status(200)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        first, second = happens(n=1), happens(n=2)
        for moment, event_id in ((NOON - timedelta(days=9), first), (NOON - timedelta(days=8), second)):
            record_at(event_id, moment)
        hand = worker(endpoint)
        hand.works()
        assert behind(endpoint) == 0
        assert prune(config, now=NOON)["events"] == 0
        clock.moves(hours=1)
        hand.works()
    assert payloads(receiver) == [1, 1, 2]
    assert states(endpoint) == [("CP16", "delivered")] * 2
    assert prune(config, now=NOON)["events"] == 2


def test_what_waits_of_a_paused_endpoint_holds_no_event_and_is_dead_when_it_goes_on(
    clock: Clock, worker: Any
) -> None:
    with receiving(status(500), status(200)) as receiver:
        endpoint = an_endpoint(receiver.origin, types=["cp.*"])
        record_at(happens(n=1), NOON - timedelta(days=9))
        happens(n=2)
        hand = worker(endpoint)
        hand.works()
        pause_endpoint(endpoint, by="alice", now=NOON)
        config = get_config().model_copy(update={"retain_events_days": 1})
        assert prune(config, now=NOON)["events"] == 1
        resume_endpoint(endpoint, by="alice", now=NOON)
        clock.moves(hours=1)
        hand.works()
    dead, delivered = Delivery.objects.order_by("position")
    assert (dead.state, dead.error) == ("dead", outcomes.EVENT_GONE)
    assert delivered.state == "delivered"
    assert payloads(receiver) == [1, 2]


@pytest.mark.parametrize("place", ["written", "posted"])
def test_an_attempt_that_breaks_on_our_side_has_failed_and_what_became_of_the_others_is_noted(
    clock: Clock, worker: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    broken = [True]

    def breaks(cp_id: str) -> None:
        if cp_id == "CP2" and broken[0]:
            raise RuntimeError("nobody thought of this")

    def writes(endpoint: Any, event: Any, *, now: Any) -> Any:
        if place == "written":
            breaks(event.cp_id)
        return write(endpoint, event, now=now)

    def posts(target: Any, body: bytes, *args: Any, **kwargs: Any) -> Any:
        if place == "posted":
            breaks(orjson.loads(body)["data"]["cp_id"])
        return post(target, body, *args, **kwargs)

    monkeypatch.setattr(sink, "write", writes)
    monkeypatch.setattr(letters, "post", posts)
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin)
        for n in range(1, 4):
            happens(cp_id=f"CP{n}", n=n)
        hand = worker(endpoint)
        assert hand.works() == "done"
        assert states(endpoint) == [("CP1", "delivered"), ("CP2", "waiting"), ("CP3", "delivered")]
        assert "nobody thought of this" in Delivery.objects.get(state=State.WAITING).error
        assert "webhook.attempt_broke" in caplog.text
        broken[0] = False
        clock.moves(hours=1)
        hand.works()
    assert sorted(payloads(receiver)) == [1, 2, 3]
    assert {state for _, state in states(endpoint)} == {"delivered"}
