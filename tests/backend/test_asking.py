"""Who decides about a token or a charge point: the backend, its last word, or the fallback."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.core.backend import asking as module
from csms.core.backend import client as clients
from csms.core.backend.answers import RegistrationVerdict, TokenVerdict
from csms.core.backend.asking import ACCEPTED_FOR, Backend, get_backend
from tests.backend.cast import asking_of, refusal, said, token_is
from tests.support.receiver import Answer, reset, silent, status


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "BACKOFF", (0.001,))


async def decide(backend: Backend, token: str = "04A1", cp_id: str = "CP16", message: str = "c/1") -> Any:
    return backend.remembered(token) or await backend.authorize(
        token=token, cp_id=cp_id, message=message, known_as=token, trace=""
    )


async def register(backend: Backend) -> RegistrationVerdict | None:
    facts = {"vendor": "Acme", "model": "One", "firmware_version": "1", "serial_number": ""}
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return await backend.register(cp_id="CP16", facts=facts, at=at, message="c/1", trace="")


def test_without_a_backend_nobody_is_asked() -> None:
    assert get_backend() is None


AWAY: dict[str, Answer] = {
    "silent": silent,
    "500": status(500),
    "429": status(429, Retry_After="60"),
    "401": status(401),
    "reset": reset,
    "garbage": status(200, b"yes"),
    "unknown status": token_is("Sure"),
    "redirect": status(301, Location="https://example.org/"),
}


@pytest.mark.parametrize("way", AWAY)
async def test_each_fallback_holds_for_each_way_of_not_answering(way: str) -> None:
    for fallback in ("own", "reject", "accept"):
        settings = {"BACKEND_AUTHORIZE_FALLBACK": fallback, "BACKEND_AUTHORIZE_MS": "300"}
        counted = module.FALLBACKS.labels("authorize", fallback)._value
        before = counted.get()
        with asking_of(AWAY[way], **settings) as (backend, receiver):
            verdict = await decide(backend)
            receiver.let_go.set()
            assert counted.get() == before + 1
            assert backend.remembered("04A1") is None  # what a fallback says is nobody's word
        match fallback:
            case "own":
                assert verdict is None
            case "reject":
                assert verdict == TokenVerdict("Invalid", source="reject")
            case "accept":
                assert (verdict.status, verdict.source) == ("Accepted", "accept")
                left = verdict.expires_at - datetime.now(UTC)
                assert timedelta(0) < left <= ACCEPTED_FOR


async def test_the_fallback_is_our_own_tokens_unless_somebody_says_otherwise() -> None:
    with asking_of(status(500)) as (backend, _):
        assert await decide(backend) is None
        assert await register(backend) is None


async def test_an_answer_is_remembered_for_all_charge_points() -> None:
    for word in ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"):
        with asking_of(token_is(word, parent_id_tag="FLEET")) as (backend, receiver):
            assert (await decide(backend, cp_id="CP16")).source == "backend"
            again = await decide(backend, cp_id="CS201")
            assert again == TokenVerdict(word, "FLEET", source="cache")  # type: ignore[arg-type]
            await decide(backend, token="OTHER")
            assert len(receiver.messages) == 2


async def test_an_unknown_token_is_remembered_and_a_refusal_that_is_about_more_is_not() -> None:
    with asking_of(refusal(404, "UNKNOWN_ID_TAG")) as (backend, receiver):
        for _ in range(2):
            assert (await decide(backend)).status == "Invalid"
        assert len(receiver.messages) == 1
    for code in ("UNKNOWN_CP_ID", "BAD_REQUEST"):
        with asking_of(refusal(404, code)) as (backend, receiver):
            for _ in range(2):
                assert (await decide(backend)).status == "Invalid"
            assert len(receiver.messages) == 2


async def test_memory_ends_with_its_time_or_with_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    soon = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    with asking_of(token_is("Accepted", expiry_date=soon)) as (backend, receiver):
        await decide(backend)
        await decide(backend)
        assert len(receiver.messages) == 2
    with asking_of(token_is("Accepted"), BACKEND_CACHE_SECONDS="60") as (backend, receiver):
        clock = [1000.0]
        monkeypatch.setattr(module, "monotonic", lambda: clock[0])
        await decide(backend)
        clock[0] += 59.9
        await decide(backend)
        assert len(receiver.messages) == 1
        clock[0] += 0.1
        await decide(backend)
        assert len(receiver.messages) == 2


async def test_nothing_is_remembered_where_the_settings_say_so_and_never_more_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with asking_of(token_is("Accepted"), BACKEND_CACHE_SECONDS="0") as (backend, receiver):
        await decide(backend)
        await decide(backend)
        assert len(receiver.messages) == 2
    monkeypatch.setattr(module, "REMEMBERED_MAX", 3)
    with asking_of(token_is("Accepted")) as (backend, _):
        for number in range(5):
            await decide(backend, token=f"T{number}")
        assert [backend.remembered(f"T{number}") is not None for number in range(5)] == [False] * 2 + [
            True
        ] * 3


async def test_one_question_has_one_key_without_the_token_in_it() -> None:
    settings = {"BACKEND_CACHE_SECONDS": "0", "BACKEND_BREAKER_FAILURES": "100"}
    with asking_of(status(500), **settings) as (backend, receiver):
        await decide(backend, message="connection/1")
        await decide(backend, message="connection/1")
        await decide(backend, message="another/1")
        await decide(backend, token="05B2", message="another/1")
        keys = [message.headers["idempotency-key"] for message in receiver.messages[::2]]
        again = [message.headers["idempotency-key"] for message in receiver.messages[1::2]]
    assert keys == again  # of both attempts
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert all(key.startswith("ocpp-auth-CP16-") and "04A1" not in key for key in keys)


async def test_a_charge_point_is_registered_as_the_contract_has_it() -> None:
    answer = said({"registration_status": "Pending", "heartbeat_interval_seconds": 33})
    with asking_of(answer) as (backend, receiver):
        assert await register(backend) == RegistrationVerdict("Pending", 33)
    [message] = receiver.messages
    assert message.path == "/api/ocpp/charge-points/register"
    assert message.json == {
        "cp_id": "CP16",
        "vendor": "Acme",
        "model": "One",
        "firmware_version": "1",
        "serial_number": "",
        "boot_at": "2026-01-02T03:04:05Z",
    }
    assert message.headers["idempotency-key"].startswith("ocpp-boot-CP16-")


async def test_a_charge_point_that_the_backend_does_not_know_is_rejected() -> None:
    with asking_of(refusal(404, "UNKNOWN_CP_ID")) as (backend, _):
        assert await register(backend) == RegistrationVerdict("Rejected")


@pytest.mark.parametrize(
    "answer",
    [status(500), refusal(400, "BAD_REQUEST"), said({"registration_status": "?"})],
    ids=["500", "refused", "garbage"],
)
async def test_each_fallback_of_the_register_holds(answer: Answer) -> None:
    for fallback, verdict in (
        ("own", None),
        ("reject", RegistrationVerdict("Rejected", source="reject")),
        ("accept", RegistrationVerdict("Accepted", source="accept")),
    ):
        with asking_of(answer, BACKEND_REGISTER_FALLBACK=fallback) as (backend, _):
            assert await register(backend) == verdict
