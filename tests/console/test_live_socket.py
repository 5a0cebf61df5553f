"""The socket of a page: whom it lets in, what it tells, when it ends."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth import SESSION_KEY
from django.db import connections
from django.test import Client
from uvicorn.protocols.utils import ClientDisconnected

from console import live as socket
from csms.core import live, reach

PATIENCE = 60  # seconds; a busy machine is no failure

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def _leave_no_connection() -> AsyncIterator[None]:
    """The thread in which the socket asks the database has a connection of its own."""
    yield
    await sync_to_async(connections.close_all)()


def talker(client: Client | None = None, origin: str = "http://testserver") -> WebsocketCommunicator:
    from csms.asgi import pages

    headers = [(b"host", b"testserver"), (b"origin", origin.encode())]
    if client is not None:
        headers.append((b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode()))
    return WebsocketCommunicator(pages, "/live", headers=headers)


async def closed_with(communicator: WebsocketCommunicator) -> Any:
    await communicator.connect(PATIENCE)
    return (await communicator.receive_output(PATIENCE))["code"]


async def subscribed(client: Client, *topics: str) -> WebsocketCommunicator:
    communicator = talker(client)
    assert (await communicator.connect(PATIENCE))[0]
    await communicator.send_json_to({"subscribe": list(topics)})
    assert await communicator.receive_json_from(PATIENCE) == {"seq": 0, "changed": [], "subscribed": True}
    return communicator


async def test_a_stranger_is_told_to_sign_in() -> None:
    assert await closed_with(talker()) == socket.CLOSE_SIGNED_OUT


async def test_another_site_is_turned_away(alice: Client) -> None:
    assert await closed_with(talker(alice, origin="https://elsewhere.example")) == socket.CLOSE_BAD_ORIGIN
    assert await closed_with(talker(alice, origin="")) == socket.CLOSE_BAD_ORIGIN


async def test_a_page_hears_its_topics_and_no_others(alice: Client) -> None:
    page = await subscribed(alice, "fleet", "charge-point:1")
    live.publish(["transactions"])
    live.publish(["fleet", "charge-point:2"])
    assert await page.receive_json_from(PATIENCE) == {"seq": 1, "changed": ["fleet"]}
    live.publish(["charge-point:1"])
    assert await page.receive_json_from(PATIENCE) == {"seq": 2, "changed": ["charge-point:1"]}
    await page.disconnect()


@pytest.mark.parametrize(
    "said", [{}, [], {"subscribe": "fleet"}, {"subscribe": [1]}, {"subscribe": ["x"] * 101}]
)
async def test_nonsense_ends_the_socket(alice: Client, said: Any) -> None:
    page = await subscribed(alice, "fleet")
    await page.send_json_to(said)
    assert (await page.receive_output(PATIENCE))["code"] == 1008


async def test_a_quiet_socket_says_that_it_lives(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "PULSE_SECONDS", 0.05)
    page = await subscribed(alice, "fleet")
    assert await page.receive_json_from(PATIENCE) == {"seq": 0, "changed": []}
    await page.disconnect()


async def test_who_signs_out_in_another_tab_is_told(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "PULSE_SECONDS", 0.05)
    page = await subscribed(alice, "fleet")
    assert SESSION_KEY in await sync_to_async(lambda: dict(alice.session))()
    await sync_to_async(alice.post)("/sign-out")
    async with asyncio.timeout(PATIENCE):
        while (said := await page.receive_output(PATIENCE))["type"] != "websocket.close":
            pass
    assert said["code"] == socket.CLOSE_SIGNED_OUT


@pytest.mark.parametrize(("error", "lost"), [(ClientDisconnected(), False), (OSError("no route"), True)])
async def test_a_tab_that_closes_while_it_connects_turns_no_other_away(
    monkeypatch: pytest.MonkeyPatch, error: OSError, lost: bool
) -> None:
    async def closing(*_: object) -> None:
        raise error

    async def send(message: dict[str, object]) -> None:
        sent.append(message["type"])

    sent: list[object] = []
    monkeypatch.setattr("csms.asgi.pages", closing)
    monkeypatch.setattr(reach.BELL, "_lost_at", None)
    from csms import asgi

    await asgi.page({"type": "websocket", "path": "/live"}, None, send)  # type: ignore[arg-type]
    assert reach.is_lost() is lost
    assert sent == (["websocket.close"] if lost else [])
    reach.found()


async def test_what_is_said_to_a_page_that_is_gone_ends_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def send(content: Any) -> None:
        raise ClientDisconnected

    consumer = socket.LiveConsumer()
    monkeypatch.setattr(consumer, "send", send)
    consumer._subscribe(["fleet"])
    assert await consumer._speak() is None  # a task that ends in an exception is an error in the log
