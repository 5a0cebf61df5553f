"""What is not understood of an answer is a failure, never a consent."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from csms.core.backend.answers import (
    Garbage,
    Refused,
    RegistrationVerdict,
    SessionTold,
    TokenVerdict,
    read_envelope,
    read_registration,
    read_token,
    read_told,
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"success": "true", "data": {}}',
        b'{"success": 1, "data": {}}',
        b'{"success": true}',
        b'{"success": true, "data": []}',
        b'{"success": false}',
        b'{"success": false, "error_code": ""}',
        b'{"success": false, "error_code": 7}',
    ],
)
def test_what_is_no_envelope_is_garbage(body: bytes) -> None:
    with pytest.raises(Garbage):
        read_envelope(body)


def test_a_refusal_has_its_code_and_words_and_no_more_of_them_than_a_log_can_take() -> None:
    body = {"success": False, "error_code": "UNKNOWN_ID_TAG", "message": "m" * 5000}
    with pytest.raises(Refused) as refused:
        read_envelope(json.dumps(body).encode())
    assert refused.value.code == "UNKNOWN_ID_TAG"
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("status", ["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"])
def test_each_status_of_the_contract_is_read(status: str) -> None:
    verdict = read_token({"id_tag_info": {"status": status}})
    assert verdict.status == status
    assert verdict.accepted == (status == "Accepted")


def test_a_verdict_brings_group_and_expiry_in_utc() -> None:
    info = {"status": "Accepted", "parent_id_tag": "FLEET", "expiry_date": "2030-01-01T02:00:00+02:00"}
    at = datetime(2030, 1, 1, tzinfo=UTC)
    assert read_token({"id_tag_info": info}) == TokenVerdict("Accepted", "FLEET", at)


@pytest.mark.parametrize(
    "info",
    [
        None,
        {},
        {"status": "accepted"},
        {"status": "Welcome"},
        {"status": None},
        {"status": 1},
        {"status": "Accepted", "parent_id_tag": 5},
        {"status": "Accepted", "parent_id_tag": "x" * 256},
        {"status": "Accepted", "parent_id_tag": "a\x00b"},
        {"status": "Accepted", "expiry_date": "tomorrow"},
        {"status": "Accepted", "expiry_date": "2030-01-01T00:00:00"},
        {"status": "Accepted", "expiry_date": 1893456000},
        {"status": "Accepted", "expiry_date": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_what_is_no_verdict_on_a_token_is_garbage(info: Any) -> None:
    with pytest.raises(Garbage):
        read_token({"id_tag_info": info})


def test_a_status_that_cannot_be_compared_is_garbage_too() -> None:
    with pytest.raises(Garbage):
        read_token({"id_tag_info": {"status": ["Accepted"]}})
    with pytest.raises(Garbage):
        read_registration({"registration_status": {"is": "Accepted"}})


def test_a_registration_is_read_with_its_interval() -> None:
    data = {"registration_status": "Pending", "heartbeat_interval_seconds": 45}
    assert read_registration(data) == RegistrationVerdict("Pending", 45)
    assert read_registration({"registration_status": "Accepted"}) == RegistrationVerdict("Accepted")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"registration_status": "Fine"},
        *(
            {"registration_status": "Accepted", "heartbeat_interval_seconds": interval}
            for interval in (0, -1, "60", 1.5, True, 10**9)
        ),
    ],
)
def test_what_is_no_registration_is_garbage(data: dict[str, Any]) -> None:
    with pytest.raises(Garbage):
        read_registration(data)


def test_who_is_told_of_a_session_may_say_nothing_of_the_token_but_nothing_wrong() -> None:
    assert read_told({}) == SessionTold()
    assert read_told({"id_tag_info": {"status": "Blocked"}}) == SessionTold(TokenVerdict("Blocked"))
    with pytest.raises(Garbage):
        read_told({"id_tag_info": {"status": "?"}})
