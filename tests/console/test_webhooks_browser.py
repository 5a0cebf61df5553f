"""An administrator adds a webhook in Chromium, watches what happens arrive, and takes it away again."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from csms.core.outbound.signing import ID, SIGNATURE, TIMESTAMP, read_secret, signature
from tests.console.test_tabs_browser import wider
from tests.console.yard import HOSTILE, Yard, admin, complaints, live, never_reloaded, yard
from tests.support.receiver import receiving, status
from tests.support.server import Server, running_server

__all__ = ["admin", "complaints", "yard"]  # fixtures


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data: Path = tmp_path_factory.mktemp("webhooks")
    here = {"CSMS_OUTBOUND_ALLOW_HTTP": "true", "CSMS_OUTBOUND_NETWORKS": "127.0.0.0/8"}
    with running_server(data, CSMS_UNKNOWN_CHARGE_POINTS="accept", **here) as server:
        yield server


def test_a_webhook_from_its_form_to_its_end(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    with receiving(status(200, HOSTILE.encode())) as receiver:
        admin.goto(f"{server.base_url}/sys/webhooks")
        admin.get_by_role("link", name="Add a webhook").click()
        admin.get_by_label("Name").fill("billing")
        admin.get_by_label("URL").fill(f"{receiver.origin}/hook")
        admin.get_by_role("checkbox", name=re.compile(r"^cp\.status")).check()
        admin.get_by_role("button", name="Add the webhook").click()

        # The secret, once; it verifies what comes.
        secret = admin.get_by_label("Signing secret").input_value()
        admin.get_by_role("button", name="Copy").click()
        expect(admin.get_by_text(re.compile(r"Copied\.|copy it with"))).to_be_visible()
        admin.get_by_role("link", name="I have kept it").click()
        live(admin)
        admin.get_by_role("button", name="Send a test").click()
        expect(admin.locator(".messages")).to_contain_text("answered with status 200")
        [test] = receiver.wait_for(1)
        sent = int(test.headers[TIMESTAMP])
        assert signature(test.headers[ID], sent, test.body, read_secret(secret)) == test.headers[SIGNATURE]

        # What happens at a charge point appears in the log by itself.
        live(admin)
        still_here = never_reloaded(admin)
        charger = yard.charger("HOOK1")
        yard.status(charger, 1, "Charging")
        delivered = admin.locator("#deliveries li").filter(has_text="HOOK1").first
        expect(delivered).to_contain_text("Delivered")
        delivered.get_by_text("More").click()
        expect(delivered.locator("pre")).to_contain_text("onerror")
        assert still_here()
        assert b"HOOK1" in receiver.wait_for(2)[1].body

        # The same event at its charge point, and the message that it follows from.
        admin.goto(f"{server.base_url}/inspect/charge-points/HOOK1/events")
        event = admin.locator("#events details").filter(has_text="cp.status").first
        event.locator("summary").click()
        event.get_by_role("link", name="this OCPP message").click()
        expect(admin.get_by_role("heading", name="Its answer")).to_be_visible()
        expect(admin.locator("pre").first).to_contain_text("StatusNotification")

        # No is no, and yes is yes; by the keyboard.
        admin.goto(f"{server.base_url}/sys/webhooks")
        admin.get_by_role("link", name="billing").click()
        live(admin)
        admin.get_by_role("button", name="Delete").focus()
        admin.keyboard.press("Enter")
        expect(admin.get_by_role("dialog")).to_contain_text("is deleted with its log")
        admin.keyboard.press("Escape")
        expect(admin.get_by_role("dialog")).to_be_hidden()
        admin.get_by_role("button", name="Delete").click()
        admin.route("**/delete", after_the_page_itself_heard)
        with admin.expect_navigation() as shown:
            admin.get_by_role("dialog").get_by_role("button", name="Delete").click()
        assert shown.value.request.redirected_from, (
            "the button's answer led here, and not the page's own reading"
        )
        expect(admin.locator(".messages")).to_contain_text("billing was deleted")
        expect(admin.locator("#list")).to_contain_text("There is no webhook yet")
    assert admin.title() != "owned"
    assert complaints == []


def after_the_page_itself_heard(route: Route) -> None:
    """Let the page learn that what it shows is gone before the button's own answer comes: it must not take its word."""
    with route.request.frame.page.expect_response(lambda answer: "hx-redirect" in answer.headers):
        answer = route.fetch(max_redirects=0)
    route.fulfill(response=answer)


@pytest.mark.parametrize("width", [1280, 360])
def test_the_pages_fit_the_screen(admin: Page, server: Server, complaints: list[str], width: int) -> None:
    admin.set_viewport_size({"width": width, "height": 800})
    for path in ("/sys/delivery", "/sys/webhooks", "/sys/webhooks/add"):
        admin.goto(server.base_url + path)
        expect(admin.locator("h1")).to_be_visible()
        assert wider(admin) == 0, path
    admin.get_by_role("button", name="Add the webhook").click()  # the browser itself says what is missing
    expect(admin.locator("input:invalid").first).to_be_focused()
    assert complaints == []
