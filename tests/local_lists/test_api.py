"""Local lists through the API: what is there, what is pending, and which tokens belong there."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.models import Command
from csms.core.events.models import Event
from tests.api.cast import API, NOON, charge_point, local_list, online
from transactions.local_lists.models import LocalList
from transactions.models import IdToken

LIST = f"{API}/charge-points/CP16/local-list/"
POLICY = f"{LIST}policy/"


def token(id_token: str, **values: Any) -> IdToken:
    return IdToken.objects.create(id_token=id_token, created_at=NOON, **values)


def test_a_charge_point_whose_list_nobody_has_asked_for_has_an_empty_one(bob: APIClient) -> None:
    charge_point()
    token("ALICE")
    shown = bob.get(LIST).json()
    assert (shown["policy"], shown["version"], shown["entries"]) == ("off", 0, 0)
    assert (shown["supported"], shown["reported_version"], shown["last_update"]) == (None, None, None)
    assert shown["pending"] == {
        "kind": "",
        "added": 0,
        "changed": 0,
        "removed": 0,
        "left_out": [],
        "left_out_count": 0,
    }
    assert bob.get(f"{LIST}entries/").json()["results"] == []
    assert not LocalList.objects.exists()


def test_what_is_there_and_what_is_pending_is_shown(bob: APIClient) -> None:
    row = local_list(charge_point(protocol="ocpp1.6"))
    row.entries.create(id_token="eve", key="EVE", status="Accepted", parent="FLEET", expires_at=NOON)
    token("BOB", blocked=True)
    token("ALICE")
    token("x" * 21)
    shown = bob.get(LIST).json()
    assert (shown["cp_id"], shown["version"], shown["entries"]) == ("CP16", 3, 2)
    assert shown["pending"] == {
        "kind": "Differential",
        "added": 1,
        "changed": 1,
        "removed": 1,
        "left_out": [{"id_token": "x" * 21, "reason": "too_long"}],
        "left_out_count": 1,
    }
    assert bob.get(f"{LIST}entries/").json()["results"] == [
        {"id_token": "BOB", "status": "Accepted", "type": "", "evses": [], "expires_at": None, "parent": ""},
        {
            "id_token": "eve",
            "status": "Accepted",
            "type": "",
            "evses": [],
            "expires_at": "2026-03-04T12:00:00.000Z",
            "parent": "FLEET",
        },
    ]
    first = bob.get(f"{LIST}entries/?limit=1").json()
    assert [row["id_token"] for row in first["results"]] == ["BOB"]
    rest = bob.get(f"{LIST}entries/?limit=1&cursor={first['next_cursor']}").json()
    assert [row["id_token"] for row in rest["results"]] == ["eve"]


def test_the_last_update_is_shown_with_the_charge_points_own_word(bob: APIClient) -> None:
    local_list(
        charge_point(),
        last_command_id="01a1fcf7-7758-7000-8e44-8b6b972495d9",
        last_kind="Full",
        last_result="Failed",
        last_at=NOON,
        full_needed=True,
        try_after=NOON + timedelta(minutes=10),
    )
    shown = bob.get(LIST).json()
    assert shown["last_update"] == {
        "command": "01a1fcf7-7758-7000-8e44-8b6b972495d9",
        "kind": "Full",
        "result": "Failed",
        "at": "2026-03-04T12:00:00.000Z",
    }
    assert (shown["drifted"], shown["try_after"]) == (True, "2026-03-04T12:10:00.000Z")


def test_alice_says_which_tokens_belong_there(alice: APIClient) -> None:
    charge_point()
    token("BOB", parent="FLEET")
    said = alice.put(POLICY, {"policy": "chosen", "tokens": ["alice"], "groups": ["fleet"]})
    assert said.status_code == 200, said.json()
    assert (said.json()["policy"], said.json()["groups"]) == ("chosen", ["fleet"])
    assert said.json()["pending"]["kind"] == "Full"
    assert said.json()["pending"]["left_out"] == [{"id_token": "alice", "reason": "unknown"}]
    assert (
        alice.put(POLICY, {"policy": "chosen", "tokens": ["alice"], "groups": ["fleet"]}).status_code == 200
    )
    assert Event.objects.filter(type="local_list.policy_set").count() == 1  # the second changed nothing
    assert alice.put(POLICY, {"policy": "all"}).json()["groups"] == []
    assert not Command.objects.exists()  # the clock sends it


def test_bob_may_not(bob: APIClient, refusal: Any) -> None:
    charge_point()
    refusal(bob.put(POLICY, {"policy": "all"}), 403, "forbidden")
    assert not LocalList.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "policy"),
        ({"policy": "some"}, "policy"),
        ({"policy": "all", "tokens": ["ALICE"]}, "tokens"),
        ({"policy": "off", "groups": ["FLEET"]}, "groups"),
        ({"policy": "chosen", "tokens": ["x" * 256]}, "tokens.0"),
        ({"policy": "chosen", "tokens": "ALICE"}, "tokens"),
        ({"policy": "chosen", "lists": []}, "lists"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(
    alice: APIClient, refusal: Any, body: dict[str, Any], field: str
) -> None:
    charge_point()
    refusal(alice.put(POLICY, body), 422, "invalid", field)
    assert not LocalList.objects.exists()


def test_the_list_is_sent_by_the_command(alice: APIClient, refusal: Any) -> None:
    cp16 = online(charge_point())
    commands = f"{API}/charge-points/CP16/commands/send-local-list/"
    said = refusal(alice.post(commands), 422, "invalid", "update_type")
    assert "its policy is off" in said["detail"]
    local_list(cp16)
    token("ALICE")
    sent = alice.post(commands).json()
    assert sent["params"] == {
        "update_type": "Differential",
        "list_version": 4,
        "entries": [{"id_token": "BOB"}, {"id_token": "ALICE", "status": "Accepted"}],
    }
    assert alice.get(LIST).json()["on_its_way"] == sent["id"]
