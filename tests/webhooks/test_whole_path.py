"""A program asks for the connections and messages of one charge point, and gets them, whatever dies in between."""

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from csms.core.outbound.signing import read_secret, verify
from tests.support.charger import RawCharger
from tests.support.receiver import receiving, silent, status
from tests.support.server import Server, running_server

FAULT = {"connectorId": 1, "errorCode": "GroundFailure", "status": "Faulted"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[..., str]) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("webhooks")
    settings = {
        "CSMS_UNKNOWN_CHARGE_POINTS": "accept",
        "CSMS_OUTBOUND_ALLOW_HTTP": "true",
        "CSMS_OUTBOUND_NETWORKS": "127.0.0.0/8",
    }
    with running_server(folder, new_database(), **settings) as server:
        yield server


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.manage("create_api_token", "tools", "--scope", "read", "--scope", "admin").stdout.strip()


async def ask(server: Server, key: str, method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.base_url}/api/v1/{path}", data, method=method)
    request.add_header("Authorization", f"Bearer {key}")
    request.add_header("Content-Type", "application/json")

    def answered() -> Any:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    return await asyncio.to_thread(answered)


def told(receiver: Any) -> list[tuple[str, str]]:
    return [(message.json["type"], message.json["data"]["cp_id"]) for message in list(receiver.messages)]


async def comes(receiver: Any, type: str, *, meanwhile: Any = None) -> Any:
    """The first message of a type; until it comes something may be done over and over."""
    for _ in range(240):
        for message in list(receiver.messages):
            if message.json["type"] == type:
                return message
        if meanwhile is not None:
            await meanwhile()
        await asyncio.sleep(0.25)
    raise AssertionError(f"no {type} among {told(receiver)}")


async def test_who_subscribes_to_a_charge_point_is_told_of_connect_close_and_the_messages_of_the_filter(
    server: Server, key: str
) -> None:
    with receiving() as receiver:
        wish = {
            "name": "watch WH1",
            "url": f"{receiver.origin}/watch",
            "types": ["cp.connected", "cp.disconnected", "cp.ocpp_frames"],
            "charge_points": ["WH1"],
            "directions": ["in"],
            "contains": ["Faulted"],
        }
        made = await ask(server, key, "POST", "webhooks/", wish)
        async with RawCharger.connect(server.ocpp_url, "WH2") as other:
            await other.boot()
            async with RawCharger.connect(server.ocpp_url, "WH1") as charger:
                await charger.boot()

                async def fault() -> None:
                    # A server process knows within seconds that somebody asks for messages.
                    await other.result("StatusNotification", FAULT)
                    await charger.result("Heartbeat", {})
                    await charger.result("StatusNotification", FAULT)

                message = await comes(receiver, "cp.ocpp_frames", meanwhile=fault)
            await comes(receiver, "cp.disconnected")
    payload = message.json["data"]["payload"]
    assert (payload["direction"], payload["action"]) == ("in", "StatusNotification")
    assert json.loads(payload["message"])[3] == FAULT
    assert {cp_id for _, cp_id in told(receiver)} == {"WH1"}
    frames = [m for m in receiver.messages if m.json["type"] == "cp.ocpp_frames"]
    assert {m.json["data"]["payload"]["action"] for m in frames} == {"StatusNotification"}
    types = [type for type, _ in told(receiver)]
    assert (types[0], types[-1]) == ("cp.connected", "cp.disconnected")
    for one in receiver.messages:
        assert verify(one.headers, one.body, [read_secret(made["secret"])], now=datetime.now(UTC))
    shown = await ask(server, key, "GET", f"webhooks/deliveries/?webhook_id={made['id']}")
    assert {row["state"] for row in shown["results"]} == {"delivered"}
    await asyncio.to_thread(lambda: urllib.request.urlopen(delete(server, key, made["id"]), timeout=60))


def delete(server: Server, key: str, id: str) -> urllib.request.Request:
    request = urllib.request.Request(f"{server.base_url}/api/v1/webhooks/{id}/", method="DELETE")
    request.add_header("Authorization", f"Bearer {key}")
    return request


async def test_a_server_that_is_killed_while_it_posts_posts_again_under_the_same_id(
    server: Server, key: str
) -> None:
    with receiving(silent, status(200)) as receiver:
        wish = {"name": "boots", "url": receiver.origin, "types": ["cp.boot"], "charge_points": ["WH3"]}
        await ask(server, key, "POST", "webhooks/", wish)
        async with RawCharger.connect(server.ocpp_url, "WH3") as charger:
            await charger.boot()
            await asyncio.to_thread(receiver.wait_for, 1)
            server.kill()
        await asyncio.to_thread(server.start)
        first, second = (await asyncio.to_thread(receiver.wait_for, 2, 120))[:2]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
