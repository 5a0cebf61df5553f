"""What is asked, how often, and what is made of every way in which a backend can fail."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from csms.core.backend import client as module
from csms.core.backend.answers import Refused, RegistrationVerdict, TokenVerdict
from csms.core.backend.client import BackendAway, Client
from csms.core.backend.mock import MockBackend, Rules
from tests.backend.cast import by_path, client_of, refusal, said, token_is
from tests.support.receiver import Answer, dripping, endless, raw, reset, silent, status

QUESTION = {"id_tag": "04A1B2C3", "cp_id": "CP16"}


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF", (0.001,))


def asked(outcome: str, endpoint: str = "authorize") -> float:
    value: float = module.REQUESTS.labels(endpoint, outcome)._value.get()
    return value


async def ask(client: Client, endpoint: str = "authorize", **more: Any) -> Any:
    return await client.ask(endpoint, {**QUESTION, **more}, key="ocpp-auth-CP16-7")


async def test_a_question_is_asked_as_the_contract_has_it() -> None:
    with client_of(token_is("Accepted", parent_id_tag="FLEET")) as (client, receiver):
        answer = await client.ask("authorize", QUESTION, key="ocpp-auth-CP16-7", trace="ab" * 16)
        assert answer == TokenVerdict("Accepted", "FLEET")
    [message] = receiver.messages
    assert (message.method, message.path) == ("POST", "/api/ocpp/authorize")
    assert message.json == QUESTION
    headers = message.headers
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["idempotency-key"] == "ocpp-auth-CP16-7"
    assert headers["traceparent"].split("-")[:2] == ["00", "ab" * 16]
    assert len(headers["x-request-id"]) == 36
    assert headers["content-type"] == "application/json"


async def test_every_endpoint_has_its_path() -> None:
    answers = by_path(
        authorize=token_is("Invalid"),
        register=said({"registration_status": "Accepted", "heartbeat_interval_seconds": 60}),
        open=said({"transaction_id": "1"}),
        close=said({"transaction_id": "1"}),
    )
    with client_of(answers) as (client, receiver):
        assert await ask(client, "register") == RegistrationVerdict("Accepted", 60)
        assert (await ask(client, "open")).token is None
        assert (await ask(client, "close")).token is None
    paths = [message.path.removeprefix("/api/ocpp") for message in receiver.messages]
    assert paths == ["/charge-points/register", "/sessions/open", "/sessions/close"]


CONSENT = b'{"success": true, "data": {"id_tag_info": {"status": "Accepted"}}, "message": "ok"}'

FAILURES: dict[str, Answer] = {
    "500": status(500),
    "503 of the contract": refusal(503, "DB_UNAVAILABLE"),
    "200 that is an internal error": refusal(200, "INTERNAL_ERROR"),
    "404 of a proxy": status(404, b"<html>no such page"),
    "redirect": status(302, Location="http://127.0.0.1:1/elsewhere"),
    "redirect with an envelope": said({"id_tag_info": {"status": "Accepted"}}, code=307),
    "garbage": status(200, b"welcome"),
    "unknown status": token_is("Sure"),
    "about another token": said({"id_tag": "OTHER", "id_tag_info": {"status": "Accepted"}}),
    "about a token that differs by a dash": said({"id_tag": "A-LICE", "id_tag_info": {"status": "Accepted"}}),
    "about no token": said({"id_tag": 7, "id_tag_info": {"status": "Accepted"}}),
    "no type": status(200, CONSENT),
    "a page": status(200, CONSENT, Content_Type="text/html; charset=utf-8"),
    "a code that is not of the contract": refusal(404, "NO_SUCH_ROUTE"),
    "such a code in a 200": refusal(200, "not_found"),
    "success in a 4xx": said({"id_tag_info": {"status": "Accepted"}}, code=400),
    "no http": raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "reset": reset,
    "nothing": raw(b""),
    "cut off": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    "huge": endless,
    "huge head": raw(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 10_000),
}


@pytest.mark.parametrize("way", FAILURES)
async def test_what_is_no_answer_is_asked_again_and_then_is_a_failure(way: str) -> None:
    before = asked("failed")
    with client_of(FAILURES[way]) as (client, receiver):
        with pytest.raises(BackendAway) as away:
            await ask(client)
        assert away.value.outcome == "failed"
        assert len(receiver.messages) == 2
        assert len({message.headers["idempotency-key"] for message in receiver.messages}) == 1
    assert asked("failed") == before + 2


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"]
)
async def test_json_by_each_of_its_names_is_read(kind: str) -> None:
    with client_of(status(200, CONSENT, Content_Type=kind)) as (client, _):
        assert (await ask(client)).accepted


@pytest.mark.parametrize(
    ("tag", "about"), [("04A1B2C3", "04:a1:b2:c3"), ("Fleet-7", "FLEET-7"), ("04A1B2C3", None)]
)
async def test_an_answer_names_the_token_in_whatever_form(tag: str, about: str | None) -> None:
    with client_of(said({"id_tag": about, "id_tag_info": {"status": "Accepted"}})) as (client, _):
        assert (await ask(client, id_tag=tag)).accepted


async def test_a_second_attempt_may_succeed() -> None:
    with client_of(reset, token_is("Accepted")) as (client, _):
        assert (await ask(client)).accepted


@pytest.mark.parametrize(
    "answer",
    [silent, dripping(), dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")],
    ids=["silent", "dripping", "dripping body"],
)
async def test_silence_ends_with_the_time_that_a_question_has(answer: Answer) -> None:
    with client_of(answer, BACKEND_AUTHORIZE_MS="150") as (client, receiver):
        with pytest.raises(BackendAway) as away:
            await ask(client)
        assert away.value.outcome == "timeout"
        assert "0.15 s" in str(away.value)
        assert len(receiver.messages) == 1  # all attempts share the time
        receiver.let_go.set()


async def test_silence_is_held_against_an_endpoint_only_if_it_had_time_to_speak() -> None:
    """What waited for a place, or comes after a slow failure, has but the rest of a question's time."""
    with client_of(silent, BACKEND_AUTHORIZE_MS="1000", BACKEND_BREAKER_FAILURES="1") as (client, receiver):
        before = asked("timeout")
        with pytest.raises(BackendAway) as away:
            await client._attempt("authorize", {}, b"{}", {}, asyncio.get_running_loop().time() + 0.02)
        assert away.value.outcome == "timeout"
        assert client.breakers["authorize"].state == "closed"
        with pytest.raises(BackendAway):
            await ask(client)
        assert client.breakers["authorize"].state == "open"
        assert asked("timeout") == before + 2
        receiver.let_go.set()


async def test_nobody_listens() -> None:
    with client_of(status(200)) as (client, receiver):
        receiver.stop()
        with pytest.raises(BackendAway) as away:
            await ask(client)
        assert away.value.outcome == "failed"


@pytest.mark.parametrize("code", ["UNKNOWN_ID_TAG", "UNKNOWN_CP_ID", "BAD_REQUEST", "IDEMPOTENCY_CONFLICT"])
async def test_a_refusal_of_the_contract_is_an_answer_and_no_failure(code: str) -> None:
    with client_of(refusal(404, code), BACKEND_BREAKER_FAILURES="1") as (client, receiver):
        for _ in range(3):
            with pytest.raises(Refused) as refused:
                await ask(client)
            assert refused.value.code == code
        assert len(receiver.messages) == 3
        assert client.breakers["authorize"].state == "closed"


@pytest.mark.parametrize(
    "answer", [status(401), status(403, b"no"), refusal(401, "UNAUTHORIZED")], ids=["401", "403", "code"]
)
async def test_a_token_that_is_not_taken_is_said_loudly_and_not_tried_again(
    answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    before = asked("unauthorized")
    with client_of(answer) as (client, receiver):
        with pytest.raises(BackendAway) as away:
            await ask(client)
        assert len(receiver.messages) == 1
    assert away.value.outcome == "unauthorized"
    assert "BACKEND_TOKEN" in str(away.value)
    assert asked("unauthorized") == before + 1
    assert [record.levelname for record in caplog.records if record.msg == "backend.unauthorized"] == [
        "ERROR"
    ]


@pytest.mark.parametrize(
    "answer",
    [status(429, Retry_After="600"), refusal(429, "RATE_LIMITED", Retry_After="600")],
    ids=["status", "code"],
)
async def test_a_rate_limit_is_respected_by_all_who_ask(answer: Answer) -> None:
    with client_of(answer) as (client, receiver):
        with pytest.raises(BackendAway) as away:
            await ask(client)
        assert away.value.outcome == "rate_limited"
        for _ in range(3):
            with pytest.raises(BackendAway) as away:
                await ask(client)
            assert away.value.outcome == "not_asked"
        assert len(receiver.messages) == 1
        assert client.breakers["authorize"].state == "closed"


async def test_a_rate_limit_that_ends_in_time_is_waited_out() -> None:
    with client_of(status(429, Retry_After="0"), token_is("Blocked")) as (client, receiver):
        assert (await ask(client)).status == "Blocked"
        assert len(receiver.messages) == 2


async def test_the_breaker_of_one_endpoint_opens_and_no_other() -> None:
    answers = by_path(authorize=status(500), register=said({"registration_status": "Accepted"}))
    with client_of(answers, BACKEND_BREAKER_FAILURES="4") as (client, receiver):
        for _ in range(2):
            with pytest.raises(BackendAway):
                await ask(client)
        assert client.breakers["authorize"].state == "open"
        with pytest.raises(BackendAway) as away:
            await ask(client)
        assert away.value.outcome == "not_asked"
        assert len(receiver.messages) == 4
        assert (await ask(client, "register")).status == "Accepted"


async def test_one_question_tries_an_endpoint_that_was_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with client_of(status(500), status(500), silent) as (client, receiver):
        breaker = client.breakers["authorize"]
        breaker._most, breaker._seconds = 2, 0
        with pytest.raises(BackendAway):
            await ask(client)
        assert breaker.state == "open"
        probe = asyncio.create_task(ask(client))
        await asyncio.to_thread(receiver.wait_for, 3)
        assert breaker.state == "half_open"
        others = await asyncio.gather(*(ask(client) for _ in range(5)), return_exceptions=True)
        assert {error.outcome for error in others if isinstance(error, BackendAway)} == {"not_asked"}
        assert len(receiver.messages) == 3
        probe.cancel()  # its charge point has gone: another may try
        await asyncio.gather(probe, return_exceptions=True)
        receiver.answers[:] = [token_is("Accepted")]
        assert (await ask(client)).accepted
        assert breaker.state == "closed"


async def test_no_more_than_so_many_questions_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    with client_of(silent, BACKEND_AUTHORIZE_MS="25000") as (client, receiver):
        tasks = [asyncio.create_task(ask(client)) for _ in range(10)]
        await asyncio.to_thread(receiver.wait_for, 3)
        for _ in range(50):
            await asyncio.sleep(0)
        assert receiver.connections == 3
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def mock() -> Iterator[MockBackend]:
    import threading

    backend = MockBackend(Rules(), tell=lambda line: None)
    thread = threading.Thread(target=backend.run, daemon=True)
    thread.start()
    yield backend
    backend.stop()
    thread.join(10)


async def test_connections_are_kept_and_one_that_broke_meanwhile_costs_nothing(mock: MockBackend) -> None:
    from csms.core.config import get_config
    from tests.backend.cast import backend_at

    with backend_at(mock.url):
        client = Client(get_config(), ("authorize",))
        for number in range(3):
            await client.ask("authorize", QUESTION, key=f"k{number}")
        assert len(client._wire._idle) == 1
        client._wire._idle[0].writer.transport.abort()
        before = asked("failed")
        assert (await client.ask("authorize", QUESTION, key="k4")).accepted
        assert asked("failed") == before
        client.close()


def test_a_key_is_fit_for_a_header_whatever_it_is_made_of() -> None:
    key = module.idempotency_key("ocpp-auth", "CP\r\nX: 1", "ü 7")
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    assert json.dumps(key)
