"""Alerts in Chromium: every page says at once that one fires; what is done about it needs no mouse and no script."""

from playwright.sync_api import Browser, Page, expect

from tests.console.yard import Yard, admin, complaints, live, never_reloaded, server, yard
from tests.support.server import Server

__all__ = ["admin", "complaints", "server", "yard"]  # fixtures

RULE = """
from django.utils import timezone
from alerts.rules.services import create_rule
values = {"about": "connector-faulted", "name": "Faulted at once", "severity": "critical"}
create_rule("faulted-at-once", values, by="adam", now=timezone.now())
"""


def test_an_alert_is_seen_on_every_page_until_somebody_looks_after_it(
    admin: Page, server: Server, yard: Yard, complaints: list[str], browser: Browser
) -> None:
    made = server.manage("shell", "-v", "0", "-c", RULE)
    assert made.returncode == 0, made.stderr
    charger = yard.charger("ALARM1")
    yard.status(charger, 1, "Available")
    admin.goto(f"{server.base_url}/sys/webhooks/add")  # nothing else on it is live
    live(admin)
    expect(admin.locator("#live-bar")).to_be_hidden()
    firing = admin.context.new_page()
    firing.goto(f"{server.base_url}/sys/alerts")
    live(firing)
    stayed, also_stayed = never_reloaded(admin), never_reloaded(firing)
    banner = admin.locator("#alarm .alarm")
    expect(banner).to_have_count(0)

    yard.status(charger, 1, "Faulted", "GroundFailure")
    expect(banner).to_contain_text("1 critical alert fires, and nobody looks after it yet")
    row = firing.locator("#open .case").filter(has_text="ALARM1")
    expect(row).to_be_visible()
    expect(firing.locator("#alarm .alarm")).to_be_visible()
    assert also_stayed()

    row.get_by_role("button", name="Acknowledge").focus()
    firing.keyboard.press("Enter")
    expect(firing.locator(".messages")).to_contain_text("It is acknowledged")
    expect(banner).to_have_count(0)
    assert stayed()
    assert complaints == []
    without_script(browser, admin, server, row.get_by_role("link").first.get_attribute("href") or "")


def without_script(browser: Browser, admin: Page, server: Server, path: str) -> None:
    """Hand it on, silence it, end the silence and say that it is over, as forms alone can."""
    context = browser.new_context(java_script_enabled=False, storage_state=admin.context.storage_state())
    page = context.new_page()
    page.goto(server.base_url + path)
    page.locator("#step-assign summary").click()
    page.get_by_label("To whom; empty for nobody").fill("dora")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.locator(".messages")).to_contain_text("It is assigned.")
    expect(page.locator("#head")).to_contain_text("dora")

    page.get_by_role("link", name="Silence it").click()
    page.get_by_role("textbox", name="Why").fill("the electrician is there")
    page.get_by_role("button", name="Make the silence").click()
    expect(page.locator(".messages")).to_contain_text("The silence was made.")
    assert page.url == server.base_url + path
    page.goto(f"{server.base_url}/sys/alerts?tab=silences")
    page.get_by_role("button", name="End now the electrician is there").click()
    expect(page.locator("main")).to_contain_text("End the silence now?")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".messages")).to_contain_text("The silence is over.")

    page.goto(server.base_url + path)
    page.locator("#step-resolve summary").click()
    page.locator("#reason").fill("the fuse is new")
    page.get_by_role("button", name="Resolve by hand").last.click()
    expect(page.locator(".messages")).to_contain_text("It is resolved.")
    expect(page.locator("#timeline")).to_contain_text("the fuse is new")
    context.close()
