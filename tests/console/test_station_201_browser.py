"""A station of OCPP 2.0.1 in Chromium, from its first boot to the end of a transaction, partly worked by keys."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from chargers.simulator import FleetOptions, run_fleet
from tests.console.test_every_page_browser import PATIENCE, faults, too_wide
from tests.console.yard import Yard, admin, complaints, live, server, yard
from tests.support.server import Server

__all__ = ["admin", "complaints", "server", "yard"]  # fixtures

PRICES = "from tests.tariffs.cast import assigned, tariff; assigned(tariff(energy_price='0.40'))"


@pytest.fixture
def station(server: Server, yard: Yard) -> Iterator[str]:
    """The identity of a simulated station with two EVSEs, whose drivers wait to be started from afar."""
    server.manage("shell", "-v", "0", "-c", PRICES)
    stop = asyncio.Event()
    options = FleetOptions(
        count=1,
        scenario="idle",
        url=server.ocpp_url,
        prefix="PATH",
        ocpp="2.0.1",
        speed=20.0,
        status_every=0,
        say=[].append,
    )
    running = asyncio.run_coroutine_threadsafe(run_fleet(options, stop), yard.loop)
    yield "PATH0001"
    yard.loop.call_soon_threadsafe(stop.set)
    assert running.result(60).tally.crashes == []


def test_a_station_is_set_up_told_a_variable_started_followed_and_stopped(
    admin: Page, server: Server, station: str, complaints: list[str]
) -> None:
    admin.goto(f"{server.base_url}/inspect/charge-points")
    live(admin)
    admin.get_by_role("link", name=station).click()
    expect(admin.locator("#head")).to_contain_text("OCPP 2.0.1")
    reported = re.compile(r"It reports \d+ attributes")  # it is asked for its device model after its boot
    expect(admin.locator("#ledger")).to_contain_text(reported, timeout=PATIENCE)
    expect(admin.locator("#connectors")).to_contain_text("EVSE 2, connector 1")

    set_a_variable(admin)
    set_up_again(admin)
    transaction = start(admin, server, station)
    expect(admin.locator("#facts")).to_contain_text("EVSE 2")
    expect(admin.locator("#facts")).to_contain_text("the settings accept such tokens")
    expect(admin.locator("#facts")).to_contain_text("Cost told to the driver")
    expect(admin.locator("#events")).to_contain_text("Central")  # the kind of token that we gave
    expect(admin.locator("#events")).to_contain_text("MeterValuePeriodic")
    expect(admin.locator("#events .chip-busy").first).to_contain_text("Charging")
    expect(admin.locator("[data-chart$='#power'] .u-legend")).to_contain_text("State")
    assert looked_at(admin) == []

    admin.goto(f"{server.base_url}/inspect/charge-points/{station}")
    live(admin)
    admin.locator("#charging").get_by_role("button", name="Stop charging").click()
    admin.get_by_role("dialog").get_by_role("button", name="Stop charging").click()
    expect(admin.locator("#charging")).not_to_contain_text("Stop charging")
    admin.goto(transaction)
    expect(admin.locator("#facts")).to_contain_text("Stopped from here")
    assert complaints == []


def set_a_variable(admin: Page) -> None:
    """Open its component and its form by keys, and see the new value come back."""
    admin.get_by_role("navigation").get_by_role("link", name="Configuration").click()
    live(admin)
    component = admin.locator("[id='component-OCPPCommCtrlr']")
    expect(component.get_by_text("HeartbeatInterval")).to_be_hidden()
    component.locator("summary").focus()
    admin.keyboard.press("Enter")
    variable = component.get_by_role("row").filter(has_text="HeartbeatInterval")
    expect(variable).to_be_visible()
    assert looked_at(admin) == []
    variable.get_by_role("link", name="Set").focus()
    admin.keyboard.press("Enter")
    order = admin.locator("#order-change-configuration")
    expect(order.locator("[name=key]")).to_have_value("OCPPCommCtrlr/HeartbeatInterval")
    order.locator("[name=value]").fill("777")
    admin.keyboard.press("Enter")
    expect(admin.locator("#ledger")).to_contain_text("777")
    admin.goto(admin.url.split("?")[0] + "?q=HeartbeatInterval")
    expect(admin.locator("#configuration")).to_contain_text("777")


def set_up_again(admin: Page) -> None:
    """Answer the question of a dangerous button, and take back what came of it."""
    admin.goto(admin.url.split("?")[0])
    live(admin)
    admin.get_by_role("button", name="Set up again at its next boot").click()
    admin.get_by_role("dialog").get_by_role("button", name="Set up again").click()
    expect(admin.locator("#head")).to_contain_text("It is set up again at its next boot.")
    admin.get_by_role("button", name="Take it back").click()
    expect(admin.locator("#head")).not_to_contain_text("It is set up again at its next boot.")


def start(admin: Page, server: Server, station: str) -> str:
    """Start by the form, and return the address of the page of the transaction that came of it."""
    admin.goto(f"{server.base_url}/inspect/charge-points/{station}")
    live(admin)
    order = admin.locator("#order-remote-start")
    order.locator("summary").focus()
    admin.keyboard.press("Enter")
    order.locator("[name=evse_id]").fill("2")
    order.locator("[name=id_token]").fill("ALICE")
    order.get_by_role("button", name="Start charging").click()
    admin.locator("#charging a.strong").click()
    live(admin)
    return admin.url


def looked_at(page: Page) -> list[str]:
    """Return what is wrong with a page for people who see little or have a small screen."""
    found = faults(page)
    desk = page.viewport_size
    page.set_viewport_size({"width": 360, "height": 780})
    found += too_wide(page)
    assert desk is not None
    page.set_viewport_size(desk)
    return found
