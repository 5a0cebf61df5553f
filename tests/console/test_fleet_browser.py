"""The fleet, a bulk job and the palette in Chromium: live, by keyboard alone, ticked across pages, on a phone."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.console.yard import Yard, admin, complaints, live, never_reloaded, server, yard
from tests.support.charger import RawCharger
from tests.support.server import Server

__all__ = ["admin", "complaints", "server", "yard"]

PATH = "/inspect/charge-points"


def test_a_fault_shows_at_once_and_what_is_ticked_stays_ticked(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger = yard.charger("LIVE-1")
    yard.charger("LIVE-2")
    yard.status(charger, 1, "Available")
    admin.goto(f"{server.base_url}{PATH}?view=cards")
    live(admin)
    stayed: Callable[[], bool] = never_reloaded(admin)
    tick = admin.get_by_label("Choose LIVE-1")
    tick.check()
    expect(admin.locator("[data-bulk-count]")).to_have_text("Chosen: 1")
    yard.status(charger, 1, "Faulted", "GroundFailure")
    expect(admin.locator(".fleet-card-bad")).to_contain_text("LIVE-1")  # although a box has the focus
    expect(tick).to_be_checked()
    admin.get_by_role("searchbox", name="Search").fill("LIVE-2")
    expect(admin.get_by_label("Choose LIVE-1")).to_have_count(0)
    expect(admin.locator("[data-bulk-count]")).to_have_text("Chosen: 1")
    assert stayed()
    assert complaints == []


async def answer(charger: RawCharger, action: str, status: str) -> None:
    """Answer calls until this one came; a charge point that has booted is asked for its configuration first."""
    while True:
        _, message_id, called, _ = await charger.receive()
        await charger.send([3, message_id, {"status": status} if called == action else {}])
        if called == action:
            return


def test_many_are_commanded_and_the_job_shows_its_progress(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    chargers = [yard.charger(f"MANY-{number}") for number in (1, 2)]
    admin.goto(f"{server.base_url}{PATH}?q=MANY")
    admin.get_by_label("All 2 that match").check()
    admin.get_by_label("Command", exact=True).select_option("clear-cache")
    admin.get_by_role("button", name="Prepare…").click()
    expect(admin.get_by_role("heading", level=1)).to_contain_text("2 charge points")
    admin.get_by_role("button", name="Look ahead").click()
    expect(admin.locator("#preview")).to_contain_text("2 of 2 could be commanded")
    admin.get_by_role("button", name="Send to 2 charge points").click()
    admin.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert "/jobs/" not in admin.url  # who says no sends nothing
    admin.get_by_role("button", name="Send to 2 charge points").click()
    admin.get_by_role("dialog").locator("[data-confirm-yes]").click()
    admin.wait_for_url("**/sys/commands/jobs/*")
    live(admin)
    stayed = never_reloaded(admin)
    for charger, word in zip(chargers, ("Accepted", "Rejected"), strict=True):
        yard.do(answer(charger, "ClearCache", word))
    expect(admin.locator("#targets")).to_contain_text("Rejected")
    expect(admin.locator("#head")).to_contain_text("Finished")
    expect(admin.locator("#head")).to_contain_text("2 of 2")
    expect(admin.get_by_role("button", name="Retry the 1 that failed")).to_be_visible()
    assert stayed()
    admin.goto(f"{server.base_url}/sys/commands?type=clear-cache")
    expect(admin.locator("#list tbody tr")).to_have_count(2)
    assert complaints == []


def test_the_palette_reaches_a_charge_point_by_keys_alone(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    yard.charger("KEYS-1")
    yard.charger("KEYS-2")
    admin.goto(f"{server.base_url}/sys/tokens")
    admin.keyboard.press("Control+k")
    field = admin.get_by_role("combobox", name="Go to a charge point")
    expect(field).to_be_focused()
    admin.keyboard.type("keys")
    options = admin.locator("#palette-list").get_by_role("option")
    expect(options).to_have_count(2)
    expect(field).to_have_attribute("aria-activedescendant", "palette-0")
    admin.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-expanded", "true")
    admin.keyboard.press("Enter")
    admin.wait_for_url("**/inspect/charge-points/KEYS-2")
    admin.keyboard.press("Meta+k")
    expect(admin.locator("#palette")).to_be_visible()
    admin.keyboard.press("Escape")
    expect(admin.locator("#palette")).to_be_hidden()
    admin.get_by_role("link", name="Go to…").click()
    expect(admin.locator("#palette")).to_be_visible()
    # Typed and sent off before anything was found: it goes where the words lead, not where the list stood.
    admin.keyboard.type("stuck ses")
    admin.keyboard.press("Enter")
    admin.wait_for_url("**/inspect/stuck")
    assert complaints == []


def test_without_script_the_fleet_is_searched_and_commanded(
    page: Page, admin: Page, server: Server, yard: Yard
) -> None:
    yard.charger("PLAIN-1")
    context = page.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    plain = context.new_page()
    plain.goto(f"{server.base_url}{PATH}")
    plain.get_by_role("link", name="Go to…").click()
    plain.get_by_role("searchbox").fill("plain")
    plain.get_by_role("main").get_by_role("button", name="Search").click()
    plain.get_by_role("link", name="PLAIN-1").click()
    assert plain.url.endswith("/inspect/charge-points/PLAIN-1")
    plain.goto(f"{server.base_url}{PATH}?q=PLAIN")
    plain.get_by_label("Choose PLAIN-1").check()
    plain.get_by_label("Command", exact=True).select_option("reset")
    plain.get_by_role("button", name="Prepare…").click()
    plain.get_by_role("button", name="Look ahead").click()
    plain.get_by_role("button", name="Send to 1 charge point").click()
    expect(plain.get_by_role("main")).to_contain_text("“Reset” for 1 charge point?")
    plain.get_by_role("button", name="Do it").click()
    expect(plain.locator("#head")).to_contain_text("0 of 1")
    context.close()


def test_a_phone_shows_cards_that_fit(admin: Page, server: Server, yard: Yard) -> None:
    yard.charger("PHONE-1", firmwareVersion="x" * 40)
    admin.set_viewport_size({"width": 360, "height": 780})
    for path in (PATH, f"{PATH}?view=cards", "/sys/commands", "/sys/commands/jobs", "/search?q=phone"):
        admin.goto(server.base_url + path)
        assert admin.evaluate("document.documentElement.scrollWidth") <= 360, path
    admin.goto(server.base_url + PATH)
    expect(admin.get_by_role("link", name="Table")).to_be_hidden()
    expect(admin.locator("thead")).to_have_css("position", "absolute")  # the table is a list of cards
