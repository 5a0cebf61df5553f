"""What people do to webhooks: make, change, rotate, test, replay, discard; all of it noted with who."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csms.core.config import get_config
from csms.core.events import numbering
from csms.core.events.models import Event, Reader
from csms.core.events.selectors import events_after
from csms.core.ids import uuid7_floor
from csms.core.refusals import BadField, NotNow
from csms.core.webhooks import figures, selectors, services
from csms.core.webhooks.filters import Filter
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange
from csms.core.webhooks.selectors import (
    Unsettled,
    backlog,
    deliveries,
    endpoints,
    frames_asked,
    unsettled,
)
from csms.core.webhooks.services import (
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    discard_dead,
    pause_endpoint,
    replay_dead,
    replay_delivery,
    replay_since,
    resume_endpoint,
    rotate_secret,
    send_test,
)
from csms.core.webhooks.sink import webhook_sinks
from csms.pruning import prune
from tests.support.receiver import deciding, receiving, reset, status
from tests.webhooks.cast import NOON, Clock, State, an_endpoint, fresh, happens, payloads, position, states

pytestmark = pytest.mark.django_db


def made(**values: Any) -> tuple[Endpoint, str]:
    values = {
        "name": "b",
        "url": "https://backend.example/",
        "filter": {"types": ["*"]},
        "by": "alice",
        "now": NOON,
    } | values
    return create_endpoint(**values)


def notes(endpoint: Endpoint) -> list[tuple[str, str]]:
    return list(EndpointChange.objects.filter(endpoint=endpoint.pk).order_by("pk").values_list("what", "by"))


# --- endpoints --------------------------------------------------------------------------------------------------------


def test_secrets_are_neither_stored_in_clear_nor_shown() -> None:
    endpoint, secret = made(url="https://b.example/hooks/T0A1B2C3D4E5F6G7H8/in?key=s3cret")
    assert endpoint.url == "https://b.example/hooks/***/in?key=***"
    rotate_secret(endpoint, by="alice", now=NOON)
    change_endpoint(endpoint, {"url": "https://b.example/?key=n3wkey"}, by="alice", now=NOON)
    with connection.cursor() as cursor:
        stored = ""
        for table in ("endpoint", "endpointchange"):
            cursor.execute(f"SELECT * FROM webhooks_{table}")
            stored += str(cursor.fetchall())
    for told in (secret, secret.removeprefix("whsec_"), "s3cret", "n3wkey", "T0A1B2C3"):
        assert told not in stored


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("url", {"url": "nonsense"}),
        ("url", {"url": "https://10.0.0.1/"}),
        ("url", {"url": "https://alice:secret@backend.example/"}),
        ("name", {"name": ""}),
        ("name", {"name": "x" * 101}),
        ("name", {"name": "a\nb"}),
        ("types", {"filter": {}}),
        ("types", {"filter": {"types": []}}),
        ("types", {"filter": {"types": ["tx.strated"]}}),
        ("types", {"filter": {"types": ["t*"]}}),
        ("types", {"filter": {"types": ["*"] * 51}}),
        ("types", {"filter": {"types": "*"}}),
        ("charge_points", {"filter": {"types": ["*"], "charge_points": ["CP*6"]}}),
        ("charge_points", {"filter": {"types": ["*"], "charge_points": [""]}}),
        ("contains", {"filter": {"types": ["*"], "contains": ["x"]}}),
        ("directions", {"filter": {"types": ["cp.*"], "directions": ["in"]}}),
        ("directions", {"filter": {"types": ["*"], "directions": ["up"]}}),
        ("contains", {"filter": {"types": ["*"], "contains": ["x" * 201]}}),
        ("actions", {"filter": {"types": ["*"], "actions": [7]}}),
    ],
)
def test_what_cannot_be_is_refused_and_the_field_named(field: str, values: Any) -> None:
    with pytest.raises(BadField) as refusal:
        made(**values)
    assert refusal.value.field == field
    assert not Endpoint.objects.exists()


def test_names_are_unique_and_endpoints_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "ENDPOINTS_MAX", 2)
    made()
    with pytest.raises(BadField, match="has the name"):
        made()
    other, _ = made(name="other")
    with pytest.raises(BadField, match="has the name"):
        change_endpoint(other, {"name": "b"}, by="alice", now=NOON)
    with pytest.raises(NotNow) as refusal:
        made(name="third")
    assert refusal.value.code == "too_many"


def test_what_is_done_is_noted_with_who_and_outlives_the_endpoint(worker: Any) -> None:
    endpoint, _ = made()
    change_endpoint(endpoint, {"types": ["tx.*"], "enabled": False}, by="bob", now=NOON)
    change_endpoint(endpoint, {"enabled": False}, by="bob", now=NOON)  # changes nothing
    rotate_secret(endpoint, by="alice", now=NOON)
    change = EndpointChange.objects.get(what="changed")
    assert change.details == {
        "types": ["tx.*"],
        "enabled": False,
        "before": {"types": ["*"], "enabled": True},
    }
    reader = endpoint.reader
    assert Reader.objects.filter(pk=reader).exists()
    delete_endpoint(endpoint, by="alice", now=NOON)
    assert not Reader.objects.filter(pk=reader).exists()
    assert [what for what, _ in notes(endpoint)] == ["created", "changed", "secret_rotated", "deleted"]
    with pytest.raises(NotNow) as refusal:
        rotate_secret(endpoint, by="alice", now=NOON)
    assert refusal.value.code == "deleted"


def test_who_is_deleted_is_seen_no_more_and_its_rows_go_in_steps_a_day_later(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "STEP", 2)
    with receiving() as receiver:
        endpoint, other = an_endpoint(receiver.origin), an_endpoint(receiver.origin, "other")
        for n in range(5):
            happens(n=n)
        for one in (endpoint, other):
            worker(one).works()
    Delivery.objects.filter(endpoint=endpoint).update(state=State.DEAD)
    assert figures.unsettled().given_up == 5
    delete_endpoint(endpoint, by="alice", now=NOON)
    assert figures.unsettled().given_up == 0
    assert (list(endpoints()), {sink.name for sink in webhook_sinks()}) == ([other], {other.reader})
    assert {row.endpoint_id for row in deliveries()} == {other.pk}
    kept = Endpoint.everything.get(pk=endpoint.pk)
    assert (kept.sealed, kept.secret, kept.older_secret, kept.active) == ("", "", "", False)
    [delivery] = Delivery.objects.filter(endpoint=endpoint)[:1]
    for refused in (
        lambda: replay_delivery(delivery, by="alice", now=NOON),
        lambda: send_test(endpoint, by="alice", now=NOON),
        lambda: delete_endpoint(endpoint, by="alice", now=NOON),
    ):
        with pytest.raises(NotNow) as refusal:
            refused()
        assert refusal.value.code == "deleted"
    again = an_endpoint(name="backend")  # its name is free
    assert prune(get_config(), now=NOON + timedelta(hours=23))["deleted webhooks"] == 0
    assert Delivery.objects.filter(endpoint=endpoint).count() == 5
    with CaptureQueriesContext(connection) as queries:
        assert prune(get_config(), now=NOON + timedelta(hours=25))["deleted webhooks"] == 1
    removed = [
        q
        for q in queries
        if q["sql"].startswith('DELETE FROM "webhooks_delivery" WHERE "webhooks_delivery"."id"')
    ]
    assert len(removed) == 3
    assert set(Endpoint.everything.all()) == {other, again}
    assert Delivery.objects.count() == 5


def test_only_who_is_enabled_and_not_paused_is_posted_to(clock: Clock) -> None:
    on, _ = made(name="on")
    off, _ = made(name="off", enabled=False)
    paused, _ = made(name="paused")
    pause_endpoint(paused, by="alice", now=NOON)
    assert {sink.name for sink in webhook_sinks()} == {on.reader}
    change_endpoint(off, {"enabled": True}, by="alice", now=NOON)
    resume_endpoint(paused, by="alice", now=NOON)
    assert {sink.name for sink in webhook_sinks()} == {on.reader, off.reader, paused.reader}


def test_who_is_switched_off_is_told_nothing_and_later_what_it_has_missed(clock: Clock, worker: Any) -> None:
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin)
        hand = worker(endpoint)
        change_endpoint(endpoint, {"enabled": False}, by="alice", now=NOON)
        happens(n=1)
        assert hand.works() == "not ours"
        assert (backlog(endpoint), receiver.messages) == (1, [])
        change_endpoint(endpoint, {"enabled": True}, by="alice", now=NOON)
        hand.works()
        assert (backlog(endpoint), payloads(receiver)) == (0, [1])


def test_what_waits_is_posted_to_the_new_address(clock: Clock, worker: Any) -> None:
    with receiving(status(500)) as old, receiving() as new:
        endpoint = an_endpoint(old.origin)
        hand = worker(endpoint)
        happens(n=1)
        hand.works()
        change_endpoint(endpoint, {"url": new.origin}, by="alice", now=NOON)
        clock.moves(hours=1)
        hand.works()
    assert payloads(new) == [1]


def test_the_cost_of_a_filter_is_bounded_by_its_words() -> None:
    """No pattern of anybody's is compiled: what would hang a regular expression is looked for as it is written."""
    event_id = happens("cp.ocpp_frames", message="a" * 100_000, direction="in", action="Heartbeat")
    [event] = events_after(0, most=1)
    assert str(event.id) == event_id
    endpoint = an_endpoint(types=["cp.ocpp_frames"], contains=["(a+)+$"])
    assert not Filter.of(endpoint).passes(event)
    endpoint.contains = ["(a+)+$", "aaa"]
    assert Filter.of(endpoint).passes(event)


def test_whose_messages_are_asked_for_is_known_with_one_query(django_assert_num_queries: Any) -> None:
    assert not frames_asked().covers("CP16")
    an_endpoint(name="a", types=["tx.*", "cp.ocpp_frames"], charge_points=["CP1*", "cs201"])
    an_endpoint(name="b", types=["tx.*"])
    off = an_endpoint(name="c", types=["cp.ocpp_frames"])
    change_endpoint(off, {"enabled": False}, by="alice", now=NOON)
    with django_assert_num_queries(1):
        asked = frames_asked()
        assert [asked.covers(cp_id) for cp_id in ("CP16", "cp1", "CS201", "CS2010", "CP2", "")] == [
            True, True, True, False, False, False,
        ]  # fmt: skip
    paused = fresh(off)
    change_endpoint(paused, {"enabled": True}, by="alice", now=NOON)
    pause_endpoint(paused, by="alice", now=NOON)
    assert frames_asked().covers("CP2")  # it goes on later where it stopped


def test_nobody_asks_for_messages_by_a_pattern_and_only_who_asks_is_told_them(worker: Any) -> None:
    """They are so many that a webhook for everything must not switch on their recording unseen."""
    with receiving() as receiver:
        everything = an_endpoint(receiver.origin, "everything", types=["*", "cp.*"])
        assert not frames_asked().covers("CP16")
        messages = an_endpoint(receiver.origin, "messages", types=["cp.ocpp_frames"])
        assert frames_asked().covers("CP16")
        happens("cp.ocpp_frames", direction="in", action="Heartbeat", message="[]")
        happens("cp.status")
        for endpoint in (everything, messages):
            assert worker(endpoint).works() == "done"
    assert sorted(message.json["type"] for message in receiver.messages) == ["cp.ocpp_frames", "cp.status"]
    assert {row.type for row in Delivery.objects.filter(endpoint=everything)} == {"cp.status"}


# --- tests ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [(status(200, b"ok"), "delivered", 200), (status(500), "dead", 500), (reset, "dead", None)],
)
def test_a_test_is_posted_at_once_and_says_what_became_of_it(
    answer: Any, state: str, code: int | None
) -> None:
    with receiving(answer) as receiver:
        endpoint = an_endpoint(receiver.origin, types=["tx.*"])
        pause_endpoint(endpoint, by="alice", now=NOON)
        delivery = send_test(endpoint, by="alice", now=NOON)
    [message] = receiver.messages
    assert (message.json["type"], message.headers["webhook-id"]) == ("webhook.test", str(delivery.event_id))
    assert message.json["data"]["payload"] == {"endpoint_id": str(endpoint.pk), "name": "backend"}
    assert (delivery.state, delivery.status, delivery.attempts) == (state, code, 1)
    assert fresh(delivery).state == state
    assert fresh(endpoint).failures == 0
    assert unsettled([endpoint])[endpoint.pk].dead == 0
    assert notes(endpoint)[-1] == ("tested", "alice")


def test_a_test_is_no_dead_letter(worker: Any) -> None:
    with receiving(status(500)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        delivery = send_test(endpoint, by="alice", now=NOON)
        with pytest.raises(NotNow) as refusal:
            replay_delivery(delivery, by="alice", now=NOON)
        assert refusal.value.code == "test"
        assert replay_dead(endpoint, by="alice", now=NOON) == 0
        worker(endpoint).works()
        assert len(receiver.messages) == 1


# --- replays ----------------------------------------------------------------------------------------------------------


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
