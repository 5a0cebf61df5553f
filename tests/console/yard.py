"""What the browser tests stand on: a real server, chargers beside it, and an administrator who is signed in.

A module of tests takes the fixtures it wants by importing them and naming them in its `__all__`.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.charger import RawCharger, stamp
from tests.support.server import ADMIN_PASSWORD, Server, running_server

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data: Path = tmp_path_factory.mktemp("console")
    settings = {"CSMS_UNKNOWN_CHARGE_POINTS": "accept", "CSMS_UNKNOWN_ID_TAGS": "accept"}
    with running_server(data, **settings) as server:
        yield server


class Yard:
    """Chargers that live in a loop of their own, beside the browser's."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.loop = asyncio.new_event_loop()
        self.open: list[Any] = []
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def do(self, work: Coroutine[Any, Any, Any], patience: float = 60) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(patience)

    def charger(self, cp_id: str, **facts: str) -> RawCharger:
        connecting = RawCharger.connect(self.server.ocpp_url, cp_id)
        charger: RawCharger = self.do(connecting.__aenter__())
        self.open.append(connecting)
        boot = {"chargePointVendor": "Acme", "chargePointModel": "One"} | facts
        assert self.do(charger.result("BootNotification", boot))["status"] == "Accepted"
        return charger

    def status(
        self, charger: RawCharger, connector: int, status: str, error: str = "NoError", **more: str
    ) -> None:
        report = {"connectorId": connector, "status": status, "errorCode": error, "timestamp": stamp()} | more
        self.do(charger.result("StatusNotification", report))

    def close(self) -> None:
        for connecting in self.open:
            self.do(connecting.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture
def yard(server: Server) -> Iterator[Yard]:
    yard = Yard(server)
    yield yard
    yard.close()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser complained about: violations of the CSP, script errors, missing files."""
    heard: list[str] = []
    page.on(
        "console",
        lambda message: heard.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


@pytest.fixture
def admin(page: Page, server: Server, complaints: list[str]) -> Page:
    sign_in(page, server)
    return page


def sign_in(page: Page, server: Server, password: str = ADMIN_PASSWORD) -> None:
    page.goto(f"{server.base_url}/sign-in")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def live(page: Page) -> None:
    expect(page.locator("#live-bar")).to_have_attribute("data-state", "live", timeout=60_000)


def never_reloaded(page: Page) -> Callable[[], bool]:
    page.evaluate("window.stillHere = true")
    return lambda: bool(page.evaluate("window.stillHere === true"))
