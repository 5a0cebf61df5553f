"""Somebody walks through every sub-page of a charge point in Chromium, and nothing complains."""

import re

import pytest
from playwright.sync_api import Page, expect

from console.tabs import TABS
from tests.console.test_browser import HOSTILE, Yard, admin, complaints, live, server, yard
from tests.support.charger import stamp
from tests.support.server import Server

__all__ = ["admin", "complaints", "server", "yard"]  # fixtures
FLEET = ["certificate-requests", "security-events", "deviations", "files", "reservations"]


def wider(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("width", [1280, 360])
def test_alice_walks_through_all_sub_pages(
    admin: Page, server: Server, yard: Yard, complaints: list[str], width: int
) -> None:
    charger = yard.charger(f"TABS{width}", chargePointVendor="<b>V</b>", firmwareVersion="1.0")
    yard.status(charger, 1, "Available")
    event = {"type": HOSTILE[:50], "timestamp": stamp(), "techInfo": HOSTILE}
    yard.do(charger.result("SecurityEventNotification", event))
    admin.set_viewport_size({"width": width, "height": 800})
    admin.goto(f"{server.base_url}/inspect/charge-points/TABS{width}")
    for slug, tab in TABS.items():
        links = admin.get_by_role("navigation", name=f"Pages of TABS{width}")
        links.get_by_role("link", name=tab.title, exact=True).click()
        expect(admin).to_have_url(re.compile(f"/{slug}$"))
        expect(admin.locator(f"#{slug} .card").first).to_be_visible()
        live(admin)
        assert wider(admin) == 0, slug
    for slug in FLEET:
        admin.goto(f"{server.base_url}/sys/{slug}")
        expect(admin.locator("#list")).to_be_visible()
        live(admin)
        assert wider(admin) == 0, slug
    assert admin.title() != "owned"
    assert complaints == []


def test_the_configuration_is_read_and_shown_without_a_reload(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger = yard.charger("KEYS1")
    admin.goto(f"{server.base_url}/inspect/charge-points/KEYS1/configuration")
    live(admin)
    admin.get_by_role("button", name="Refresh").click()
    expect(admin.locator(".messages")).to_contain_text("asked for its configuration")
    while True:
        _, message_id, action, _ = yard.do(charger.receive())
        key = {"key": "HeartbeatInterval", "readonly": False, "value": HOSTILE}
        yard.do(charger.send([3, message_id, {"configurationKey": [key]}]))
        if action == "GetConfiguration":
            break
    expect(admin.locator("#configuration table")).to_contain_text("onerror", timeout=20_000)
    assert admin.title() != "owned"
    assert complaints == []


def test_a_critical_event_appears_on_the_open_page(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger = yard.charger("ALARM1")
    admin.goto(f"{server.base_url}/inspect/charge-points/ALARM1")
    live(admin)
    event = {"type": "TamperDetectionActivated", "timestamp": stamp(), "techInfo": "door"}
    yard.do(charger.result("SecurityEventNotification", event))
    badge = admin.get_by_role("link", name="1 critical security event")
    expect(badge).to_be_visible(timeout=20_000)
    badge.click()
    expect(admin.locator("#security-events")).to_contain_text("TamperDetectionActivated")
    assert complaints == []
