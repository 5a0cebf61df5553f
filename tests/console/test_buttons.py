"""Buttons that stand for themselves, in Chromium: they do it, or the page says in words why they did not."""

from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.console.yard import Yard, live, sign_in
from tests.support.charger import stamp
from tests.support.server import ADMIN_PASSWORD, running_server

OPEN = {"CSMS_UNKNOWN_CHARGE_POINTS": "accept", "CSMS_UNKNOWN_ID_TAGS": "accept"}


def test_an_approval_that_failed_or_was_not_sent_says_so_and_the_next_one_is_done(
    page: Page, tmp_path: Path
) -> None:
    with running_server(tmp_path) as server:
        server.manage("add_charge_point", "GATE1", "--pending")
        server.manage("add_charge_point", "GATE2", "--pending")
        server.manage("add_charge_point", "GATE3", "--pending")
        sign_in(page, server)
        page.goto(f"{server.base_url}/sys/authorizations")
        live(page)
        alert = page.locator("#waiting").get_by_role("alert")
        approve = page.get_by_role("button", name="Approve GATE1")

        def fail(route: Route) -> None:
            route.fulfill(status=502, body="")

        page.route("**/registration", fail)
        approve.click()
        expect(alert).to_have_text("Not done: Bad Gateway (502).")
        page.unroute("**/registration", fail)

        def refuse(route: Route) -> None:
            words = '<main class="quiet"><p role="alert">It was\n not <b>to be</b>.</p></main>'
            route.fulfill(status=403, content_type="text/html", body=words)

        page.route("**/registration", refuse)
        approve.click()
        expect(alert).to_have_text("Not done (403): It was not to be.")
        page.unroute("**/registration", refuse)

        approve.click()
        expect(page.locator(".messages")).to_contain_text("GATE1 was approved.")
        expect(approve).to_have_count(0)

        page.get_by_role("button", name="Reject GATE2").click()
        page.get_by_role("dialog").get_by_role("button", name="Reject").click()
        expect(page.locator(".messages")).to_contain_text("GATE2 was rejected.")
        live(page)

        server.kill()
        page.get_by_role("button", name="Approve GATE3").click()
        expect(alert).to_have_text("Not sent: the server cannot be reached.")
        expect(page.get_by_role("heading", name="Approvals", level=1)).to_be_visible()


def test_who_was_signed_out_is_back_on_the_page_after_signing_in(page: Page, tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        server.manage("add_charge_point", "GATE1", "--pending")
        sign_in(page, server)
        open_page = f"{server.base_url}/sys/authorizations?q=x"
        page.goto(open_page)
        live(page)
        page.context.clear_cookies(name="sessionid")
        page.get_by_role("button", name="Approve GATE1").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.get_by_label("User name").fill("admin")
        page.get_by_label("Password").fill(ADMIN_PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(open_page)


def test_a_stop_from_the_list_of_what_charges_is_sent_or_says_why_not(page: Page, tmp_path: Path) -> None:
    with running_server(tmp_path, **OPEN) as server:
        yard = Yard(server)
        charger = yard.charger("STOP1")
        start = {"connectorId": 1, "idTag": "DRIVER1", "meterStart": 1000, "timestamp": stamp()}
        number = yard.do(charger.result("StartTransaction", start))["transactionId"]
        sign_in(page, server)
        page.goto(f"{server.base_url}/inspect/charge-points/STOP1")
        live(page)
        stop = page.locator("#charging").get_by_role("button", name="Stop charging")
        answer = page.get_by_role("dialog").get_by_role("button", name="Stop charging")
        # What changes while the question stands is shown, and takes nothing from under it.
        stop.click()
        status = {"connectorId": 1, "status": "Faulted", "errorCode": "GroundFailure", "info": "meanwhile"}
        yard.do(charger.result("StatusNotification", status))
        expect(page.locator("#connectors")).to_contain_text("GroundFailure")
        expect(page.locator("#faults")).to_contain_text("GroundFailure")
        expect(page.locator("#faults")).to_contain_text("meanwhile")
        page.wait_for_timeout(1500)  # by then the list of what charges would have been read again, too
        answer.click()
        expect(page.locator(".messages")).to_contain_text("Stop charging: ordered.")
        _, message_id, action, payload = yard.do(charger.receive())
        assert (action, payload) == ("RemoteStopTransaction", {"transactionId": number})
        yard.do(charger.send([4, message_id, "InternalError", "not today", {}]))
        frame = page.locator("#frames .frame").filter(has_text="Error answer")
        expect(frame).to_contain_text("InternalError")
        expect(frame).not_to_contain_text("OK")

        live(page)
        page.route("**/live", lambda route: None)
        # In one go, so that no refresh puts the number back.
        page.evaluate(
            """() => {
                const form = document.querySelector('#charging form');
                form.querySelector('[name=transaction_id]').value = 'none';
                form.querySelector('button').click();
            }"""
        )
        answer.click()
        expect(page.locator(".messages").get_by_role("alert")).to_contain_text("Stop charging: ")
        yard.close()


def test_a_token_is_blocked_and_unblocked(page: Page, tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        server.manage("add_id_token", "DRIVER1")
        sign_in(page, server)
        page.goto(f"{server.base_url}/sys/tokens")
        page.get_by_role("button", name="Block DRIVER1").click()
        expect(page.locator(".messages")).to_contain_text("DRIVER1 is blocked.")
        page.get_by_role("button", name="Unblock DRIVER1").click()
        expect(page.locator(".messages")).to_contain_text("DRIVER1 may charge again.")
