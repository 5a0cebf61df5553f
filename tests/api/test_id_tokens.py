"""Id tokens through the API: list, register, show, change, block, delete."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

from csms.core.audit.models import AuditEntry
from tests.api.cast import API, NOON, charge_point, ended
from transactions.models import IdToken, Transaction

LIST = f"{API}/id-tokens/"


def token(text: str = "ALICE", **values: Any) -> IdToken:
    return IdToken.objects.create(id_token=text, created_at=NOON, **values)


def test_alice_registers_a_token(alice: APIClient) -> None:
    body = {
        "id_token": "04A2B3C4D5E680",
        "label": "Alice",
        "parent": "FLEET",
        "expires_at": "2030-12-31T23:59:59+01:00",
        "max_active": 1,
        "type": "ISO14443",
        "evses": ["CP-1/2", "3"],
        "language": "de",
        "personal_message": "Willkommen",
    }
    made = alice.post(LIST, body)
    assert made.status_code == 201, made.json()
    shown = made.json()
    assert shown.pop("created_at").endswith("Z")
    assert shown == body | {
        "expires_at": "2030-12-31T22:59:59.000Z",
        "blocked": False,
        "updated_at": None,
        "warnings": [],
    }
    assert alice.get(made["Location"]).json()["id_token"] == "04A2B3C4D5E680"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "id_token"),
        ({"id_token": ""}, "id_token"),
        ({"id_token": " A"}, "id_token"),
        ({"id_token": "A\nB"}, "id_token"),
        ({"id_token": "x" * 256}, "id_token"),
        ({"id_token": 7}, "id_token"),
        ({"id_token": "alice"}, "id_token"),
        ({"id_token": "B", "parent": " P"}, "parent"),
        ({"id_token": "B", "max_active": -1}, "max_active"),
        ({"id_token": "B", "max_active": 32768}, "max_active"),
        ({"id_token": "B", "max_active": "1"}, "max_active"),
        ({"id_token": "B", "max_active": True}, "max_active"),
        ({"id_token": "B", "max_active": 1.5}, "max_active"),
        ({"id_token": "B", "max_active": 10**30}, "max_active"),
        ({"id_token": "B", "blocked": "yes"}, "blocked"),
        ({"id_token": "B", "blocked": 1}, "blocked"),
        ({"id_token": "B", "expires_at": "2030-12-31T23:59:59"}, "expires_at"),
        ({"id_token": "B", "expires_at": "tomorrow"}, "expires_at"),
        ({"id_token": "B", "expires_at": 7}, "expires_at"),
        ({"id_token": "B", "expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at"),
        ({"id_token": "B", "colour": "red"}, "colour"),
        ({"id_token": "B", "type": "Card"}, "type"),
        ({"id_token": "B", "type": "NoAuthorization"}, "type"),
        ({"id_token": "B" * 37, "type": "Central"}, "id_token"),
        ({"id_token": "12", "type": "KeyCode"}, "id_token"),
        ({"id_token": "KEYCODE-" + "A" * 28, "type": "KeyCode"}, "id_token"),
        ({"id_token": "DE-8AA", "type": "eMAID"}, "id_token"),
        ({"id_token": "B", "evses": ["CP-1/0"]}, "evses"),
        ({"id_token": "B", "evses": "CP-1"}, "evses"),
        ({"id_token": "B", "language": "deutsch"}, "language"),
    ],
)
def test_a_wrong_field_is_named(alice: APIClient, refusal: Any, body: Any, field: str) -> None:
    token("ALICE")
    refusal(alice.post(LIST, body), 422, "invalid", field)
    assert IdToken.objects.count() == 1


def test_a_token_is_found_in_any_case_and_with_any_character(alice: APIClient) -> None:
    token("Alice/1 #é?%/")
    url = LIST + quote("aLICE/1 #é?%/") + "/"
    assert alice.get(url).json()["id_token"] == "Alice/1 #é?%/"


def test_a_token_that_ocpp16_cannot_send_is_warned_of(alice: APIClient) -> None:
    [warning] = alice.post(LIST, {"id_token": "x" * 21}).json()["warnings"]
    assert "20 at most" in warning


def test_alice_blocks_and_unblocks(alice: APIClient, refusal: Any) -> None:
    token()
    url = f"{LIST}alice/"
    blocked = alice.patch(url, {"blocked": True}).json()
    assert blocked["blocked"] is True
    assert blocked["updated_at"] is not None
    assert alice.patch(url, {"label": "lost"}).json()["blocked"] is True
    assert alice.patch(url, {}).json()["blocked"] is True
    assert alice.patch(url, {"blocked": False, "max_active": None}).json()["blocked"] is False
    refusal(alice.patch(url, {"id_token": "BOB"}), 422, "invalid", "id_token")
    refusal(alice.patch(f"{LIST}BOB/", {}), 404, "unknown_id_token")


def test_an_empty_form_unblocks_nobody(alice: APIClient) -> None:
    token(blocked=True)
    form = "application/x-www-form-urlencoded"
    alice.patch(f"{LIST}ALICE/", "", content_type=form)
    assert IdToken.objects.get().blocked is True


def test_a_deleted_token_is_unknown_and_its_transactions_keep_its_text(
    alice: APIClient, refusal: Any
) -> None:
    token()
    ended(charge_point())
    assert alice.delete(f"{LIST}alice/").status_code == 204
    refusal(alice.get(f"{LIST}ALICE/"), 404, "unknown_id_token")
    refusal(alice.delete(f"{LIST}ALICE/"), 404, "unknown_id_token")
    assert Transaction.objects.get().id_token == "ALICE"


def test_the_list_is_filtered(bob: APIClient, refusal: Any, django_assert_num_queries: Any) -> None:
    token("A1", label="Alice", parent="Fleet")
    token("B2", blocked=True)
    cases = {
        "": ["B2", "A1"],
        "?blocked=true": ["B2"],
        "?blocked=false": ["A1"],
        "?parent=FLEET": ["A1"],
        "?q=ali": ["A1"],
        "?q=fle": ["A1"],
        "?q=b2": ["B2"],
    }
    for query, wanted in cases.items():
        assert [row["id_token"] for row in bob.get(LIST + query).json()["results"]] == wanted, query
    refusal(bob.get(f"{LIST}?blocked=perhaps"), 422, "invalid", "blocked")
    with django_assert_num_queries(2):  # token, id tokens
        bob.get(LIST)


def test_tokens_of_one_text_are_told_apart_by_their_types(alice: APIClient, refusal: Any) -> None:
    any_type, central = token("SAME"), token("SAME", type="Central")
    url = f"{LIST}same/"
    assert alice.get(url).json()["type"] == ""
    assert alice.get(f"{url}?type=Central").json()["type"] == "Central"
    assert [row["type"] for row in alice.get(f"{LIST}?type=Central").json()["results"]] == ["Central"]
    alice.patch(f"{url}?type=Central", {"blocked": True})
    any_type.refresh_from_db()
    central.refresh_from_db()
    assert (any_type.blocked, central.blocked) == (False, True)
    assert alice.post(LIST, {"id_token": "same", "type": "ISO14443"}).status_code == 201
    refusal(alice.post(LIST, {"id_token": "same", "type": "Central"}), 422, "invalid", "id_token")
    assert alice.delete(f"{url}?type=Central").status_code == 204
    refusal(alice.get(f"{LIST}NOBODY/?type=Central"), 404, "unknown_id_token")


def test_nobody_can_read_or_find_a_key_code(alice: APIClient, refusal: Any) -> None:
    shown = alice.post(LIST, {"id_token": "48151", "type": "KeyCode", "label": "Bob"}).json()
    assert re.fullmatch("KEYCODE-[0-9A-F]{28}", shown["id_token"])
    for url in (LIST, f"{LIST}?q=KEYCODE", f"{LIST}{shown['id_token']}/", f"{API}/audit/"):
        assert "48151" not in alice.get(url).content.decode()
    assert alice.get(f"{LIST}?q=48151").json()["results"] == []
    refusal(alice.get(f"{LIST}48151/?type=KeyCode"), 404, "unknown_id_token")
    assert alice.patch(f"{LIST}{shown['id_token']}/", {"blocked": True}).json()["blocked"] is True
    again = alice.post(LIST, {"id_token": "48151", "type": "KeyCode"})
    refusal(again, 422, "invalid", "id_token")
    assert "48151" not in again.content.decode()
    assert not any("48151" in str(row) for row in IdToken.objects.values_list())
    assert not any("48151" in str(row) for row in AuditEntry.objects.values_list())
