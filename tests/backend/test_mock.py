"""The mock backend holds whoever asks it to the contract."""

import json
from email.message import Message
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from csms.core.backend.mock import MockBackend, Rules

HEADERS = {
    "Idempotency-Key": "k1",
    "X-Request-ID": "r1",
    "traceparent": "00-ab-cd-01",
    "Authorization": "Bearer s3",
}
QUESTION = {"id_tag": "04A1", "cp_id": "CP16"}


def ask(
    mock: MockBackend, body: Any = QUESTION, path: str = "/authorize", **headers: str
) -> tuple[int, dict[str, Any]]:
    message = Message()
    for name, value in (HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}).items():
        if value:
            message[name] = value
    return mock.answer(path, message, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.fixture
def mock() -> MockBackend:
    rules = Rules(accepted=frozenset({"04A1"}), statuses={"04BAD": "Blocked"}, token="s3")
    mock = MockBackend(rules, tell=lambda line: None)
    mock.server.server_close()  # nobody connects here
    return mock


def test_it_says_of_tokens_what_it_was_told(mock: MockBackend) -> None:
    for number, (tag, word) in enumerate({"04a1": "Accepted", "04bad": "Blocked", "04C3": "Invalid"}.items()):
        status, said = ask(mock, {"id_tag": tag, "cp_id": "CP16"}, Idempotency_Key=f"key {number}")
        assert (status, said["data"]["id_tag_info"]["status"]) == (200, word)


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"path": "/nowhere"}, 404, "BAD_REQUEST"),
        ({"Authorization": "Bearer other"}, 401, "UNAUTHORIZED"),
        ({"Idempotency_Key": ""}, 400, "BAD_REQUEST"),
        ({"traceparent": ""}, 400, "BAD_REQUEST"),
        ({"body": b"{"}, 400, "BAD_REQUEST"),
        ({"body": []}, 400, "BAD_REQUEST"),
        ({"body": {"cp_id": "CP16"}}, 400, "BAD_REQUEST"),
        ({"body": QUESTION | {"id_tag": 7}}, 400, "BAD_REQUEST"),
        ({"body": QUESTION | {"more": 7}}, 400, "BAD_REQUEST"),
    ],
    ids=["path", "token", "key", "trace", "json", "list", "missing", "type", "unknown"],
)
def test_it_refuses_what_is_not_of_the_contract(
    mock: MockBackend, wrong: dict[str, Any], status: int, code: str
) -> None:
    got, said = ask(mock, **wrong)
    assert (got, said["success"], said["error_code"]) == (status, False, code)
    assert said["message"]


def test_a_key_that_comes_again_gets_the_same_and_another_question_with_it_a_conflict(
    mock: MockBackend,
) -> None:
    assert ask(mock) == ask(mock)
    status, said = ask(mock, QUESTION | {"id_tag": "05B2"})
    assert (status, said["error_code"]) == (409, "IDEMPOTENCY_CONFLICT")


def test_the_command_refuses_what_it_cannot_say() -> None:
    for wrong in (["--say", "04A1"], ["--say", "04A1=Fine"], ["--fail-rate", "2"]):
        with pytest.raises(CommandError):
            call_command("mock_backend", *wrong, stdout=StringIO())
