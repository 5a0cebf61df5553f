"""Transactions and stuck sessions in Chromium: the list lives, the curves are drawn, one click puts a session right."""

import re

from playwright.sync_api import Page, expect

from tests.console.yard import Yard, admin, complaints, live, never_reloaded, server, yard
from tests.support.charger import RawCharger, stamp
from tests.support.server import Server

__all__ = ["admin", "complaints", "server", "yard"]  # fixtures


def start(yard: Yard, cp_id: str, **more: object) -> tuple[RawCharger, int]:
    charger = yard.charger(cp_id)
    payload = {"connectorId": 1, "idTag": "DRIVER1", "meterStart": 1000, "timestamp": stamp()} | more
    return charger, yard.do(charger.result("StartTransaction", payload))["transactionId"]


def measure(yard: Yard, charger: RawCharger, number: int, energy: int, *watts: int) -> None:
    samples = [{"measurand": "Energy.Active.Import.Register", "unit": "Wh", "value": str(energy)}]
    samples += [
        {"measurand": "Power.Active.Import", "unit": "W", "value": str(value), "phase": f"L{phase}"}
        for phase, value in enumerate(watts, 1)
    ]
    values = {"connectorId": 1, "transactionId": number}
    values |= {"meterValue": [{"timestamp": stamp(), "sampledValue": samples}]}  # type: ignore[dict-item]
    yard.do(charger.result("MeterValues", values))


def test_the_list_follows_what_starts_and_ends(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    admin.goto(f"{server.base_url}/inspect/transactions?charge_point=LIST1")
    live(admin)
    still_here = never_reloaded(admin)
    charger, number = start(yard, "LIST1")
    row = admin.get_by_role("row").filter(has_text=str(number))
    expect(row).to_contain_text("Active")
    stop = {"transactionId": number, "meterStop": 3210, "timestamp": stamp()}
    yard.do(charger.result("StopTransaction", stop))
    expect(row).to_contain_text("Ended")
    expect(row).to_contain_text("2.21 kWh")
    expect(admin.locator(".facts-sums")).to_contain_text("2.21 kWh")
    assert still_here()
    admin.get_by_text("More filters").click()
    admin.get_by_label("At least kWh").fill("5")
    admin.get_by_label("At least kWh").blur()
    expect(admin.get_by_role("heading", name="No transaction matches")).to_be_visible()
    assert "energy_min=5" in admin.url
    assert complaints == []


def test_one_shows_its_curves_and_what_happens_until_it_is_still(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger, number = start(yard, "STORY1")
    admin.goto(f"{server.base_url}/inspect/transactions?q={number}")
    admin.get_by_role("link", name=str(number), exact=True).click()
    live(admin)
    measure(yard, charger, number, 2500, 2000, 2000, 3400)
    measure(yard, charger, number, 3000, 2000, 2000, 3400)
    power = admin.locator("[data-chart$='#power']")
    expect(power.locator("canvas")).to_be_visible()
    for label in ("L1", "L2", "L3", "Sum"):
        expect(power).to_contain_text(label)
    timeline = admin.locator("#timeline")
    expect(timeline).to_contain_text("It started with the meter at")
    yard.status(charger, 1, "SuspendedEV")
    expect(timeline).to_contain_text("Paused by car")
    stop = {"transactionId": number, "meterStop": 3210, "timestamp": stamp(), "reason": "EVDisconnected"}
    yard.do(charger.result("StopTransaction", stop))
    expect(timeline).to_contain_text("The cable was unplugged")
    admin.reload()
    expect(admin.locator(".live-bar")).to_contain_text("this page does not change by itself")
    expect(power.locator("canvas")).to_be_visible()
    message = admin.locator("#frames details.frame").filter(has_text="StopTransaction").first
    message.locator("summary").click()
    expect(message.locator("pre").first).to_contain_text('"meterStop": 3210')
    timeline.get_by_role("link", name="message").first.click()
    expect(admin).to_have_url(re.compile("/frames/"))
    assert complaints == []


def test_a_stuck_session_is_put_right_with_one_click(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger, number = start(yard, "STUCK1", timestamp="2026-01-01T00:00:00Z")
    admin.goto(f"{server.base_url}/inspect/stuck?kind=eternal")
    live(admin)
    case = admin.locator(".case").filter(has_text=str(number))
    expect(case).to_contain_text("It has been open since")
    case.get_by_text("Ask the charge point to stop it").first.click()
    case.get_by_label("Why").nth(0).fill("open since January")
    case.get_by_role("button", name="Ask the charge point to stop it").click()
    dialog = admin.get_by_role("dialog")
    expect(dialog).to_contain_text("The driver's charging ends now")
    dialog.get_by_role("button", name="Ask the charge point to stop it").click()
    kind, message_id, action, payload = yard.do(charger.receive())
    assert (kind, action, payload) == (2, "RemoteStopTransaction", {"transactionId": number})
    yard.do(charger.send([3, message_id, {"status": "Accepted"}]))
    expect(case).to_contain_text("open since January")
    live(admin)
    stop = {"transactionId": number, "meterStop": 3210, "timestamp": stamp()}
    yard.do(charger.result("StopTransaction", stop))
    expect(case).to_have_count(0)
    assert complaints == []
