"""A charge point in Chromium: its fault on top, a command that waits for it, its limits drawn, and the door closed."""

import pytest
from playwright.sync_api import Page, expect
from websockets.exceptions import InvalidStatus

from tests.console.yard import Yard, admin, complaints, live, never_reloaded, server, sign_in, yard
from tests.support.charger import stamp
from tests.support.server import Server

__all__ = ["admin", "complaints", "server", "yard"]  # fixtures


def test_a_fault_comes_and_goes_on_top_with_what_helps_and_health_beside_it(
    admin: Page, server: Server, yard: Yard
) -> None:
    charger = yard.charger("ILL1")
    yard.status(charger, 1, "Available")
    admin.goto(f"{server.base_url}/inspect/charge-points/ILL1")
    live(admin)
    still_here = never_reloaded(admin)
    expect(admin.locator("[data-fault]")).to_have_count(0)
    expect(admin.locator("#health")).to_contain_text("Reconnections, 24 h")
    yard.status(charger, 1, "Faulted", "OtherError", vendorErrorCode="E-STOP")
    banner = admin.locator("[data-fault='1']")
    expect(banner).to_contain_text("The emergency stop was pressed.")
    expect(banner).to_contain_text("cannot charge")
    assert still_here()
    banner.get_by_role("link", name="Reset").click()
    expect(admin.locator("#order-reset")).to_be_visible()
    expect(admin.locator("#order-remote-start")).to_have_count(0)
    admin.goto(f"{server.base_url}/inspect/charge-points/ILL1")
    yard.status(charger, 1, "Available")
    expect(admin.locator("[data-fault]")).to_have_count(0)


def test_a_command_waits_for_a_charge_point_and_reaches_it_when_it_comes(
    admin: Page, server: Server, yard: Yard
) -> None:
    charger = yard.charger("AWAY1")
    yard.do(charger.socket.close())
    admin.goto(f"{server.base_url}/inspect/charge-points/AWAY1/commands")
    live(admin)
    expect(admin.locator("#order-clear-cache summary")).to_contain_text("Not now")
    order = admin.locator("#order-clear-cache")
    order.locator("summary").click()
    expect(order).to_contain_text("It may wait until the charge point is back.")
    order.get_by_role("button", name="Queue: Clear cache").click()
    ledger = admin.locator("#ledger")
    expect(ledger).to_contain_text("It waits for the charge point to come back.")
    back = yard.charger("AWAY1")
    _kind, message_id, action, _payload = yard.do(back.receive())
    assert action == "ClearCache"
    yard.do(back.send([3, message_id, {"status": "Accepted"}]))
    expect(ledger).to_contain_text("Accepted")
    expect(ledger).not_to_contain_text("It waits for the charge point")


def test_a_dangerous_command_of_the_catalogue_asks_first_and_the_search_finds_it(
    admin: Page, server: Server, yard: Yard
) -> None:
    yard.charger("ASK1")
    admin.goto(f"{server.base_url}/inspect/charge-points/ASK1/commands")
    live(admin)
    admin.get_by_role("searchbox").first.fill("changeavailability")
    expect(admin.locator("#order-reset")).to_have_count(0)
    order = admin.locator("#order-change-availability")
    order.locator("summary").click()
    order.locator("#change-availability-connector_id").fill("0")
    order.locator("#change-availability-type").select_option("Inoperative")
    order.get_by_role("button", name="Change availability").click()
    expect(admin.get_by_role("dialog")).to_be_visible()
    admin.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(admin.locator("#ledger")).to_contain_text("No command was given yet.")


def test_the_limits_of_a_connector_are_drawn_step_by_step(admin: Page, server: Server, yard: Yard) -> None:
    charger = yard.charger("LIMIT1")
    yard.status(charger, 1, "Available")
    admin.goto(f"{server.base_url}/inspect/charge-points/LIMIT1/charging-profiles")
    order = admin.locator("#order-get-composite-schedule")
    order.locator("summary").click()
    order.locator("#get-composite-schedule-connector_id").fill("1")
    order.locator("#get-composite-schedule-duration").fill("7200")
    order.get_by_role("button", name="Ask for the limits").click()
    _kind, message_id, action, _payload = yard.do(charger.receive())
    assert action == "GetCompositeSchedule"
    periods = [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 3600, "limit": 8.0}]
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": periods, "duration": 7200}
    answer = {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": stamp(),
        "chargingSchedule": schedule,
    }
    yard.do(charger.send([3, message_id, answer]))
    expect(admin.locator("#charging-profiles")).to_contain_text("Limits to come")
    admin.reload()
    expect(admin.get_by_role("heading", name="Limits of connector 1")).to_be_visible()
    expect(admin.locator(".chart canvas")).to_be_visible()
    expect(admin.locator(".chart")).to_contain_text("As it reported")


def test_a_stranger_is_blocked_from_the_page_and_stays_outside(
    admin: Page, server: Server, yard: Yard
) -> None:
    yard.charger("STRANGER1")
    admin.goto(f"{server.base_url}/sys/authorizations")
    admin.locator("#block-somebody summary").click()
    admin.get_by_role("textbox", name="Identity").fill("STRANGER1")
    admin.get_by_role("button", name="Block the identity").click()
    expect(admin.get_by_text("turned away for good")).to_be_visible()
    admin.get_by_role("button", name="Do it").click()
    expect(admin.locator("[data-block='STRANGER1']")).to_be_visible()
    expect(admin.locator("[data-rejected='STRANGER1']")).to_be_visible()
    with pytest.raises(InvalidStatus) as refused:
        yard.charger("STRANGER1")
    assert refused.value.response.status_code == 403


def test_on_a_phone_no_page_of_a_charge_point_is_wider_than_the_screen(
    page: Page, server: Server, yard: Yard
) -> None:
    charger = yard.charger("PHONE1")
    yard.status(charger, 1, "Faulted", "GroundFailure", info="x" * 200)
    page.set_viewport_size({"width": 360, "height": 780})
    sign_in(page, server)
    for slug in ("", "/commands", "/transactions", "/audit", "/firmware", "/configuration"):
        page.goto(f"{server.base_url}/inspect/charge-points/PHONE1{slug}")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, slug
    page.goto(f"{server.base_url}/sys/authorizations")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
