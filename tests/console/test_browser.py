"""The console in Chromium, on a real server, with a charger on the other side."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.console.yard import HOSTILE, Yard, admin, complaints, live, never_reloaded, server, sign_in, yard
from tests.support.charger import stamp
from tests.support.server import ADMIN_PASSWORD, Server, running_server

__all__ = ["admin", "complaints", "server", "yard"]  # fixtures


def test_the_wrong_password_then_the_right_one(page: Page, server: Server) -> None:
    page.goto(f"{server.base_url}/inspect/charge-points?faults=1")
    expect(page.get_by_role("status")).to_contain_text("/inspect/charge-points?faults=1")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("The user name or the password is wrong")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(ADMIN_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Charge points", level=1)).to_be_visible()
    assert "faults=1" in page.url


def test_a_status_shows_in_every_open_page_without_reload(admin: Page, server: Server, yard: Yard) -> None:
    charger = yard.charger("LIVE1")
    yard.status(charger, 1, "Available")
    admin.goto(f"{server.base_url}/inspect/charge-points")
    live(admin)
    row = admin.get_by_role("row").filter(has_text="LIVE1")
    expect(row).to_contain_text("1 Available")
    still_here = never_reloaded(admin)
    yard.status(charger, 1, "Faulted", "GroundFailure")
    expect(row).to_contain_text("1 Faulted")
    admin_two = admin.context.new_page()
    admin_two.goto(f"{server.base_url}/inspect/charge-points/LIVE1")
    live(admin_two)
    connectors = admin_two.locator("#connectors")
    expect(connectors).to_contain_text("residual current protection has tripped")
    yard.status(charger, 1, "Preparing")
    expect(row).to_contain_text("1 Preparing")
    expect(connectors).to_contain_text("Preparing")
    expect(connectors).not_to_contain_text("residual current")
    assert still_here()


def test_a_charger_that_leaves_is_seen_to_leave(admin: Page, server: Server, yard: Yard) -> None:
    charger = yard.charger("LEAVES1")
    admin.goto(f"{server.base_url}/inspect/charge-points/LEAVES1")
    live(admin)
    expect(admin.locator("#head")).to_contain_text("Online")
    yard.do(charger.socket.close())
    expect(admin.locator("#head")).to_contain_text("Offline")
    expect(admin.locator("#orders")).to_contain_text("It cannot be sent: LEAVES1 is offline.")


def test_a_command_from_the_page_reaches_the_charger_and_its_outcome_appears(
    admin: Page, server: Server, yard: Yard
) -> None:
    charger = yard.charger("ORDER1")
    yard.status(charger, 1, "Preparing")
    admin.goto(f"{server.base_url}/inspect/charge-points/ORDER1")
    live(admin)
    still_here = never_reloaded(admin)
    order = admin.locator("#order-remote-start")
    order.locator("summary").click()
    order.get_by_label("Id token").fill("DRIVER1")
    order.get_by_label("Connector").fill("1")
    order.get_by_role("button", name="Start charging").click()
    expect(order.get_by_role("status")).to_contain_text("Ordered")
    ledger = admin.locator("#ledger")
    expect(ledger).to_contain_text("Start charging")
    kind, message_id, action, payload = yard.do(charger.receive())
    assert (kind, action, payload) == (2, "RemoteStartTransaction", {"idTag": "DRIVER1", "connectorId": 1})
    yard.do(charger.send([3, message_id, {"status": "Accepted"}]))
    expect(ledger).to_contain_text("Accepted")
    expect(ledger).to_contain_text("No effect was seen yet")
    start = {"connectorId": 1, "idTag": "DRIVER1", "meterStart": 1000, "timestamp": stamp()}
    number = yard.do(charger.result("StartTransaction", start))["transactionId"]
    expect(ledger).to_contain_text("The transaction started.")
    expect(admin.locator("#charging")).to_contain_text(str(number))
    assert still_here()

    # And the end: a question first, and "no" sends nothing.
    stop = admin.locator("#charging").get_by_role("button", name="Stop charging")
    stop.click()
    expect(admin.get_by_role("dialog")).to_contain_text("The driver's charging ends now. Stop it?")
    admin.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(admin.get_by_role("dialog")).to_be_hidden()
    stop.click()
    admin.get_by_role("dialog").get_by_role("button", name="Stop charging").click()
    _, message_id, action, payload = yard.do(charger.receive())
    assert (action, payload) == ("RemoteStopTransaction", {"transactionId": number})
    yard.do(charger.send([3, message_id, {"status": "Rejected"}]))
    expect(admin.locator("#ledger li").first).to_contain_text("Rejected")


def test_a_form_that_somebody_fills_in_is_left_alone(admin: Page, server: Server, yard: Yard) -> None:
    charger = yard.charger("TYPING1")
    admin.goto(f"{server.base_url}/inspect/charge-points/TYPING1")
    live(admin)
    order = admin.locator("#order-remote-start")
    order.locator("summary").click()
    field = order.get_by_label("Id token")
    field.fill("HALF")
    admin.locator("h1").click()
    yard.status(charger, 1, "Faulted", "InternalError")
    expect(admin.locator("#connectors")).to_contain_text("Faulted")
    expect(field).to_have_value("HALF")


def test_a_transaction_is_followed_on_its_page(admin: Page, server: Server, yard: Yard) -> None:
    charger = yard.charger("CURVE1")
    start = {"connectorId": 1, "idTag": "DRIVER1", "meterStart": 1000, "timestamp": stamp()}
    number = yard.do(charger.result("StartTransaction", start))["transactionId"]
    admin.goto(f"{server.base_url}/inspect/transactions?q={number}")
    admin.get_by_role("link", name=str(number), exact=True).click()
    live(admin)
    expect(admin.locator("[data-chart$='#energy']")).not_to_contain_text("needs JavaScript")

    def measure(energy: int, power: int) -> None:
        samples = [
            {"measurand": "Energy.Active.Import.Register", "unit": "Wh", "value": str(energy)},
            {"measurand": "Power.Active.Import", "unit": "W", "value": str(power)},
        ]
        values = {"connectorId": 1, "transactionId": number}
        values |= {"meterValue": [{"timestamp": stamp(), "sampledValue": samples}]}
        yard.do(charger.result("MeterValues", values))

    measure(2500, 7400)
    expect(admin.locator("#facts")).to_contain_text("1.50 kWh")
    expect(admin.locator("#facts")).to_contain_text("7.4 kW")
    expect(admin.locator("[data-chart$='#power'] canvas")).to_be_visible()
    measure(3000, 7400)
    expect(admin.locator("#facts")).to_contain_text("2.00 kWh")
    stop = {"transactionId": number, "meterStop": 3210, "timestamp": stamp(), "reason": "EVDisconnected"}
    yard.do(charger.result("StopTransaction", stop))
    expect(admin.locator("#facts")).to_contain_text("2.21 kWh")
    expect(admin.locator("#facts")).to_contain_text("The cable was unplugged")


def test_what_a_charger_says_is_text_and_no_page_complains(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger = yard.charger(
        "EVIL1", chargePointVendor=HOSTILE[:20], chargePointModel=HOSTILE, firmwareVersion=HOSTILE
    )
    yard.status(charger, 1, "Faulted", "OtherError", info=HOSTILE, vendorErrorCode=HOSTILE)
    start = {"connectorId": 1, "idTag": "<script>alert(1)</s>", "meterStart": 1, "timestamp": stamp()}
    number = yard.do(charger.result("StartTransaction", start))["transactionId"]
    yard.do(charger.send(["no", "frame", HOSTILE]))
    yard.do(charger.call("Nonsense<script>", {"a": HOSTILE}))
    for path in (
        "/",
        "/inspect/charge-points",
        "/inspect/charge-points/EVIL1",
        "/inspect/transactions",
        f"/inspect/transactions?q={number}",
        "/sys/authorizations",
        "/sys/tokens",
    ):
        admin.goto(server.base_url + path)
        live(admin)
        yard.status(charger, 1, "Faulted", "OtherError", info=HOSTILE)  # through the live path too
        admin.wait_for_timeout(700)
        assert "owned" not in admin.title(), path
    admin.get_by_role("link", name="Transactions").first.click()
    admin.get_by_role("link", name=str(number), exact=True).click()
    expect(admin.locator("[data-chart$='#energy']")).not_to_contain_text("needs JavaScript")
    assert complaints == []


def test_a_search_keeps_the_address_and_the_list_together(admin: Page, server: Server, yard: Yard) -> None:
    yard.charger("FIND1")
    yard.charger("OTHER1")
    admin.goto(f"{server.base_url}/inspect/charge-points")
    expect(admin.locator("#list")).to_contain_text("OTHER1")
    admin.get_by_label("Search").fill("FIND1")
    expect(admin.locator("#list")).not_to_contain_text("OTHER1")
    expect(admin.locator("#list")).to_contain_text("FIND1")
    expect(admin).to_have_url(re.compile(r"\?q=FIND1$"))


def test_a_server_that_restarts_is_said_and_caught_up_with(
    page: Page, tmp_path: Path, complaints: list[str]
) -> None:
    with running_server(tmp_path, CSMS_UNKNOWN_CHARGE_POINTS="accept") as server:
        sign_in(page, server)
        page.goto(f"{server.base_url}/inspect/charge-points")
        live(page)
        still_here = never_reloaded(page)
        server.stop()
        expect(page.locator("#live-bar")).to_contain_text("Reconnecting… shown as of", timeout=20_000)
        server.manage("add_charge_point", "MEANWHILE")
        server.start()
        live(page)
        expect(page.locator("#list")).to_contain_text("MEANWHILE", timeout=15_000)
        assert still_here()


def test_who_was_signed_out_is_told_so(page: Page, server: Server) -> None:
    sign_in(page, server)
    live(page)
    page.context.clear_cookies()
    page.context.set_offline(True)
    page.context.set_offline(False)
    expect(page.locator("#live-bar")).to_contain_text("Signed out", timeout=15_000)
    expect(page.get_by_role("link", name="Sign in again")).to_be_visible()


def test_nothing_scrolls_sideways_on_a_phone(page: Page, server: Server, yard: Yard) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    charger = yard.charger("A-VERY-LONG-IDENTITY-OF-FORTY-EIGHT-CHARACTERS48", chargePointVendor="V" * 20)
    yard.status(charger, 1, "Faulted", "OtherError", info="W" * 50)
    start = {"connectorId": 1, "idTag": "T" * 20, "meterStart": 1, "timestamp": stamp()}
    number = yard.do(charger.result("StartTransaction", start))["transactionId"]
    sign_in(page, server)
    for path in (
        "/",
        "/inspect/charge-points",
        "/inspect/charge-points/A-VERY-LONG-IDENTITY-OF-FORTY-EIGHT-CHARACTERS48",
        f"/inspect/transactions?q={number}",
        "/sys/authorizations",
        "/sys/tokens",
        "/nowhere",
    ):
        page.goto(server.base_url + path)
        page.wait_for_timeout(300)
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, path
    page.goto(server.base_url)
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Id tokens").click()
    expect(page.get_by_role("heading", name="Id tokens", level=1)).to_be_visible()


def test_the_keyboard_reaches_the_content_first(admin: Page, server: Server) -> None:
    admin.goto(server.base_url)
    admin.keyboard.press("Tab")
    expect(admin.get_by_role("link", name="Skip to content")).to_be_focused()
    admin.keyboard.press("Enter")
    expect(admin.locator("#content")).to_be_focused()


def test_the_theme_is_remembered(admin: Page, server: Server) -> None:
    admin.goto(server.base_url)
    root = admin.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "light")
    admin.get_by_role("button", name="Theme").click()
    admin.get_by_role("button", name="Theme").click()
    expect(root).to_have_attribute("data-bs-theme", "dark")
    admin.reload()
    expect(root).to_have_attribute("data-bs-theme", "dark")


def test_without_script_commands_still_work(browser: Any, server: Server, yard: Yard) -> None:
    charger = yard.charger("PLAIN1")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, server)
    page.goto(f"{server.base_url}/inspect/charge-points/PLAIN1")
    expect(page.locator("#live-bar")).to_contain_text("Not live")
    page.locator("#order-reset summary").click()
    page.locator("#order-reset").get_by_role("button", name="Reset").click()
    expect(page.locator("body")).to_contain_text("Reset it?")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".messages")).to_contain_text("Reset: ordered.")
    _, message_id, action, payload = yard.do(charger.receive())
    assert (action, payload) == ("Reset", {"type": "Soft"})
    yard.do(charger.send([3, message_id, {"status": "Accepted"}]))
    context.close()


def test_after_too_many_wrong_passwords_the_page_says_so(page: Page, tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        for _ in range(9):
            sign_in(page, server, "wrong")
        expect(page.get_by_role("heading")).to_contain_text("Too many wrong passwords")
        sign_in(page, server)
        expect(page.get_by_role("heading")).to_contain_text("Too many wrong passwords")
