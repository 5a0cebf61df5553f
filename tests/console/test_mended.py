"""What users found broken in the console, and how it is now: said where it was silent, awaited where it was denied."""

import os
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.console.yard import Yard, live, sign_in
from tests.support.charger import stamp
from tests.support.server import running_server

OPEN = {"CSMS_UNKNOWN_CHARGE_POINTS": "accept", "CSMS_UNKNOWN_ID_TAGS": "accept"}
NO_POWER = "No power was reported: the charge point sends no such readings."


def test_a_command_that_cannot_be_sent_or_is_not_done_says_so_by_its_form(page: Page, tmp_path: Path) -> None:
    with running_server(tmp_path, **OPEN) as server:
        yard = Yard(server)
        yard.charger("AWAY1")
        sign_in(page, server)
        page.goto(f"{server.base_url}/inspect/charge-points/AWAY1")
        live(page)
        order = page.locator("#order-trigger-message")
        order.locator("summary").click()
        ask = order.get_by_role("button", name="Ask for a message")
        alert = order.get_by_role("alert")

        def fail(route: Route) -> None:
            route.fulfill(status=500, body="<p>a page that nobody asked for</p>")

        page.route("**/commands/**", fail)
        ask.click()
        expect(alert).to_have_text("Not done: Internal Server Error (500).")
        page.unroute("**/commands/**", fail)

        ask.click()
        expect(order.get_by_role("status")).to_contain_text("Ordered")
        expect(alert).to_have_count(0)

        server.kill()
        ask.click()
        expect(alert).to_have_text("Not sent: the server cannot be reached.")
        expect(order.get_by_role("status")).to_have_count(0)
        ask.click()
        expect(alert).to_have_text("Not sent: the server cannot be reached.")  # once, not once a try
        yard.close()


def test_a_server_that_does_not_answer_is_not_waited_for_without_end(page: Page, tmp_path: Path) -> None:
    with running_server(tmp_path, **OPEN) as server:
        yard = Yard(server)
        yard.charger("SLOW1")
        sign_in(page, server)
        page.goto(f"{server.base_url}/inspect/charge-points/SLOW1")
        live(page)
        page.route("**/commands/**", lambda route: None)  # never answered
        order = page.locator("#order-trigger-message")
        order.locator("summary").click()
        order.get_by_role("button", name="Ask for a message").click()
        expect(order.get_by_role("alert")).to_contain_text(
            "the server may have done it or not", timeout=60_000
        )
        yard.close()


def test_a_fresh_transaction_has_no_curve_yet_and_nothing_is_said_of_its_charge_point(
    page: Page, tmp_path: Path
) -> None:
    with running_server(tmp_path, **OPEN) as server:
        yard = Yard(server)
        charger = yard.charger("FRESH1")
        start = {"connectorId": 1, "idTag": "DRIVER1", "meterStart": 1000, "timestamp": stamp()}
        number = yard.do(charger.result("StartTransaction", start))["transactionId"]
        sign_in(page, server)
        page.goto(f"{server.base_url}/inspect/transactions?q={number}")
        page.get_by_role("link", name=str(number), exact=True).click()
        live(page)
        power, energy = page.locator("[data-chart$='#power']"), page.locator("[data-chart$='#energy']")
        expect(power).to_have_text("No reading yet.")
        expect(energy).to_have_text("No reading yet.")
        picture(page, "fresh")

        register = {"measurand": "Energy.Active.Import.Register", "unit": "Wh", "value": "1000"}
        values = {"connectorId": 1, "transactionId": number}
        values |= {"meterValue": [{"timestamp": stamp(), "sampledValue": [register]}]}
        yard.do(charger.result("MeterValues", values))
        expect(power).to_have_text(NO_POWER)
        expect(energy.locator("canvas")).to_be_visible()
        picture(page, "first-reading")
        yard.close()


def test_an_ended_transaction_without_readings_is_not_waited_for(page: Page, tmp_path: Path) -> None:
    with running_server(tmp_path, **OPEN) as server:
        yard = Yard(server)
        charger = yard.charger("SHORT1")
        start = {"connectorId": 1, "idTag": "DRIVER1", "meterStart": 1000, "timestamp": stamp()}
        number = yard.do(charger.result("StartTransaction", start))["transactionId"]
        sign_in(page, server)
        page.goto(f"{server.base_url}/inspect/transactions?q={number}")
        page.get_by_role("link", name=str(number), exact=True).click()
        live(page)
        power = page.locator("[data-chart$='#power']")
        expect(power).to_have_text("No reading yet.")
        stop = {"transactionId": number, "meterStop": 1000, "timestamp": stamp()}
        yard.do(charger.result("StopTransaction", stop))
        expect(power).to_have_text(NO_POWER)
        expect(page.locator("[data-chart$='#energy']")).not_to_contain_text("No reading yet.")
        yard.close()


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
