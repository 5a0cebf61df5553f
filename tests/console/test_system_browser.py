"""Settings, tokens and the matrix in Chromium: a charger hears what was overridden, and every open page sees it."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.console.yard import Yard, admin, complaints, live, never_reloaded, server, yard
from tests.support.charger import RawCharger, eventually
from tests.support.server import Server

__all__ = ["admin", "complaints", "server", "yard"]  # fixtures


async def refused(charger: RawCharger) -> bool:
    answer = await charger.result("Authorize", {"idTag": "NOBODY"})
    return bool(answer["idTagInfo"]["status"] == "Invalid")


def test_an_override_is_asked_for_pinned_heard_by_the_charger_and_reset(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger = yard.charger("OVER1")
    assert not yard.do(refused(charger))
    admin.goto(f"{server.base_url}/sys/config")
    live(admin)
    still_here = never_reloaded(admin)
    other = admin.context.new_page()
    other.goto(f"{server.base_url}/sys/config?q=unknown")
    other.get_by_role("link", name="CSMS_UNKNOWN_ID_TAGS").click()
    other.get_by_label("Value").select_option("refuse")
    other.get_by_label("Why", exact=True).fill("the open day is over")
    other.get_by_role("button", name="Override").click()
    expect(other.get_by_role("dialog")).to_contain_text("everybody charges")
    other.get_by_role("dialog").get_by_role("button", name="Override").click()
    expect(other.get_by_role("status").filter(has_text="is overridden")).to_be_visible()
    pinned = admin.locator("#active")
    expect(pinned).to_contain_text("1 setting is overridden")
    expect(pinned).to_contain_text("refuse instead of accept")
    expect(pinned).to_contain_text("the open day is over")
    assert still_here()
    yard.do(eventually(lambda: refused(charger)))
    pinned.get_by_role("button", name="Reset").click()
    admin.get_by_role("dialog").get_by_role("button", name="Reset").click()
    expect(admin.get_by_text("is no longer overridden")).to_be_visible()
    expect(pinned).not_to_contain_text("overridden")
    assert not yard.do(refused(charger))
    expect(other.locator("#history")).to_contain_text("accept → refuse")
    assert complaints == []


def test_tokens_are_imported_after_a_look_blocked_with_a_reason_and_admitted(
    admin: Page, server: Server, yard: Yard, tmp_path: Path, complaints: list[str]
) -> None:
    charger = yard.charger("ADMIT1")
    file = tmp_path / "tokens.csv"
    file.write_text("id_token,label\nCARD-A,Alice\nCARD-B,<b>Bob</b>\n")
    watching = admin.context.new_page()
    watching.goto(f"{server.base_url}/sys/tokens")
    live(watching)
    admin.goto(f"{server.base_url}/sys/tokens")
    admin.get_by_role("link", name="Import a file").click()
    admin.locator("#import-file").set_input_files(file)
    admin.get_by_role("button", name="Show what it would change").click()
    expect(admin.get_by_role("heading", name="What the file would do")).to_be_visible()
    expect(admin.get_by_text("CARD-B", exact=True)).to_be_visible()
    expect(watching.locator("#list")).to_contain_text("No token is known yet")
    admin.get_by_role("button", name="Take it in").click()
    expect(admin.get_by_text("2 tokens were added")).to_be_visible()
    expect(watching.locator("#list")).to_contain_text("<b>Bob</b>")
    admin.get_by_role("link", name="CARD-A").click()
    admin.get_by_label("Why", exact=True).fill("lost")
    admin.get_by_role("button", name="Block", exact=True).click()
    expect(admin.locator("#facts")).to_contain_text("Blocked")
    expect(admin.locator("#history")).to_contain_text("lost")
    expect(watching.get_by_role("row").filter(has_text="CARD-A")).to_contain_text("Blocked")

    server.manage("settings_override", "set", "CSMS_UNKNOWN_ID_TAGS", "refuse", "--reason", "a test")
    yard.do(eventually(lambda: refused(charger)))
    start = {"connectorId": 1, "idTag": "STRANGER", "meterStart": 0, "timestamp": "2026-05-04T12:00:00Z"}
    yard.do(charger.result("StartTransaction", start))
    unknown = watching.locator("#unknown")
    expect(unknown).to_contain_text("STRANGER")
    unknown.get_by_label("Label").fill("Eve")
    unknown.get_by_role("button", name="Register").click()
    expect(watching.locator("#list")).to_contain_text("Eve")
    expect(unknown).not_to_contain_text("STRANGER")
    server.manage("settings_override", "reset", "CSMS_UNKNOWN_ID_TAGS")
    assert complaints == []


def test_the_matrix_is_filtered_without_a_new_page(
    admin: Page, server: Server, complaints: list[str]
) -> None:
    admin.goto(f"{server.base_url}/sys/conformance")
    still_here = never_reloaded(admin)
    admin.get_by_label("State").select_option("waived")
    expect(admin.locator("#list")).not_to_contain_text("MSG-Authorize")
    expect(admin.locator("#list")).to_contain_text("TC_086_CSMS")
    assert "state=waived" in admin.url
    assert still_here()
    assert complaints == []
