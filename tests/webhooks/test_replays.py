"""What is dead, and what was delivered, is posted again or discarded, when somebody asks for it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from csms.core.config import get_config
from csms.core.events import numbering
from csms.core.events.models import Event, Reader
from csms.core.ids import uuid7_floor
from csms.core.refusals import NotNow
from csms.core.webhooks import selectors, services
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange
from csms.core.webhooks.selectors import (
    Unsettled,
    unsettled,
)
from csms.core.webhooks.services import (
    discard_dead,
    replay_dead,
    replay_delivery,
    replay_since,
)
from tests.support.receiver import deciding, receiving, status
from tests.webhooks.cast import (
    NOON,
    Clock,
    State,
    an_endpoint,
    happens,
    notes,
    payloads,
    position,
    states,
)

pytestmark = pytest.mark.django_db


def dead_ones(receiver: Any, worker: Any, count: int = 3) -> tuple[Endpoint, Any]:
    endpoint = an_endpoint(receiver.origin)
    hand = worker(endpoint)
    for n in range(count):
        happens(n=n)
    hand.works()
    Delivery.objects.update(state=State.DEAD, next_attempt_at=None)
    return endpoint, hand


def test_one_dead_delivery_is_replayed_under_its_id_with_a_new_series_of_attempts(
    clock: Clock, worker: Any
) -> None:
    with receiving(status(500), status(500), status(200)) as receiver:
        endpoint, hand = dead_ones(receiver, worker, 1)
        Delivery.objects.update(attempts=11)
        replayed = replay_delivery(Delivery.objects.get(), by="alice", now=clock.now)
        assert (replayed.state, replayed.attempts_before) == ("waiting", 11)
        hand.works()
        assert states(endpoint) == [("CP16", "waiting")]  # it is not dead with the first failure
        clock.moves(hours=1)
        hand.works()
    assert states(endpoint) == [("CP16", "delivered")]
    assert len({message.headers["webhook-id"] for message in receiver.messages}) == 1
    assert notes(endpoint)[-1] == ("replayed", "alice")


def test_one_that_was_delivered_may_be_replayed_and_one_whose_event_is_gone_not(
    clock: Clock, worker: Any
) -> None:
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        happens(n=1)
        hand.works()
        replay_delivery(Delivery.objects.get(), by="alice", now=NOON)
        hand.works()
        assert payloads(receiver) == [1, 1]
        Event.objects.all().delete()
        with pytest.raises(NotNow) as refusal:
            replay_delivery(Delivery.objects.get(), by="alice", now=NOON)
    assert refusal.value.code == "event_gone"


def test_all_dead_ones_are_replayed_in_order_as_many_as_may_wait(
    clock: Clock, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(status(500), status(200)) as receiver:
        endpoint, hand = dead_ones(receiver, worker, 4)
        monkeypatch.setattr(services, "WAITING_MAX", 3)
        assert replay_dead(endpoint, by="alice", now=clock.now) == 3
        with pytest.raises(NotNow) as refusal:
            replay_dead(endpoint, by="alice", now=clock.now)
        assert refusal.value.code == "too_many_waiting"
        hand.works()
        assert replay_dead(endpoint, by="alice", now=clock.now) == 1
        hand.works()
    assert payloads(receiver) == [0, 0, 1, 2, 3]
    assert {state for _, state in states(endpoint)} == {"delivered"}


def test_dead_ones_are_discarded_and_stay_in_the_log(clock: Clock, worker: Any) -> None:
    with receiving(status(500)) as receiver:
        endpoint, hand = dead_ones(receiver, worker)
        assert unsettled([endpoint])[endpoint.pk].dead == 3
        assert discard_dead(endpoint, by="alice", now=NOON) == 3
        assert {state for _, state in states(endpoint)} == {"skipped"}
        hand.works()
        assert len(receiver.messages) == 1
    assert EndpointChange.objects.get(what="discarded").details == {"dead": 3}


def test_very_many_dead_ones_are_discarded_in_parts_the_oldest_first(
    clock: Clock, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "DISCARDED_MAX", 3)
    monkeypatch.setattr(services, "STEP", 2)
    with receiving(status(500)) as receiver:
        endpoint, _ = dead_ones(receiver, worker, 4)
        assert discard_dead(endpoint, by="alice", now=NOON) == 3
        assert [state for _, state in states(endpoint)] == ["skipped"] * 3 + ["dead"]
        assert discard_dead(endpoint, by="alice", now=NOON) == 1


def test_a_replay_since_a_time_misses_nothing_however_many_have_their_numbers_in_another_order(
    clock: Clock,
) -> None:
    """Those that were recorded at about the same time are numbered as they were committed."""
    endpoint = an_endpoint()
    count = 1500
    first = uuid7_floor(NOON).int
    rows = [
        Event(
            id=UUID(int=first + n), type="t", occurred_at=NOON, recorded_at=NOON, payload="{}", position=place
        )
        for n, place in enumerate(range(count, 0, -1))
    ]
    Event.objects.bulk_create(rows)
    Reader.objects.filter(pk=endpoint.reader).update(position=count)
    assert replay_since(endpoint, since=NOON, by="alice", now=clock.now) == count


def test_what_waits_and_what_is_dead_is_counted_so_far_and_no_further_with_one_query(
    clock: Clock, worker: Any, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(selectors, "COUNTED", 3)
    with receiving(status(500)) as receiver:
        endpoint, _ = dead_ones(receiver, worker, 5)
        other = an_endpoint(receiver.origin, "other")
    Delivery.objects.filter(position__lte=2).update(state=State.WAITING)
    with django_assert_num_queries(1):
        counts = unsettled([endpoint, other])
    assert counts == {endpoint.pk: Unsettled(2, 3), other.pk: Unsettled(0, 0)}
    Delivery.objects.update(state=State.WAITING)
    assert unsettled([endpoint])[endpoint.pk] == Unsettled(3, 0)


def at(moment: datetime, n: int, cp_id: str = "CP16") -> None:
    """An event that was recorded then."""
    happens(cp_id=cp_id, n=n)
    event = Event.objects.get(position=numbering.head())
    new_id = uuid7_floor(moment).int + n
    Event.objects.filter(pk=event.pk).update(id=UUID(int=new_id), recorded_at=moment)


def test_a_replay_since_a_time_posts_all_since_then_again_whatever_became_of_it(
    clock: Clock, worker: Any
) -> None:
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin, types=["cp.status"])
        hand = worker(endpoint)
        for n in range(6):
            at(NOON - timedelta(hours=6 - n), n, "CP16" if n % 2 else "CS201")
        hand.works()
        hand.ends()
        clock.moves(minutes=1)
        assert replay_since(endpoint, since=NOON - timedelta(hours=3), by="alice", now=clock.now) == 3
        again = worker(endpoint, "relay-2")
        assert again.works() == "done"
        clock.moves(minutes=1)
        assert again.works() == "done"
        assert replay_since(endpoint, since=NOON + timedelta(days=1), by="alice", now=clock.now) == 0
    assert sorted(payloads(receiver)[:6]) == [0, 1, 2, 3, 4, 5]
    assert sorted(payloads(receiver)[6:]) == [3, 4, 5]
    ids = [message.headers["webhook-id"] for message in receiver.messages]
    assert len(set(ids)) == 6
    assert {row.attempts for row in Delivery.objects.filter(position__gt=3)} == {2}


def test_who_is_at_work_when_the_place_is_moved_ends_before_another_begins(clock: Clock, worker: Any) -> None:
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin, types=["cp.status"])
        first, second = worker(endpoint), worker(endpoint, "relay-2")
        for n in range(3):
            at(NOON - timedelta(hours=3 - n), n)
        first.works()
        assert replay_since(endpoint, since=NOON - timedelta(days=1), by="alice", now=clock.now) == 3
        assert second.works() == "not ours"
        clock.moves(seconds=6)
        assert first.works() == "not ours"  # it has found out
        assert second.works() == "not ours"  # what was on its way may still be
        clock.moves(minutes=1)
        assert second.works() == "done"
    assert payloads(receiver) == [0, 1, 2, 0, 1, 2]


def test_who_is_at_work_has_its_time_to_end_whatever_the_clock_of_who_moves_the_place(
    clock: Clock, worker: Any
) -> None:
    for n in range(2):
        at(NOON - timedelta(hours=4 - n), n)
    endpoint = an_endpoint("http://127.0.0.1:9", types=["cp.status"])
    first = worker(endpoint)
    assert first.pump.hold()
    lease = Reader.objects.get(pk=endpoint.reader).held_until
    assert lease is not None
    for hours in (3.5, 5):  # twice further back
        behind = clock.now - timedelta(hours=2)
        replay_since(endpoint, since=NOON - timedelta(hours=hours), by="alice", now=behind)
        assert position(endpoint) == (1 if hours < 4 else 0)
        moved = Reader.objects.get(pk=endpoint.reader)
        ended = lease + timedelta(seconds=get_config().outbound_deadline)
        assert (moved.holder, moved.held_until) == ("moved", ended)


def test_a_replay_that_is_broken_off_goes_on_without_beginning_anew(clock: Clock, worker: Any) -> None:
    failing = [True]
    with receiving(
        deciding(lambda m: 500 if failing[0] and m.json["data"]["payload"]["n"] == 1 else 200)
    ) as receiver:
        endpoint = an_endpoint(receiver.origin, types=["cp.status"])
        for n in range(3):
            at(datetime.now(UTC) - timedelta(hours=3 - n), n)
        failing[0] = False
        hand = worker(endpoint)
        hand.works()
        hand.ends()
        failing[0] = True
        clock.moves(minutes=1)
        replay_since(endpoint, since=datetime(2026, 1, 1, tzinfo=UTC), by="alice", now=clock.now)
        again = worker(endpoint, "relay-2")
        again.works()
        assert payloads(receiver) == [0, 1, 2, 0, 1]
        assert states(endpoint) == [("CP16", "delivered"), ("CP16", "waiting"), ("CP16", "waiting")]
        failing[0] = False
        clock.moves(hours=1)
        again.works()
    assert payloads(receiver) == [0, 1, 2, 0, 1, 1, 2]
