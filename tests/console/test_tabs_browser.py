"""Somebody walks through every sub-page of a charge point in Chromium, and nothing complains."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from console.tabs import TABS
from tests.console.yard import HOSTILE, Yard, admin, complaints, live, server, sign_in, yard
from tests.support.charger import stamp
from tests.support.server import ROOT, Server, running_server

__all__ = ["admin", "complaints", "server", "yard"]  # fixtures
FLEET = ["certificate-requests", "security-events", "deviations", "files", "reservations", "webhooks"]


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
        expect(links.get_by_role("link", name=tab.title, exact=True)).to_have_attribute(
            "aria-current", "page"
        )
        expect(admin.locator("main .card").first).to_be_visible()
        if slug == "frames":  # a window of the past, until somebody follows what comes
            expect(admin.locator("#live-bar")).to_be_hidden()
            admin.get_by_role("link", name="Follow live").click()
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


def test_why_an_upload_cannot_be_ordered_stays_on_the_page(admin: Page, server: Server, yard: Yard) -> None:
    yard.charger("NOURL1")
    admin.goto(f"{server.base_url}/inspect/charge-points/NOURL1/firmware")
    live(admin)
    admin.locator("#order-get-diagnostics summary").click()
    admin.locator("#order-get-diagnostics").get_by_role("button").click()
    reason = admin.locator("#order-get-diagnostics").get_by_role("alert")
    expect(reason).to_contain_text("CSMS_PUBLIC_URL")
    heartbeat = yard.charger("NOURL1")  # a new connection changes what the page shows
    admin.wait_for_timeout(2500)
    expect(reason).to_contain_text("CSMS_PUBLIC_URL")
    assert heartbeat


def test_a_simulated_charge_point_uploads_and_the_file_is_downloaded_and_deleted(
    page: Page, tmp_path: Path, complaints: list[str]
) -> None:
    with running_server(tmp_path, CSMS_UNKNOWN_CHARGE_POINTS="accept") as server:
        server.env["CSMS_PUBLIC_URL"] = server.base_url  # its port was not known before
        server.stop()
        server.start()
        sign_in(page, server)
        expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
        upload_download_delete(page, server)
    assert complaints == []


def upload_download_delete(admin: Page, server: Server) -> None:
    command = ["manage.py", "simulate", "--scenario", "idle", "--speed", "60", "--prefix", "UPLOAD"]
    fleet = subprocess.Popen(
        [sys.executable, *command, "--url", server.ocpp_url, "--end-with-stdin"],
        cwd=ROOT,
        env=server.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        admin.goto(f"{server.base_url}/inspect/charge-points")
        admin.get_by_role("link", name="UPLOAD0001").wait_for(timeout=30_000)
        admin.goto(f"{server.base_url}/inspect/charge-points/UPLOAD0001/firmware")
        live(admin)
        admin.locator("#order-get-diagnostics summary").click()
        admin.locator("#order-get-diagnostics").get_by_role("button").click()
        file = admin.locator("#uploads a[download]")
        expect(file).to_contain_text("UPLOAD0001-diagnostics", timeout=30_000)
        expect(admin.locator("#firmware")).to_contain_text("Succeeded", timeout=30_000)
        with admin.expect_download() as download:
            file.click()
        assert "registered, firmware" in Path(download.value.path()).read_text()
        admin.get_by_role("button", name="Delete").click()
        admin.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(admin.locator("#firmware")).to_contain_text("No file has come yet", timeout=20_000)
    finally:
        assert fleet.stdin is not None
        fleet.stdin.close()
        fleet.wait(30)
