"""An endpoint is told what passes its filter: signed, in order for each charge point, and again until it is taken."""

import hashlib
import hmac
import threading
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable
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
from csms.core.webhooks.outcomes import note
from csms.core.webhooks.services import (
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    pause_endpoint,
    resume_endpoint,
    rotate_secret,
)
from csms.pruning import prune
from tests.support.house import settings_are
from tests.support.receiver import deciding, dripping, endless, raw, receiving, reset, silent, status
from tests.webhooks.cast import (
    NOON,
    Clock,
    State,
    an_endpoint,
    behind,
    fresh,
    happens,
    payloads,
    position,
    record_at,
    states,
)

pytestmark = pytest.mark.django_db


def verified(message: Any, secret: str, now: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The body, as a receiver reads it whose program knows nothing of this house."""
    from standardwebhooks import webhooks

    class Then(webhooks.datetime):  # type: ignore[name-defined,misc]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now

    monkeypatch.setattr(webhooks, "datetime", Then)
    return standardwebhooks.Webhook(secret).verify(message.body, message.headers)


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


# --- order ------------------------------------------------------------------------------------------------------------


def test_those_of_one_charge_point_wait_in_order_behind_the_one_that_failed_and_others_go_on(
    clock: Clock, worker: Any
) -> None:
    failing = ["CP16"]
    decide = deciding(lambda message: 500 if message.json["data"]["cp_id"] in failing else 200)
    with receiving(decide) as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        hand.sink.batch = 3
        for n in range(1, 9):
            happens(cp_id="CP16" if n % 2 else "CS201", n=n)
        hand.works()
        assert behind(endpoint) == 0
        assert sorted(payloads(receiver)) == [1, 2, 4, 6, 8]
        heads = Delivery.objects.filter(state=State.WAITING, next_attempt_at__isnull=False)
        assert [head.attempts for head in heads] == [1]
        happens(cp_id="CP16", n=9)
        hand.works()
        assert len(receiver.messages) == 5
        failing.clear()
        clock.moves(minutes=1)
        hand.works()
    assert payloads(receiver)[5:] == [1, 3, 5, 7, 9]
    assert {state for _, state in states(endpoint)} == {"delivered"}


def test_no_charge_point_ever_gets_ahead_of_itself_whatever_fails(clock: Clock, worker: Any) -> None:
    """A receiver that takes two in three only later: what it takes of each charge point comes in order, all of it."""
    taken: dict[str, list[int]] = {}
    tries: Counter[str] = Counter()

    def decide(message: Any) -> int:
        data = message.json["data"]
        tries[data["event_id"]] += 1
        if tries[data["event_id"]] <= data["payload"]["n"] % 3:
            return 503
        taken.setdefault(data["cp_id"], []).append(data["payload"]["n"])
        return 200

    with receiving(deciding(decide)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        for n in range(12):
            for cp_id in ("A", "B", "C"):
                happens(cp_id=cp_id, n=n)
        for _ in range(300):
            hand.works()
            clock.moves(hours=7)
            if {state for _, state in states(endpoint)} == {"delivered"}:
                break
    assert taken == {cp_id: list(range(12)) for cp_id in ("A", "B", "C")}


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_at_the_bound_of_what_waits_the_place_in_the_outbox_stands_still(
    clock: Clock, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "WAITING_MAX", 4)
    with receiving(status(500), status(500), status(200)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        hand.sink.batch = 2
        for n in range(7):
            happens(n=n)
        assert "which is the most" in hand.works()
        assert Delivery.objects.filter(state=State.WAITING).count() == 4
        place = position(endpoint)
        assert behind(endpoint) == 3
        assert "which is the most" in hand.works()
        assert position(endpoint) == place
        clock.moves(hours=1)
        hand.works()
        clock.moves(hours=1)
        hand.works()
    assert payloads(receiver) == [0, 0, 0, 1, 2, 3, 4, 5, 6]
    assert behind(endpoint) == 0


def test_no_more_than_so_many_requests_are_made_at_once(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    together, most, lock, release = [0], [0], threading.Lock(), threading.Event()

    def slow(receiver: Any, sock: Any) -> None:
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
            if together[0] >= 3:
                release.set()
        release.wait(30)
        with lock:
            together[0] -= 1
        status(200)(receiver, sock)

    with settings_are(CSMS_WEBHOOK_PARALLEL="3"), receiving(slow) as receiver:
        endpoint = an_endpoint(receiver.origin)
        for n in range(12):
            happens(cp_id=f"CP{n}")
        worker(endpoint).works()
        assert len(receiver.messages) == 12
    assert most[0] == 3


def test_who_fails_is_asked_for_one_at_a_time(worker: Any, clock: Clock) -> None:
    """It may hang next, and what all endpoints share must not be full of it."""
    together, most, lock, second = [0], [0], threading.Lock(), threading.Event()

    def fails(receiver: Any, sock: Any) -> None:
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
            if together[0] > 1:
                second.set()
        second.wait(0.3)  # gives another one the time to come, if any does
        with lock:
            together[0] -= 1
        status(500)(receiver, sock)

    with receiving(fails) as receiver:
        endpoint = an_endpoint(receiver.origin)
        endpoint.failures, endpoint.failing_since = 1, NOON
        endpoint.save()
        for n in range(4):
            happens(cp_id=f"CP{n}")
        worker(endpoint).works()
        assert len(receiver.messages) == 4
    assert most[0] == 1


# --- what it costs ----------------------------------------------------------------------------------------------------


def test_only_types_that_are_asked_for_are_read_and_a_look_for_nothing_costs_two_queries(
    worker: Any, django_assert_num_queries: Any
) -> None:
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin, types=["tx.*", "cp.boot"])
        hand = worker(endpoint)
        happens("cp.ocpp_frames", message="[]")
        happens("tx.started", n=1)
        hand.works()
        hand.works()
        with django_assert_num_queries(2) as queries:
            assert not hand.pump.step()
    assert payloads(receiver) == [1]
    [read] = [query["sql"] for query in queries if "events_event" in query["sql"]]
    assert "tx.started" in read
    assert "cp.ocpp_frames" not in read


def test_a_changed_filter_counts_from_then_on(worker: Any) -> None:
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin, types=["tx.*"])
        hand = worker(endpoint)
        happens("cp.boot", n=1)
        hand.works()
        change_endpoint(endpoint, {"types": ["cp.*"]}, by="alice", now=NOON)
        happens("cp.boot", n=2)
        happens("tx.started", n=3)
        hand.works()
    assert payloads(receiver) == [2]


# --- changes while it posts -------------------------------------------------------------------------------------------


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], Any]]:
    """What somebody does as soon as the first attempt was noted."""
    changes: list[Callable[[], Any]] = []

    def noting(*args: Any, **kwargs: Any) -> None:
        note(*args, **kwargs)
        if changes:
            changes.pop()()

    monkeypatch.setattr(sink, "READ_EVERY", 0)
    monkeypatch.setattr(sink, "note", noting)
    return changes


def test_a_new_address_and_a_new_secret_count_for_the_rest_of_what_is_being_posted(
    worker: Any, change: list[Callable[[], Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets: list[str] = []
    with receiving() as old, receiving() as new:
        endpoint = an_endpoint(old.origin)

        def change_it() -> None:
            change_endpoint(endpoint, {"url": new.origin}, by="alice", now=NOON)
            secrets.append(rotate_secret(endpoint, by="alice", now=NOON)[1])

        change.append(change_it)
        for n in range(3):
            happens(n=n)
        worker(endpoint).works()
    assert (payloads(old), payloads(new)) == ([0], [1, 2])
    for message in new.messages:
        verified(message, secrets[0], NOON, monkeypatch)


@pytest.mark.parametrize("what", ["paused", "deleted"])
def test_nothing_more_is_posted_to_who_is_paused_or_deleted_meanwhile(
    worker: Any, clock: Clock, change: list[Callable[[], Any]], what: str
) -> None:
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin, types=["cp.*"])
        act = pause_endpoint if what == "paused" else delete_endpoint
        change.append(lambda: act(endpoint, by="alice", now=NOON))
        for n in range(3):
            happens(n=n)
        hand = worker(endpoint)
        assert hand.works() == "not ours"
        assert payloads(receiver) == [0]
        if what == "paused":
            resume_endpoint(endpoint, by="alice", now=NOON)
            assert hand.works() == "done"
            assert payloads(receiver) == [0, 1, 2]
