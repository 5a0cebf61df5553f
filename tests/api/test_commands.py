"""Commands through the API as far as no charge point is needed: catalogue, refusals, ledger."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from chargers.commands.ledger import NOT_HANDLED, NOT_READABLE
from chargers.commands.sending import orders
from chargers.commands.sent_api import outcome
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from csms.core.access.models import User
from csms.routing import COMMANDS
from tests.api.cast import (
    API,
    CHAIN,
    NOON,
    ROOT,
    charge_point,
    client_of,
    command,
    local_list,
    online,
    reservation,
)
from tests.firmware.cast import signed

CP16 = f"{API}/charge-points/CP16/commands/"
LEDGER = f"{API}/commands/ledger/"
PROFILE: dict[str, Any] = {
    "purpose": "TxDefaultProfile",
    "kind": "Relative",
    "stack_level": 0,
    "schedule": {"unit": "A", "periods": [{"start_period": 0, "limit": "16.5"}]},
}
BODIES: dict[str, dict[str, Any]] = {
    "remote-start": {"id_token": "ALICE", "connector_id": 1},
    "remote-stop": {"transaction_id": "4711"},
    "reset": {"type": "Hard"},
    "unlock-connector": {"connector_id": 1},
    "clear-cache": {},
    "trigger-message": {"requested_message": "Heartbeat"},
    "change-availability": {"connector_id": 1, "type": "Inoperative"},
    "get-configuration": {"keys": ["HeartbeatInterval"]},
    "change-configuration": {"key": "HeartbeatInterval", "value": "300"},
    "set-authorization-key": {},
    "extended-trigger-message": {"requested_message": "LogStatusNotification"},
    "reserve-now": {"connector_id": 1, "id_token": "ALICE", "expires_at": "2099-01-01T00:00:00Z"},
    "cancel-reservation": {"reservation_id": 7},
    "set-charging-profile": {"connector_id": 0, "charging_profile": PROFILE},
    "clear-charging-profile": {"connector_id": 0, "stack_level": 0},
    "get-composite-schedule": {"connector_id": 1, "duration": 3600, "unit": "A"},
    "get-local-list-version": {},
    "send-local-list": {"update_type": "Full"},
    "update-firmware": {"location": "https://acme.example/fw.bin", "retrieve_date": "2099-01-01T00:00:00Z"},
    "signed-update-firmware": signed(),
    "get-diagnostics": {"start_time": "2026-01-01T00:00:00Z"},
    "get-log": {"log_type": "SecurityLog"},
    "data-transfer": {"vendor_id": "org.example", "message_id": "hello", "data": "{}"},
    "install-certificate": {"certificate_type": "manufacturer_root", "certificate": ROOT.pem.strip()},
    "get-installed-certificate-ids": {"certificate_type": "manufacturer_root"},
    "delete-certificate": {"issuer_name_hash": "ab", "issuer_key_hash": "cd", "serial_number": "1"},
    "certificate-signed": {"certificate_chain": CHAIN},
}

# What must be there before a command can be sent.
NEEDS: dict[str, Callable[[ChargePoint], object]] = {
    "cancel-reservation": reservation,
    "send-local-list": local_list,
}


# --- the catalogue ----------------------------------------------------------------------------------------------------


def test_the_catalogue_says_what_there_is_to_command(bob: APIClient) -> None:
    entries = {entry["type"]: entry for entry in bob.get(f"{API}/commands/").json()["results"]}
    assert set(entries) == set(COMMANDS)
    assert set(orders()[Version.V16]) == set(BODIES), "those of other versions alone are asked for elsewhere"
    start = entries["remote-start"]
    assert start["scope"] == "command"
    assert "ocpp1.6" in start["protocols"]
    assert start["params"]["required"] == ["id_token"]
    assert entries["reset"]["danger"]
    assert "refusal" not in start


def test_the_catalogue_of_a_charge_point_says_what_it_would_refuse_now(bob: APIClient) -> None:
    def refusals() -> dict[str, str | None]:
        return {entry["type"]: entry["refusal"] for entry in bob.get(CP16).json()["results"]}

    cp16 = charge_point(registration="pending")
    assert set(refusals().values()) == {"offline", "not_accepted"}
    online(cp16)
    assert refusals()["reset"] is None
    assert refusals()["remote-start"] == "not_accepted"


# --- sending ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("slug", list(BODIES))
def test_a_command_is_queued_and_can_be_followed(slug: str) -> None:
    alice = client_of("alice", "read", COMMANDS[slug].scope)
    cp16 = online(charge_point())
    NEEDS.get(slug, str)(cp16)
    sent = alice.post(f"{CP16}{slug}/", BODIES[slug] | {"reason": "the driver called"})
    assert sent.status_code == 202, sent.json()
    body = sent.json()
    assert (body["cp_id"], body["type"], body["status"]) == ("CP16", slug, "queued")
    assert body["params"].items() >= BODIES[slug].items()
    assert (body["by"], body["reason"]) == ("token alice", "the driver called")
    assert (body["answer"], body["error"], body["effect"], body["late_answer"]) == (None,) * 4
    assert sent["Location"] == f"{API}/commands/{body['id']}/"
    assert alice.get(sent["Location"]).json() == body
    assert "Preference-Applied" not in sent


def test_a_person_stands_in_the_ledger_by_name(db: None) -> None:
    online(charge_point())
    person = User.objects.create_user("alice", role="operator")
    client = APIClient()
    client.force_authenticate(person)
    assert client.post(f"{CP16}reset/", {}).json()["by"] == "alice"
    assert Command.objects.get().user == person


def test_a_body_of_nothing_means_the_defaults(alice: APIClient) -> None:
    online(charge_point())
    assert alice.post(f"{CP16}reset/").json()["params"] == {"type": "Soft"}


@pytest.mark.parametrize(
    ("slug", "body", "field"),
    [
        ("remote-start", {}, "id_token"),
        ("remote-start", {"id_token": ""}, "id_token"),
        ("remote-start", {"id_token": "x" * 21}, "id_token"),
        ("remote-start", {"id_token": 7}, "id_token"),
        ("remote-start", {"id_token": "A\x00"}, "id_token"),
        ("get-configuration", {"keys": ["Heartbeat", "a\x00"]}, "keys"),
        (
            "set-charging-profile",
            {"connector_id": 0, "charging_profile": PROFILE | {"a\x00": 1}},
            "charging_profile",
        ),
        ("remote-start", {"id_token": "A", "connector_id": 0}, "connector_id"),
        ("remote-start", {"id_token": "A", "connector_id": "1"}, "connector_id"),
        ("remote-start", {"id_token": "A", "connector_id": True}, "connector_id"),
        ("remote-start", {"id_token": "A", "connector_id": 1.0}, "connector_id"),
        ("remote-start", {"id_token": "A", "connector_id": 2**31}, "connector_id"),
        ("remote-start", {"id_token": "A", "idTag": "A"}, "idTag"),
        ("remote-start", {"id_token": "A", "reason": 5}, "reason"),
        ("remote-start", {"id_token": "A", "reason": "x" * 1001}, "reason"),
        ("remote-start", {"id_token": "A", "reason": "\x00"}, "reason"),
        ("remote-stop", {"transaction_id": "seven"}, "transaction_id"),
        ("remote-stop", {"transaction_id": 7}, "transaction_id"),
        ("reset", {"type": "soft"}, "type"),
        ("reset", [], "__all__"),
        ("reset", None, "__all__"),
        ("trigger-message", {"requested_message": "Everything"}, "requested_message"),
        ("trigger-message", {"requested_message": "BootNotification"}, "requested_message"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_queued(
    alice: APIClient, refusal: Any, slug: str, body: Any, field: str
) -> None:
    online(charge_point(booted_at=NOON))
    answer = alice.generic("POST", f"{CP16}{slug}/", "null", "application/json") if body is None else None
    refusal(answer or alice.post(f"{CP16}{slug}/", body), 422, "invalid", field)
    assert not Command.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("slug", list(BODIES))
def test_an_unknown_charge_point_is_404_and_an_offline_one_503(refusal: Any, slug: str) -> None:
    alice = client_of("alice", COMMANDS[slug].scope)
    refusal(alice.post(f"{CP16}{slug}/", BODIES[slug]), 404, "unknown_charge_point")
    charge_point()
    refusal(alice.post(f"{CP16}{slug}/", BODIES[slug]), 503, "offline")
    assert not Command.objects.exists()


def test_one_that_is_not_accepted_or_retired_is_409(alice: APIClient, refusal: Any) -> None:
    cp16 = online(charge_point(registration="pending"))
    refusal(alice.post(f"{CP16}remote-start/", BODIES["remote-start"]), 409, "not_accepted")
    assert alice.post(f"{CP16}reset/").status_code == 202  # T-082: allowed while pending
    cp16.registration = "rejected"
    cp16.save()
    refusal(alice.post(f"{CP16}reset/"), 409, "not_accepted")
    cp16.retired_at = NOON
    cp16.save()
    refusal(alice.post(f"{CP16}reset/"), 409, "retired")


def test_a_version_that_lacks_the_command_is_409(alice: APIClient, refusal: Any) -> None:
    cp16 = online(charge_point())
    cp16.protocol = "ocpp2.1"
    cp16.save()
    refusal(alice.post(f"{CP16}reset/"), 409, "not_supported")


def test_a_command_that_nobody_knows_is_404(alice: APIClient, refusal: Any) -> None:
    charge_point()
    said = refusal(alice.post(f"{CP16}self-destruct/", {}), 404, "unknown_command")
    assert "remote-start" in said["detail"]
    refusal(alice.get(f"{CP16}reset/"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=0", "wait=0"),
        ("respond-async, wait=0", "wait=0"),
        ('Wait="0"', "wait=0"),
        ("wait=soon", None),
        ("wait=-1", None),
        ("", None),
    ],
)
def test_a_preference_is_applied_as_far_as_it_can_be_read(
    alice: APIClient, prefer: str, applied: str | None
) -> None:
    online(charge_point())
    sent = alice.post(f"{CP16}reset/", HTTP_PREFER=prefer)
    assert (sent.status_code, sent.headers.get("Preference-Applied")) == (202, applied)


@pytest.mark.parametrize(
    ("values", "status", "code"),
    [
        ({"status": "queued"}, 202, ""),
        ({"status": "sent"}, 202, ""),
        ({"status": "accepted", "answered_at": NOON}, 200, ""),
        ({"status": "rejected", "answered_at": NOON}, 200, ""),
        ({"status": "timed_out"}, 504, "charge_point_timeout"),
        ({"status": "expired"}, 504, "expired"),
        ({"status": "cancelled"}, 409, "cancelled"),
        ({"status": "failed", "answered_at": NOON, "error_code": "GenericError"}, 502, "call_error"),
        ({"status": "failed", "answered_at": NOON, "error_code": "Offline"}, 502, "call_error"),
        ({"status": "failed", "error_code": "Offline"}, 503, "offline"),
        ({"status": "failed", "error_code": "ConnectionLost"}, 503, "offline"),
        ({"status": "failed", "answered_at": NOON}, 502, "unknown_answer"),
        ({"status": "failed", "answered_at": NOON, "error_code": NOT_READABLE}, 502, "unknown_answer"),
        ({"status": "failed", "answered_at": NOON, "error_code": NOT_HANDLED}, 502, "unknown_answer"),
        ({"status": "failed"}, 409, "not_supported"),
    ],
)
def test_every_end_of_a_command_has_its_status(values: dict[str, Any], status: int, code: str) -> None:
    assert outcome(Command(error_description="words", **values))[:2] == (status, code)


# --- the ledger -------------------------------------------------------------------------------------------------------


def test_what_became_of_a_command_is_shown(bob: APIClient) -> None:
    subject = str(uuid4())
    done = command(
        charge_point(),
        status="failed",
        sent_at=NOON,
        answered_at=NOON + timedelta(seconds=1),
        action="Reset",
        message_id="m1",
        payload={"type": "Soft"},
        error_code="InternalError",
        error_description="the contactor is stuck",
        error_details={"relay": 3},
        late_answer='[3,"m1",{}]',
        late_at=NOON,
        effect="It started.",
        effect_kind="transaction",
        effect_subject=subject,
        effect_at=NOON,
    )
    shown = bob.get(f"{API}/commands/{done.pk}/").json()
    assert shown["error"] == {
        "code": "InternalError",
        "description": "the contactor is stuck",
        "details": {"relay": 3},
    }
    assert shown["late_answer"] == {"text": '[3,"m1",{}]', "at": "2026-03-04T12:00:00.000Z"}
    assert shown["effect"] == {
        "text": "It started.",
        "kind": "transaction",
        "subject": subject,
        "url": f"{API}/transactions/{subject}/",
        "seen_at": "2026-03-04T12:00:00.000Z",
    }
    assert shown["payload"] == {"type": "Soft"}


def test_a_callerror_without_words_is_still_an_error(bob: APIClient) -> None:
    done = command(charge_point(), status="failed", error_code="GenericError")
    shown = bob.get(f"{API}/commands/{done.pk}/").json()
    assert shown["error"] == {"code": "GenericError", "description": "", "details": None}


def test_the_ledger_is_filtered(bob: APIClient, refusal: Any, django_assert_num_queries: Any) -> None:
    cp16, cs201 = charge_point("CP16"), charge_point("CS201")
    names = {
        str(command(cp16).pk): "reset",
        str(command(cp16, type="remote-start", status="accepted").pk): "start",
        str(command(cs201, status="failed").pk): "other",
    }
    cases = {
        "": ["other", "start", "reset"],
        "?cp_id=cp16": ["start", "reset"],
        "?type=reset": ["other", "reset"],
        "?status=accepted": ["start"],
    }
    found = {q: [names[row["id"]] for row in bob.get(LEDGER + q).json()["results"]] for q in cases}
    assert found == cases
    refusal(bob.get(f"{LEDGER}?cp_id=NOBODY"), 404, "unknown_charge_point")
    refusal(bob.get(f"{LEDGER}?type=dance"), 422, "invalid", "type")
    refusal(bob.get(f"{LEDGER}?status=done"), 422, "invalid", "status")
    with django_assert_num_queries(2):  # token, commands
        bob.get(LEDGER)
