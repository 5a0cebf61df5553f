"""Frames, connections and the event stream in Chromium: filters that apply themselves, deep links, tails with chips."""

from playwright.sync_api import Locator, Page, expect

from tests.console.yard import HOSTILE, Yard, admin, complaints, live, never_reloaded, server, yard
from tests.support.server import Server

__all__ = ["admin", "complaints", "server", "yard"]  # fixtures


def rows(page: Page) -> Locator:
    return page.locator("[data-tail-rows] > .tail-row:not([hidden])")


def test_a_call_is_found_by_its_text_and_leads_to_its_own_page(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger = yard.charger("FRAME1")
    yard.do(charger.call("DataTransfer", {"vendorId": HOSTILE, "data": "needle"}))
    admin.goto(f"{server.base_url}/inspect/frames?cp_id=frame1")
    stayed = never_reloaded(admin)
    found = admin.locator("#list .exchange")
    expect(found).to_have_count(2)  # its boot, too
    admin.get_by_label("Text", exact=True).fill("NEEDLE")
    expect(found).to_have_count(1)
    assert "q=NEEDLE" in admin.url
    found.locator("summary").click()
    expect(found).to_contain_text("<script>")
    assert stayed()
    found.get_by_role("link", name="This message by itself").click()
    expect(admin.get_by_role("heading", name="Its answer")).to_be_visible()
    address = admin.url
    admin.goto(f"{server.base_url}/inspect/frames?frame={address.rpartition('/')[2]}")
    assert admin.url == address
    admin.get_by_role("link", name="What passed around it").click()
    expect(admin.get_by_role("heading", name="Newest first")).to_be_visible()
    expect(admin.locator("#list .exchange").filter(has_text="DataTransfer")).to_have_count(1)
    assert admin.title() != "owned"
    assert complaints == []


def test_frames_are_exported_as_they_are_shown(admin: Page, server: Server, yard: Yard) -> None:
    yard.charger("FRAME2")
    admin.goto(f"{server.base_url}/inspect/charge-points/FRAME2/frames")
    with admin.expect_download() as download:
        admin.get_by_role("link", name="Export as CSV").click()
    assert download.value.suggested_filename.startswith("frames-FRAME2-")
    text = download.value.path().read_text()
    assert text.splitlines()[0].startswith("Time (UTC),Charge point,Direction")
    assert "BootNotification" in text


def test_events_of_a_charge_point_come_with_chips_and_wait_while_paused(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger = yard.charger("FRAME3")
    admin.goto(f"{server.base_url}/inspect/charge-points/FRAME3/events")
    live(admin)
    admin.get_by_role("link", name="Follow live").click()
    expect(admin.locator("[data-tail]")).to_have_attribute("data-tail-phase", "live")
    stayed = never_reloaded(admin)
    yard.status(charger, 1, "Faulted", "GroundFailure", info=HOSTILE[:50])
    event = rows(admin).filter(has_text="cp.status").first
    expect(event).to_contain_text("GroundFailure")
    chip = admin.locator(".tail-chip").filter(has_text="cp.status")
    chip.click()
    expect(rows(admin).filter(has_text="cp.status")).to_have_count(0)
    chip.click()
    expect(rows(admin).filter(has_text="cp.status")).to_have_count(1)

    admin.get_by_role("button", name="Pause").click()
    yard.status(charger, 1, "Available")
    expect(admin.locator("[data-tail-state]")).to_contain_text("1 waiting")
    expect(rows(admin).filter(has_text="cp.status")).to_have_count(1)
    admin.get_by_role("button", name="Resume").click()
    expect(rows(admin).filter(has_text="cp.status")).to_have_count(2)
    assert stayed()
    assert admin.title() != "owned"
    assert complaints == []


def test_the_stream_of_the_house_is_followed_and_read_on_from_a_position(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    admin.goto(f"{server.base_url}/sys/events?live=1&type=cp.boot")
    expect(admin.locator("[data-tail]")).to_have_attribute("data-tail-phase", "live")
    yard.charger("FRAME4")
    event = rows(admin).filter(has_text="FRAME4")
    expect(event).to_have_count(1)
    expect(rows(admin).filter(has_text="cp.connected")).to_have_count(0)
    event.locator("summary").click()
    expect(event.locator("pre").first).to_contain_text('"vendor": "Acme"')

    admin.get_by_role("link", name="Look back").click()
    live(admin)
    position = admin.get_by_label("Read on behind position")
    position.fill("0")
    position.press("Tab")
    expect(admin.get_by_role("heading", name="Behind position 0")).to_be_visible()
    expect(admin.locator("#sinks")).to_contain_text("Last position")
    assert complaints == []


def test_the_connections_of_a_charge_point_show_its_end(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    yard.charger("FRAME5")
    admin.goto(f"{server.base_url}/inspect/charge-points/FRAME5/connections")
    live(admin)
    stayed = never_reloaded(admin)
    sessions = admin.locator("#sessions tbody tr")
    expect(sessions).to_have_count(1)
    expect(sessions.first).to_contain_text("Open")
    yard.charger("FRAME5")  # the newest wins
    expect(sessions).to_have_count(2)
    expect(sessions.last).to_contain_text("replaced by a newer connection")
    expect(admin.locator(".uptime-bar")).to_have_count(7)
    assert stayed()
    sessions.last.get_by_role("link", name="Frames").click()
    expect(admin.locator("#list")).to_contain_text("Only the frames of one connection")
    expect(admin.locator("#list .exchange")).to_have_count(1)
    assert complaints == []
