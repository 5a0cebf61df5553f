"""What is posted comes in order for each charge point, within bounds, and as the endpoint is set by then."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from csms.core.webhooks import sink
from csms.core.webhooks.models import Delivery
from csms.core.webhooks.outcomes import note
from csms.core.webhooks.services import (
    change_endpoint,
    delete_endpoint,
    pause_endpoint,
    resume_endpoint,
    rotate_secret,
)
from tests.support.house import settings_are
from tests.support.receiver import deciding, receiving, status
from tests.webhooks.cast import (
    NOON,
    Clock,
    State,
    an_endpoint,
    behind,
    happens,
    payloads,
    position,
    states,
    verified,
)

pytestmark = pytest.mark.django_db


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
