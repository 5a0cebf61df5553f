"""What people do to webhooks: make, change, rotate, test; all of it noted with who."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csms.core.config import get_config
from csms.core.events.models import Reader
from csms.core.events.selectors import events_after
from csms.core.refusals import BadField, NotNow
from csms.core.webhooks import figures, services
from csms.core.webhooks.filters import Filter
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange
from csms.core.webhooks.selectors import (
    backlog,
    deliveries,
    endpoints,
    frames_asked,
    unsettled,
)
from csms.core.webhooks.services import (
    change_endpoint,
    delete_endpoint,
    pause_endpoint,
    replay_dead,
    replay_delivery,
    resume_endpoint,
    rotate_secret,
    send_test,
)
from csms.core.webhooks.sink import webhook_sinks
from csms.pruning import prune
from tests.support.receiver import receiving, reset, status
from tests.webhooks.cast import NOON, Clock, State, an_endpoint, fresh, happens, made, notes, payloads

pytestmark = pytest.mark.django_db


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
