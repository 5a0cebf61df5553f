"""An endpoint that fails is left alone and probed, paused when it is long dead, and goes on where it stopped."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csms.core.events import numbering
from csms.core.events.models import Event, Reader
from csms.core.outbound.sending import Attempt
from csms.core.webhooks.models import Delivery, EndpointChange
from csms.core.webhooks.outcomes import ALONE_AFTER, note
from csms.core.webhooks.services import (
    change_endpoint,
    pause_endpoint,
    replay_dead,
    replay_delivery,
    resume_endpoint,
    send_test,
)
from tests.support.house import settings_are
from tests.support.receiver import deciding, receiving, status
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
    states,
)

pytestmark = pytest.mark.django_db


def test_when_several_charge_points_fail_it_is_left_alone_probed_ever_later_and_goes_on_with_a_success(
    clock: Clock, worker: Any
) -> None:
    up = [False]
    with receiving(deciding(lambda message: 200 if up[0] else 503)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        for n in range(ALONE_AFTER):
            happens(cp_id=f"CP{n}", n=n)
        assert "attempts have failed" in hand.works()
        tried = len(receiver.messages)
        assert tried == ALONE_AFTER
        place = position(endpoint)
        happens(cp_id="CP99", n=99)
        waits = []
        for _ in range(4):
            assert "It answered 503." in hand.works()
            probe_at = fresh(endpoint).probe_at
            waits.append(probe_at - clock.now)
            assert len(receiver.messages) == tried  # nobody asks before
            clock.now = probe_at
            hand.works()
            tried += 1
            assert len(receiver.messages) == tried  # and one alone then
        assert waits == sorted(waits)
        assert waits[3] > waits[0] * 10
        assert position(endpoint) == place
        up[0] = True
        clock.now = fresh(endpoint).probe_at
        assert hand.works() == "done"
    assert behind(endpoint) == 0
    assert {state for _, state in states(endpoint)} == {"delivered"}
    endpoint = fresh(endpoint)
    assert (endpoint.failures, endpoint.failing_since, endpoint.probe_at, endpoint.state) == (
        0,
        None,
        None,
        "working",
    )


def test_probes_take_turns_so_that_a_message_that_is_never_taken_holds_nobody_up(
    clock: Clock, worker: Any
) -> None:
    """The receiver takes everything but what CP0 says."""
    up = [False]
    takes = deciding(lambda message: 200 if up[0] and message.json["data"]["cp_id"] != "CP0" else 500)
    with receiving(takes) as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        for n in range(ALONE_AFTER):
            happens(cp_id=f"CP{n}")
        hand.works()
        up[0] = True
        for _ in range(2):
            clock.now = fresh(endpoint).probe_at or clock.now
            hand.works()
        assert states(endpoint) == [
            ("CP0", "waiting"),
            *((f"CP{n}", "delivered") for n in range(1, ALONE_AFTER)),
        ]


def test_a_message_of_one_charge_point_that_is_never_taken_does_not_count_as_a_dead_endpoint(
    clock: Clock, worker: Any
) -> None:
    with receiving(deciding(lambda m: 500 if m.json["data"]["cp_id"] == "CP16" else 200)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        happens(cp_id="CP16")
        for _ in range(ALONE_AFTER + 1):
            hand.works()
            clock.now = Delivery.objects.get().next_attempt_at
        assert fresh(endpoint).failures == ALONE_AFTER + 1
        assert fresh(endpoint).probe_at is None
        happens(cp_id="CS201", n=7)
        hand.works()
        assert payloads(receiver)[-2:].count(7) == 1
        assert fresh(endpoint).probe_at is None


def test_when_all_that_waits_of_a_lonely_endpoint_is_dead_the_next_event_probes_it(
    clock: Clock, worker: Any
) -> None:
    up = [False]
    with receiving(deciding(lambda message: 200 if up[0] else 500)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        for n in range(ALONE_AFTER):
            happens(cp_id=f"CP{n}")
        hand.works()
        Delivery.objects.update(state=State.DEAD, next_attempt_at=None)
        clock.now = fresh(endpoint).probe_at
        up[0] = True
        happens(cp_id="CP16", n=7)
        assert hand.works() == "done"
    assert payloads(receiver)[-1] == 7
    assert fresh(endpoint).state == "working"


@pytest.mark.parametrize("days", [1, 3])
def test_an_endpoint_that_is_long_dead_is_paused_and_told_of(
    clock: Clock, worker: Any, caplog: pytest.LogCaptureFixture, days: int
) -> None:
    with settings_are(CSMS_WEBHOOK_PAUSE_DAYS=str(days)), receiving(status(500)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        for n in range(ALONE_AFTER):
            happens(cp_id=f"CP{n}")
        caplog.set_level(logging.WARNING)
        for _ in range(60):
            if hand.works() == "not ours":
                break
            clock.moves(hours=6)
        assert days * 24 <= (clock.now - NOON).total_seconds() / 3600 <= days * 24 + 14
        asked = len(receiver.messages)
        clock.moves(days=9)
        assert hand.works() == "not ours"
        assert len(receiver.messages) == asked
    endpoint = fresh(endpoint)
    assert endpoint.state == "paused"
    assert endpoint.paused_why == "No delivery has succeeded since 2026-11-20 12:00 UTC. It answered 500."
    event = Event.objects.get(type="webhook.paused")
    assert str(endpoint.pk) in event.payload
    assert "webhook.paused" in [line.getMessage() for line in caplog.records]
    note = EndpointChange.objects.get(what="paused")
    assert (note.by, note.details["why"]) == ("", endpoint.paused_why)


def test_gone_pauses_at_once_and_a_resumed_one_gets_all_that_it_missed(clock: Clock, worker: Any) -> None:
    with receiving(status(410), status(200)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        happens(n=1)
        assert hand.works() == "not ours"
        assert fresh(endpoint).paused_why == "It answered 410: nothing is wanted there any more."
        happens(n=2)
        assert hand.works() == "not ours"
        assert payloads(receiver) == [1]
        resume_endpoint(endpoint, by="alice", now=clock.now)
        assert hand.works() == "done"
    assert [n for n in payloads(receiver) if n] == [1, 1, 2]


def test_a_refused_address_is_dead_at_once_and_nothing_is_sent(clock: Clock, worker: Any) -> None:
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin)
        happens()
        with settings_are(CSMS_OUTBOUND_NETWORKS=""):
            worker(endpoint).works()
        assert receiver.connections == 0
    [delivery] = Delivery.objects.all()
    assert (delivery.state, delivery.attempts) == ("dead", 1)
    assert "inside a network" in delivery.error
    assert fresh(endpoint).state == "failing"


def test_a_name_that_leads_inside_is_refused_when_it_is_posted_to(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    from csms.core.outbound import sending

    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 443))]
    monkeypatch.setattr(sending.socket, "getaddrinfo", lambda *args, **kwargs: inside)
    endpoint = an_endpoint("https://rebound.example/")
    happens()
    worker(endpoint).works()
    [delivery] = Delivery.objects.all()
    assert (delivery.state, delivery.status) == ("dead", None)
    assert "inside a network" in delivery.error


def test_a_paused_one_is_left_alone_and_goes_on_where_it_stopped(clock: Clock, worker: Any) -> None:
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        happens(n=1)
        hand.works()
        pause_endpoint(endpoint, by="alice", why="their maintenance", now=clock.now)
        pause_endpoint(endpoint, by="bob", why="again", now=clock.now)
        happens(n=2)
        assert hand.works() == "not ours"
        assert fresh(endpoint).paused_why == "their maintenance"
        resume_endpoint(endpoint, by="alice", now=clock.now)
        hand.works()
    assert [n for n in payloads(receiver) if n] == [1, 2]
    notes = EndpointChange.objects.filter(endpoint=endpoint.pk).order_by("pk").values_list("what", "by")
    assert list(notes) == [("created", "alice"), ("paused", "alice"), ("resumed", "alice")]


def test_a_resumed_one_may_go_on_from_now_and_the_note_tells_what_it_misses(
    clock: Clock, worker: Any
) -> None:
    with receiving(status(500), status(200)) as receiver:
        endpoint = an_endpoint(receiver.origin, types=["cp.*"])
        hand = worker(endpoint)
        happens(n=1)
        hand.works()
        hand.ends()
        pause_endpoint(endpoint, by="alice", now=clock.now)
        for n in (2, 3):
            happens(n=n)
        resume_endpoint(endpoint, from_now=True, by="alice", now=clock.now)
        happens(n=4)
        worker(endpoint).works()
    assert payloads(receiver) == [1, 4]
    assert states(endpoint) == [("CP16", "skipped"), ("CP16", "delivered")]
    assert EndpointChange.objects.get(what="resumed").details == {"from_now": True, "missed": 3}


def test_what_is_kept_no_longer_when_it_is_resumed_is_told_in_the_note(clock: Clock, worker: Any) -> None:
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin, types=["cp.*"])
        pause_endpoint(endpoint, by="alice", now=clock.now)
        for n in range(5):
            happens(n=n)
        Event.objects.filter(position__lte=4).delete()  # the pause itself, and three of them
        resume_endpoint(endpoint, by="alice", now=clock.now)
        worker(endpoint).works()
    assert EndpointChange.objects.get(what="resumed").details == {"from_now": False, "missed": 4}
    assert payloads(receiver) == [3, 4]


def test_who_is_resumed_while_left_alone_is_tried_at_once(clock: Clock, worker: Any) -> None:
    up = [False]
    with receiving(deciding(lambda message: 200 if up[0] else 503)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        for n in range(ALONE_AFTER):
            happens(cp_id=f"CP{n}")
        hand.works()
        up[0] = True
        clock.moves(seconds=1)
        assert "have failed" in hand.works()
        resume_endpoint(endpoint, by="alice", now=clock.now)
        assert hand.works() == "done"
    assert {state for _, state in states(endpoint)} == {"delivered"}
    assert fresh(endpoint).delivered_at == NOON + timedelta(seconds=1)


def left_alone(receiver: Any, clock: Clock, worker: Any) -> tuple[Any, Any]:
    """An endpoint that nobody asks for a while, and who works for it."""
    endpoint = an_endpoint(receiver.origin)
    hand = worker(endpoint)
    for n in range(ALONE_AFTER):
        happens(cp_id=f"CP{n}", n=n)
    hand.works()
    clock.moves(seconds=1)
    assert "have failed" in hand.works()
    assert fresh(endpoint).probe_at > clock.now
    return endpoint, hand


def test_what_somebody_tries_now_is_tried_though_the_endpoint_is_left_alone(
    clock: Clock, worker: Any
) -> None:
    with receiving(status(503)) as receiver:
        endpoint, hand = left_alone(receiver, clock, worker)
        asked = len(receiver.messages)
        probe_at = fresh(endpoint).probe_at
        happens(cp_id="CP3", n=33)
        replay_delivery(Delivery.objects.get(cp_id="CP3"), by="alice", now=clock.now)
        assert "have failed" in hand.works()
        assert payloads(receiver)[asked:] == [3]  # it, and no other
        endpoint = fresh(endpoint)
        assert endpoint.probe_at > clock.now  # it is left alone again, no less long for having been asked
        assert endpoint.probe_at - clock.now > timedelta(seconds=1)
        assert (endpoint.failures, endpoint.probes) == (ALONE_AFTER + 1, 1)
        assert probe_at > clock.now
        hand.works()
        assert len(receiver.messages) == asked + 1


def test_one_that_is_tried_now_behind_another_has_that_tried_first_and_holds_no_others_up(
    clock: Clock, worker: Any
) -> None:
    with receiving(status(503)) as receiver:
        endpoint, hand = left_alone(receiver, clock, worker)
        asked = len(receiver.messages)
        head = Delivery.objects.get(cp_id="CP3")
        behind = Delivery.objects.create(
            endpoint=endpoint,
            event_id=happens(cp_id="CP3", n=33),
            cp_id="CP3",
            type="cp.status",
            position=numbering.head(),
            state=State.DEAD,
            attempts=1,
            created_at=clock.now,
        )
        assert head.position < behind.position
        assert replay_dead(endpoint, by="alice", now=clock.now) == 1
        for _ in range(2):
            hand.works()
            clock.now = fresh(endpoint).probe_at
        assert payloads(receiver)[asked] == 3
        assert payloads(receiver)[asked + 1] != 3


@pytest.mark.parametrize("up", [True, False])
def test_a_test_that_succeeds_ends_the_wait_and_one_that_fails_does_not(
    clock: Clock, worker: Any, up: bool
) -> None:
    answers = [503]
    with receiving(deciding(lambda message: answers[0])) as receiver:
        endpoint, hand = left_alone(receiver, clock, worker)
        answers[0] = 200 if up else 503
        send_test(endpoint, by="alice", now=clock.now)
        assert fresh(endpoint).failures == ALONE_AFTER  # of itself it says nothing of the health
        assert (hand.works() == "done") == up
    assert {state for cp_id, state in states(endpoint) if cp_id} == {"delivered" if up else "waiting"}


def test_what_becomes_of_attempts_is_noted_holding_the_endpoint_first_as_those_do_who_resume_it(
    clock: Clock, worker: Any
) -> None:
    """Else each would have rows for which the other waits. And the resumption stands: its health is of since then."""
    endpoint = an_endpoint()
    stale = fresh(endpoint)
    stale.failures, stale.failing_since = 9, NOON - timedelta(days=2)
    event_id = happens()
    delivery = Delivery(
        endpoint=endpoint, event_id=event_id, cp_id="CP16", position=1, state=State.WAITING, created_at=NOON
    )
    with CaptureQueriesContext(connection) as queries:
        note(stale, [(delivery, Attempt(status=500))], now=NOON)
    first = next(q["sql"] for q in queries if not q["sql"].startswith(("SAVEPOINT", "BEGIN")))
    assert first.startswith("SELECT")
    assert 'FROM "webhooks_endpoint"' in first
    assert ("FOR UPDATE" in first) == (connection.vendor == "postgresql")
    assert (fresh(endpoint).failures, fresh(endpoint).failing_since) == (1, NOON)


def test_one_that_rested_so_long_that_its_place_was_pruned_begins_with_what_is_kept(
    clock: Clock, worker: Any
) -> None:
    with receiving() as receiver:
        paused = an_endpoint(receiver.origin, types=["cp.*"])
        off = an_endpoint(receiver.origin, "off", types=["cp.*"])
        pause_endpoint(paused, by="alice", now=clock.now)
        change_endpoint(off, {"enabled": False}, by="alice", now=clock.now)
        for n in range(3):
            happens(n=n)
        Event.objects.filter(position__lte=2).delete()  # the pause itself, and one of them
        Reader.objects.exclude(pk=numbering.NAME).delete()
        resume_endpoint(paused, by="alice", now=clock.now)
        change_endpoint(off, {"enabled": True}, by="alice", now=clock.now)
        for endpoint in (paused, off):
            assert worker(endpoint).works() == "done"
    assert payloads(receiver) == [1, 2] * 2
