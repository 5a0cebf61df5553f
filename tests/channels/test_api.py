"""The API's door to channels and routes."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from alerts.channels.models import Channel
from alerts.notifications.models import Notification
from alerts.rules.models import Rule
from tests.api.cast import API, NOON, client_of
from tests.channels.cast import CONFIGS, SIGNING, a_channel
from tests.support.receiver import receiving, status

CHANNELS = f"{API}/alert-channels/"


@pytest.fixture
def ada(db: None) -> APIClient:
    """Administers."""
    return client_of("ada", "read", "admin")


def one(channel: Channel) -> str:
    return f"{CHANNELS}{channel.pk}/"


def test_ada_makes_a_channel_and_everybody_sees_no_secret(ada: APIClient, bob: APIClient) -> None:
    made = ada.post(CHANNELS, {"kind": "pushover", "name": "phones", "config": CONFIGS["pushover"]})
    assert made.status_code == 201, made.content
    shown = bob.get(made["Location"]).json()
    assert shown["config"] == {"user_key": "••••4321", "app_token": "••••8765"}
    assert (shown["default"], shown["state"], shown["created_by"]) == (True, "working", "token ada")
    assert shown["quiet_days"] == [0, 1, 2, 3, 4, 5, 6]
    assert made.json() == shown | {"made": {}}
    listed = bob.get(CHANNELS)
    assert listed.json()["results"] == [shown]
    for secret in CONFIGS["pushover"].values():
        assert secret[:10] not in listed.content.decode() + made.content.decode()


def test_a_secret_that_was_made_is_shown_once(ada: APIClient) -> None:
    made = ada.post(
        CHANNELS, {"kind": "webhook", "name": "tools", "config": {"url": "https://tools.example.org/"}}
    )
    secret = made.json()["made"]["signing_secret"]
    assert secret.startswith("whsec_")
    assert secret not in ada.get(made["Location"]).content.decode()


def test_ada_changes_and_removes_one(ada: APIClient, bob: APIClient) -> None:
    first = a_channel("slack")
    other = a_channel("pushover")
    night = {"zone": "Europe/Zurich", "quiet_from": "22:00", "quiet_until": "07:00", "digest_minutes": 60}
    changed = ada.patch(one(other), night | {"default": True, "name": "phones"}).json()
    assert changed | night == changed
    assert (changed["default"], changed["name"]) == (True, "phones")
    assert ada.patch(one(other), {"quiet_from": None, "quiet_until": None}).json()["quiet_from"] is None
    assert bob.get(one(first)).json()["default"] is False
    assert ada.delete(one(first)).status_code == 204
    assert bob.get(one(first)).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "pigeon"}, "kind"),
        ({"config": CONFIGS["pushover"] | {"user_key": "x"}}, "config.user_key"),
        ({"config": {"nonsense": "x"}}, "config.nonsense"),
        ({"quiet_from": "25:00"}, "quiet_from"),
        ({"quiet_from": "22:00"}, "quiet_until"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "quiet_until"),
        ({"quiet_days": [9]}, "quiet_days"),
        ({"zone": "Nowhere"}, "zone"),
        ({"enabled": "yes"}, "enabled"),
        ({"nonsense": 1}, "nonsense"),
        ({"per_hour": -1}, "per_hour"),
    ],
)
def test_what_cannot_be_made(ada: APIClient, refusal: Any, body: dict[str, Any], field: str) -> None:
    given = {"kind": "pushover", "name": "phones", "config": CONFIGS["pushover"]} | body
    answer = ada.post(CHANNELS, given)
    assert answer.status_code == 422, answer.content
    assert any(name.startswith(field) for name in answer.json()["error"]["errors"]), answer.content
    assert not Channel.objects.exists()


def test_the_default_stays(ada: APIClient, refusal: Any) -> None:
    first = a_channel("slack")
    refusal(ada.patch(one(first), {"enabled": False}), 409, "default")
    refusal(ada.patch(one(first), {"default": False}), 409, "default")
    refusal(ada.delete(one(first)), 409, "default")


def test_who_may_not(alice: APIClient, bob: APIClient, charlie: APIClient, refusal: Any) -> None:
    channel = a_channel("slack")
    for client, status_code, code in ((alice, 403, "forbidden"), (charlie, 401, "unauthenticated")):
        refusal(client.post(CHANNELS, {}), status_code, code)
        refusal(client.patch(one(channel), {"name": "x"}), status_code, code)
        refusal(client.delete(one(channel)), status_code, code)
        refusal(client.post(f"{one(channel)}test/"), status_code, code)
        refusal(client.put(f"{API}/alert-routes/clock-off/", {"steps": []}), status_code, code)
    assert bob.get(one(channel)).status_code == 200
    refusal(charlie.get(CHANNELS), 401, "unauthenticated")


def test_the_kinds_say_what_they_need(bob: APIClient) -> None:
    kinds = {kind["kind"]: kind for kind in bob.get(f"{API}/alert-channel-kinds/").json()["results"]}
    assert set(kinds) == set(CONFIGS)
    fields = {field["name"]: field for field in kinds["email"]["fields_of_config"]}
    assert fields["security"]["choices"] == ["starttls", "tls", "none"]
    assert fields["password"]["is_secret"]
    assert fields["recipients"]["is_list"]
    assert fields["port"]["is_number"]
    assert not fields["port"]["is_required"]


# --- routes -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def rule(db: None) -> Rule:
    return Rule.objects.update_or_create(
        slug="clock-off",
        defaults={
            "name": "Clock off",
            "about": "clock-off",
            "severity": "info",
            "created_at": NOON,
            "updated_at": NOON,
        },
    )[0]


def test_a_rule_names_channels(ada: APIClient, bob: APIClient, rule: Rule, refusal: Any) -> None:
    channel = a_channel("slack")
    route = f"{API}/alert-routes/clock-off/"
    assert bob.get(route).json() == {"rule": "clock-off", "steps": []}
    set_to = ada.put(route, {"steps": [{"channel_id": str(channel.pk), "after_minutes": 30}]})
    expected = {
        "rule": "clock-off",
        "steps": [{"channel_id": str(channel.pk), "channel_name": "slack", "after_minutes": 30}],
    }
    assert (set_to.status_code, set_to.json()) == (200, expected)
    assert bob.get(f"{API}/alert-routes/").json() == {"results": [expected]}
    refusal(ada.put(f"{API}/alert-routes/nonsense/", {"steps": []}), 404, "unknown_rule")
    nowhere = {"channel_id": "0190a1b2-0000-7000-8000-000000000001"}
    refusal(ada.put(route, {"steps": [nowhere]}), 422, "invalid", "steps")


# --- tests ------------------------------------------------------------------------------------------------------------


def test_a_test_says_what_became_of_it(ada: APIClient) -> None:
    with receiving(status(204), status(500, b"oops")) as receiver:
        channel = a_channel("webhook", config={"url": receiver.origin})
        good = ada.post(f"{one(channel)}test/").json()
        bad = ada.post(f"{one(channel)}test/").json()
    assert (good["kind"], good["state"], good["status"], good["attempts"]) == ("test", "sent", 204, 1)
    assert (bad["state"], bad["status"], bad["outcome"]) == ("failed", 500, "It answered 500: oops")
    assert receiver.messages[0].json["type"] == "alert.test"
    assert [row.state for row in Notification.objects.order_by("pk")] == ["sent", "failed"]
    channel.refresh_from_db()
    assert channel.failures == 0  # a test that fails says nothing of the health
    assert channel.sent_at is not None


def test_a_test_that_is_repeated_is_sent_once(ada: APIClient) -> None:
    with receiving(status(204)) as receiver:
        channel = a_channel("webhook", config={"url": receiver.origin})
        first, again = (
            ada.post(f"{one(channel)}test/", HTTP_IDEMPOTENCY_KEY="once").json() for _ in range(2)
        )
    assert first == again
    assert len(receiver.messages) == 1


def test_the_log_is_listed_filtered_and_shown(bob: APIClient, ada: APIClient) -> None:
    with receiving(status(204)) as receiver:
        channel = a_channel("webhook", config={"url": f"{receiver.origin}/s3cret-s3cret-s3cret-1"})
        shown = ada.post(f"{one(channel)}test/").json()
    log = f"{API}/notifications/"
    [row] = bob.get(log).json()["results"]
    assert row == {name: value for name, value in shown.items() if name not in ("text", "parts")}
    assert bob.get(f"{log}{row['id']}/").json() == shown
    assert "s3cret" not in str(shown) + SIGNING
    for query, count in (
        (f"channel_id={channel.pk}", 1),
        ("state=sent&kind=test", 1),
        ("state=failed", 0),
        ("alert_id=0190a1b2-0000-7000-8000-000000000001", 0),
        (f"from={timezone.now().year + 1}-01-01T00:00:00Z", 0),
        ("to=2020-01-01T00:00:00Z", 0),
    ):
        assert len(bob.get(f"{log}?{query}").json()["results"]) == count, query
    assert bob.get(f"{log}?state=nonsense").status_code == 422
    assert bob.get(f"{log}?format=csv").status_code == 200
    assert bob.get(f"{log}0190a1b2-0000-7000-8000-000000000001/").status_code == 404
