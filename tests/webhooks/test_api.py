"""The API's door to webhooks: everybody may look, administrators change, and nothing secret is shown twice."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from csms.core.events.models import Event
from csms.core.ids import uuid7, uuid7_floor
from csms.core.outbound.signing import read_secret
from csms.core.webhooks import selectors, services
from csms.core.webhooks.letters import signing_secrets
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange
from tests.api.cast import API, client_of
from tests.support.receiver import receiving, status
from tests.webhooks.cast import NOON, Clock, State, an_endpoint, fresh, happens, payloads

pytestmark = pytest.mark.django_db
URL = f"{API}/webhooks/"
NEW = {
    "name": "billing",
    "url": "https://billing.example/in?key=s3cret",
    "types": ["tx.*"],
    "charge_points": ["CP*"],
}


@pytest.fixture
def dora(db: None) -> APIClient:
    """May administrate, and look."""
    return client_of("dora", "read", "admin")


@pytest.fixture
def bob(db: None) -> APIClient:
    """May look, command and edit; he administrates nothing."""
    return client_of("bob", "read", "command", "write")


def one(endpoint: Endpoint, *more: str) -> str:
    return "/".join([f"{URL}{endpoint.pk}", *more, ""])


def refused(answer: Any, status: int, code: str, *fields: str) -> None:
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], set(error["errors"])) == (status, code, set(fields)), error


def test_a_webhook_is_made_and_its_secret_shown_once(dora: APIClient, bob: APIClient) -> None:
    answer = dora.post(URL, NEW)
    assert answer.status_code == 201
    body = answer.json()
    secret = body.pop("secret")
    assert secret.startswith("whsec_")
    assert body["url"] == "https://billing.example/in?key=***"
    assert (body["state"], body["created_by"], body["enabled"]) == ("working", "token dora", True)
    endpoint = Endpoint.objects.get()
    assert signing_secrets(endpoint, now=NOON) == [read_secret(secret)]
    for client in (bob, dora):
        shown = client.get(answer["Location"])
        assert shown.status_code == 200
        assert secret not in shown.content.decode()
        assert "s3cret" not in shown.content.decode()
        assert shown.json() == body | {"backlog": 0, "waiting": 0, "dead": 0}
        [listed] = client.get(URL).json()["results"]
        assert listed == body


def test_a_repeat_with_the_same_key_makes_no_second_one_and_shows_the_same_secret(dora: APIClient) -> None:
    first, second = (dora.post(URL, NEW, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json() == second.json()
    assert second["Idempotency-Replayed"] == "true"
    assert Endpoint.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "http://10.0.0.1:80:80/"}, "url"),
        ({"url": "ftp://billing.example/"}, "url"),
        ({"types": []}, "types"),
        ({"types": ["tx.nothing"]}, "types"),
        ({"types": "tx.*"}, "types"),
        ({"charge_points": ["C*P"]}, "charge_points"),
        ({"contains": ["Faulted"]}, "contains"),
        ({"types": ["*"], "actions": ["Heartbeat"]}, "actions"),
        ({"directions": ["up"]}, "directions.0"),
        ({"contains": ["x" * 201]}, "contains.0"),
        ({"actions": [7]}, "actions.0"),
        ({"secret": "whsec_mine"}, "secret"),
        ({"enabled": "yes"}, "enabled"),
    ],
)
def test_what_is_wrong_is_named(dora: APIClient, values: dict[str, Any], field: str) -> None:
    refused(dora.post(URL, NEW | values), 422, "invalid", field)
    endpoint = an_endpoint()
    refused(dora.patch(one(endpoint), values), 422, "invalid", field)
    assert EndpointChange.objects.filter(what="changed").count() == 0


def test_there_are_no_more_than_so_many(dora: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "ENDPOINTS_MAX", 1)
    assert dora.post(URL, NEW).status_code == 201
    refused(dora.post(URL, NEW | {"name": "other"}), 409, "too_many")


def test_who_may_only_look_or_command_changes_nothing(bob: APIClient) -> None:
    endpoint = an_endpoint()
    asked = [bob.post(URL, NEW), bob.patch(one(endpoint), {}), bob.delete(one(endpoint))]
    asked += [
        bob.post(one(endpoint, what), {})
        for what in ("secret", "pause", "resume", "test", "replay", "discard-dead")
    ]
    for answer in asked:
        refused(answer, 403, "forbidden")
    assert EndpointChange.objects.count() == 1


def test_what_is_not_there_is_404(dora: APIClient) -> None:
    nowhere = f"{URL}{uuid4()}/"
    for answer in (
        dora.get(nowhere),
        dora.patch(nowhere, {}),
        dora.delete(nowhere),
        dora.post(f"{nowhere}test/"),
    ):
        refused(answer, 404, "unknown_webhook")
    refused(dora.get(f"{URL}deliveries/{uuid4()}/"), 404, "unknown_delivery")
    refused(dora.post(f"{URL}deliveries/{uuid4()}/replay/"), 404, "unknown_delivery")


def test_a_webhook_is_changed_switched_off_and_deleted_and_each_is_noted(dora: APIClient) -> None:
    endpoint = an_endpoint()
    shown = dora.patch(one(endpoint), {"types": ["cp.boot"], "enabled": False}).json()
    assert (shown["types"], shown["enabled"], shown["state"]) == (["cp.boot"], False, "disabled")
    [change, created] = dora.get(one(endpoint, "changes")).json()["results"]
    assert (created["what"], created["by"]) == ("created", "alice")
    assert (change["what"], change["by"]) == ("changed", "token dora")
    assert change["details"]["before"] == {"types": ["*"], "enabled": True}
    assert dora.delete(one(endpoint)).status_code == 204
    assert EndpointChange.objects.filter(what="deleted", by="token dora").exists()
    assert not Endpoint.objects.exists()


def test_a_secret_is_rotated(dora: APIClient) -> None:
    endpoint = an_endpoint()
    [old] = signing_secrets(endpoint, now=NOON)
    body = dora.post(one(endpoint, "secret")).json()
    now = datetime.now(UTC)
    assert signing_secrets(fresh(endpoint), now=now) == [read_secret(body["secret"]), old]
    ends = datetime.fromisoformat(body["older_signs_until"])
    assert now + timedelta(hours=23) < ends <= now + timedelta(hours=24)
    assert signing_secrets(fresh(endpoint), now=ends + timedelta(seconds=1)) == [read_secret(body["secret"])]


def test_a_webhook_is_paused_and_resumed(dora: APIClient) -> None:
    endpoint = an_endpoint()
    shown = dora.post(one(endpoint, "pause"), {"why": "their maintenance"}).json()
    assert (shown["state"], shown["paused_why"]) == ("paused", "their maintenance")
    happens(n=1)
    assert dora.get(one(endpoint)).json()["backlog"] == 2  # that it was paused is an event, too
    assert dora.post(one(endpoint, "resume"), {}).json()["backlog"] == 2
    shown = dora.post(one(endpoint, "resume"), {"from_now": True}).json()
    assert (shown["state"], shown["backlog"], shown["paused_why"]) == ("working", 0, "")


def test_the_states_are_told_apart(dora: APIClient) -> None:
    rows = {name: an_endpoint(name=name) for name in ("working", "failing", "paused", "disabled")}
    Endpoint.objects.filter(pk=rows["failing"].pk).update(failures=1, failing_since=NOON)
    Endpoint.objects.filter(pk=rows["paused"].pk).update(paused_at=NOON, failures=9)
    Endpoint.objects.filter(pk=rows["disabled"].pk).update(enabled=False, paused_at=NOON)
    for state in rows:
        [row] = dora.get(f"{URL}?state={state}").json()["results"]
        assert (row["name"], row["state"]) == (state, state)
    listed = dora.get(f"{URL}?enabled=false").json()["results"]
    assert [row["name"] for row in listed] == ["disabled"]


@pytest.mark.parametrize("key", [None, "k"], ids=["once", "with a key"])
def test_a_test_answers_what_became_of_it(dora: APIClient, key: str | None) -> None:
    headers = {"Idempotency-Key": key} if key else {}
    with receiving(status(200, b"hello")) as receiver:
        endpoint = an_endpoint(receiver.origin)
        answer = dora.post(one(endpoint, "test"), headers=headers)
        assert answer.status_code == 200
        body = answer.json()
        assert (body["type"], body["state"], body["status"], body["answer"]) == (
            "webhook.test", "delivered", 200, "hello",
        )  # fmt: skip
        if key:
            again = dora.post(one(endpoint, "test"), headers=headers)
            assert again.json() == body
            assert again["Idempotency-Replayed"] == "true"
        assert len(receiver.messages) == 1


def test_a_test_is_posted_outside_of_any_transaction(
    dora: APIClient, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that takes its time holds no lock; with a key there is a transaction round the rest."""
    from django.db import connection

    from csms.core.webhooks import letters

    inside: list[bool] = []
    post = letters.post

    def posting(*args: Any, **kwargs: Any) -> Any:
        inside.append(connection.in_atomic_block)
        return post(*args, **kwargs)

    monkeypatch.setattr(letters, "post", posting)
    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin)
        client = client_of("eve", "admin")
        assert client.post(one(endpoint, "test"), headers={"Idempotency-Key": "k"}).status_code == 200
    assert inside == [False]


def test_the_log_is_filtered_and_paged(dora: APIClient, bob: APIClient, clock: Clock, worker: Any) -> None:
    with receiving(status(200, b"ok"), status(500)) as receiver:
        endpoint, other = an_endpoint(receiver.origin), an_endpoint("https://other.example/", "other")
        event_id = happens("tx.started", "CP16")
        hand = worker(endpoint)
        hand.works()
        happens("cp.boot", "CS201")
        hand.works()
    log = f"{URL}deliveries/"
    waiting, done = bob.get(log).json()["results"]
    assert (done["state"], done["event_id"], done["status"], done["answer"]) == (
        "delivered",
        event_id,
        200,
        "ok",
    )
    assert (waiting["state"], waiting["cp_id"], waiting["attempts"]) == ("waiting", "CS201", 1)
    assert waiting["webhook_id"] == str(endpoint.pk)
    for query, found in {
        "state=waiting": 1, "state=dead": 0, "type=tx.started": 1, "cp_id=CS201": 1, f"event_id={event_id}": 1,
        f"webhook_id={endpoint.pk}": 2, f"webhook_id={other.pk}": 0, "from=2026-01-01T00:00:00Z": 2,
        "to=2026-01-01T00:00:00Z": 0,
    }.items():  # fmt: skip
        assert len(bob.get(f"{log}?{query}").json()["results"]) == found, query
    refused(bob.get(f"{log}?state=lost"), 422, "invalid", "state")
    page = bob.get(f"{log}?limit=1").json()
    [last] = bob.get(f"{log}?limit=1&cursor={page['next_cursor']}").json()["results"]
    assert last == done == bob.get(f"{log}{done['id']}/").json()
    assert dora.get(one(endpoint)).json()["waiting"] == 1


@pytest.mark.parametrize(
    "query", ["state=skipped", "type=rare", "type=rare&webhook_id={id}", "cp_id=CP&type=rare"]
)
def test_what_is_rare_in_the_log_is_looked_for_in_parts(
    bob: APIClient, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(selectors, "SCANNED", 3)
    endpoint = an_endpoint()
    for n in range(8):
        rare = n in (1, 2)
        Delivery.objects.create(
            endpoint=endpoint, event_id=uuid7(), type="rare" if rare else "t", cp_id="CP", position=n,
            state="skipped" if rare else "delivered", created_at=NOON,
        )  # fmt: skip
    address, pages = f"{URL}deliveries/?count=true&{query.format(id=endpoint.pk)}", []
    body: Any = {"next_cursor": ""}
    while body["next_cursor"] is not None:
        answer = bob.get(
            f"{address}&limit=1" + (f"&cursor={body['next_cursor']}" if body["next_cursor"] else "")
        )
        body = answer.json()
        assert (answer.get("Link") is None) == (body["next_cursor"] is None)
        pages.append([row["type"] for row in body["results"]])
    assert pages == [[], ["rare"], ["rare"]]
    assert (body["count"], body["count_capped"]) == (2, False)
    first = bob.get(address).json()
    assert (first["count"], first["count_capped"]) == (0, True)
    as_file = bob.get(address.replace("count=true", "format=ndjson"))
    assert len(b"".join(as_file.streaming_content).splitlines()) == 2


def test_dead_ones_are_replayed_one_all_or_since_a_time_or_discarded(
    dora: APIClient, bob: APIClient, clock: Clock, worker: Any
) -> None:
    with receiving(status(500), status(500), status(200)) as receiver:
        endpoint = an_endpoint(receiver.origin, types=["cp.*"])
        hand = worker(endpoint)
        for n in range(2):
            happens(cp_id=f"CP{n}", n=n)
        hand.works()
        Delivery.objects.update(state=State.DEAD, next_attempt_at=None)
        dead = Delivery.objects.order_by("position").first()
        assert dead is not None
        refused(bob.post(f"{URL}deliveries/{dead.pk}/replay/"), 403, "forbidden")
        assert dora.post(f"{URL}deliveries/{dead.pk}/replay/").json()["state"] == "waiting"
        clock.now = datetime.now(UTC)
        hand.works()
        assert payloads(receiver)[2:] == [0]
        assert dora.post(one(endpoint, "replay"), {}).json() == {
            "deliveries": 1,
            "events": 0,
            "gone_before": None,
        }
        clock.now = datetime.now(UTC)
        hand.works()
        assert payloads(receiver)[3:] == [1]
        since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        assert dora.post(one(endpoint, "replay"), {"since": since}).json() == {
            "deliveries": 0,
            "events": 2,
            "gone_before": None,
        }
        first, second = Event.objects.order_by("position")[:2]
        first.delete()  # as the clock does it, once it is old enough
        missed = dora.post(one(endpoint, "replay"), {"since": since}).json()["gone_before"]
        assert abs(datetime.fromisoformat(missed) - second.recorded_at) < timedelta(milliseconds=2)
        Delivery.objects.update(state=State.DEAD)
        assert dora.post(one(endpoint, "discard-dead")).json() == {"deliveries": 2}
    refused(dora.post(one(endpoint, "replay"), {"since": "yesterday"}), 422, "invalid", "since")


def test_a_replay_that_finds_no_room_is_refused(dora: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "WAITING_MAX", 0)
    refused(dora.post(one(an_endpoint(), "replay"), {}), 409, "too_many_waiting")


def test_deliveries_are_pruned_with_the_events_and_those_that_wait_stay() -> None:
    from csms.core.config import get_config
    from csms.pruning import prune

    endpoint = an_endpoint()
    now = datetime.now(UTC)
    old = now - timedelta(days=get_config().retain_events_days, hours=1)
    for n, (moment, state) in enumerate(
        [(old, "delivered"), (old, "dead"), (old, "waiting"), (now, "delivered")]
    ):
        base = uuid7_floor(moment)
        id = type(base)(int=base.int + n)
        Delivery.objects.create(
            id=id, endpoint=endpoint, event_id=id, type="t", position=n, state=state, created_at=moment
        )
    assert prune(get_config(), now=now)["webhook deliveries"] == 2
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["delivered", "waiting"]
