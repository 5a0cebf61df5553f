"""A backend orders over REST, a charge point answers on its socket, and the outcome comes to the backend's receiver."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from csms.core.outbound.signing import read_secret, verify
from tests.support.charger import RawCharger, eventually
from tests.support.receiver import receiving, silent, status
from tests.support.server import Server, running_server

MAKE_TOKEN = """
from django.utils import timezone
from csms.core.access import services
token, key = services.create_api_token("backend", scopes=["read", "command"], now=timezone.now())
print("made", key, services.signing_secret_text(token))
"""
LEASES_RUN_OUT = """
from django.utils import timezone
from chargers.callbacks.models import Callback
print("leases", Callback.objects.exclude(leased_until=None).update(leased_until=timezone.now()))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[..., str]) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("callbacks")
    settings = {
        "CSMS_UNKNOWN_CHARGE_POINTS": "accept",
        "CSMS_OUTBOUND_ALLOW_HTTP": "true",
        "CSMS_OUTBOUND_NETWORKS": "127.0.0.0/8",
    }
    with running_server(folder, new_database(), **settings) as server:
        yield server


@pytest.fixture(scope="module")
def credentials(server: Server) -> tuple[str, bytes]:
    """The key of the backend's token, and the secret that signs what it gets."""
    said = server.manage("shell", "-c", MAKE_TOKEN).stdout
    [line] = [line for line in said.splitlines() if line.startswith("made ")]
    _, key, secret = line.split()
    return key, read_secret(secret)


async def ask(
    server: Server, key: str, method: str, path: str, body: dict[str, Any] | None = None
) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.base_url}/api/v1/{path}", data, method=method)
    request.add_header("Authorization", f"Bearer {key}")
    request.add_header("Content-Type", "application/json")

    def answered() -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return await asyncio.to_thread(answered)


async def test_the_outcome_is_posted_again_until_it_is_taken(
    server: Server, credentials: tuple[str, bytes]
) -> None:
    key, secret = credentials
    with receiving(status(500, b"not yet"), status(200)) as receiver:
        async with RawCharger.connect(server.ocpp_url, "CB1") as charger:
            await charger.boot()
            wish = {"type": "Soft", "callback_url": f"{receiver.origin}/csms?key=s3cret"}
            code, command = await ask(server, key, "POST", "charge-points/CB1/commands/reset/", wish)
            assert code == 202, command
            assert command["callback"]["state"] == "waiting"
            frame = await charger.receive()
            assert receiver.messages == []  # there is no outcome yet
            await charger.send([3, frame[1], {"status": "Accepted"}])
            await asyncio.to_thread(receiver.wait_for, 2)

        first, second = receiver.messages
        for message in (first, second):
            assert (message.method, message.path) == ("POST", "/csms?key=s3cret")
            assert verify(message.headers, message.body, [secret], now=datetime.now(UTC))
            body = message.json
            assert body["type"] == "command.finished"
            assert (body["data"]["id"], body["data"]["cp_id"]) == (command["id"], "CB1")
            assert (body["data"]["status"], body["data"]["answer"]) == ("accepted", {"status": "Accepted"})
        assert first.headers["webhook-id"] == second.headers["webhook-id"]

    async def delivered() -> Any:
        shown = (await ask(server, key, "GET", f"commands/{command['id']}/"))[1]["callback"]
        return shown if shown["state"] == "delivered" else None

    shown = await eventually(delivered)
    assert shown["url"] == f"{receiver.origin}/csms?key=***"
    assert (shown["attempts"], shown["last_status"], shown["next_attempt_at"]) == (2, 200, None)
    assert "s3cret" not in server.log()


async def test_an_exact_payload_has_its_callback_in_the_query(
    server: Server, credentials: tuple[str, bytes]
) -> None:
    key, secret = credentials
    with receiving() as receiver:
        async with RawCharger.connect(server.ocpp_url, "CB2") as charger:
            await charger.boot()
            path = f"charge-points/CB2/ocpp/Reset/?callback_url={receiver.origin}/exact"
            code, command = await ask(server, key, "POST", path, {"type": "Hard"})
            assert code == 202, command
            frame = await charger.receive()
            await charger.send([4, frame[1], "InternalError", "stuck", {}])
            [message] = await asyncio.to_thread(receiver.wait_for, 1)
    verify(message.headers, message.body, [secret], now=datetime.now(UTC))
    data = message.json["data"]
    assert (data["id"], data["status"], data["error"]["description"]) == (command["id"], "failed", "stuck")


async def test_a_url_that_may_not_be_posted_to_is_refused_and_nothing_is_sent(
    server: Server, credentials: tuple[str, bytes]
) -> None:
    key, _ = credentials
    async with RawCharger.connect(server.ocpp_url, "CB3") as charger:
        await charger.boot()
        for url in ("nonsense", "http://10.0.0.1/", "https://[::ffff:169.254.169.254]/", "ftp://127.0.0.1/"):
            wish = {"type": "Soft", "callback_url": url}
            code, body = await ask(server, key, "POST", "charge-points/CB3/commands/reset/", wish)
            assert (code, body["error"]["code"], list(body["error"]["errors"])) == (
                422,
                "invalid",
                ["callback_url"],
            )
        code, ledger = await ask(server, key, "GET", "commands/ledger/?cp_id=CB3")
        assert ledger["results"] == []


async def test_a_process_that_is_killed_in_an_attempt_leaves_it_to_the_next(
    server: Server, credentials: tuple[str, bytes]
) -> None:
    key, _ = credentials
    with receiving(silent, status(200)) as receiver:
        async with RawCharger.connect(server.ocpp_url, "CB4") as charger:
            await charger.boot()
            wish = {"type": "Soft", "callback_url": receiver.origin}
            _, command = await ask(server, key, "POST", "charge-points/CB4/commands/reset/", wish)
            frame = await charger.receive()
            await charger.send([3, frame[1], {"status": "Accepted"}])
            await asyncio.to_thread(receiver.wait_for, 1)
            server.kill()
        await asyncio.to_thread(server.start)
        # Instead of waiting for half a minute.
        assert "leases 1" in (await asyncio.to_thread(server.manage, "shell", "-c", LEASES_RUN_OUT)).stdout
        first, second = (await asyncio.to_thread(receiver.wait_for, 2))[:2]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert second.json["data"]["id"] == command["id"]
