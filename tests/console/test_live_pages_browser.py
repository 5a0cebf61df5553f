"""Analytics, approvals and the ledger in Chromium: they follow what happens, without being loaded again."""

import asyncio
import contextlib

from playwright.sync_api import Page, expect

from tests.console.yard import Yard, admin, complaints, live, never_reloaded, server, yard
from tests.support.charger import RawCharger, stamp
from tests.support.server import Server

__all__ = ["admin", "complaints", "server", "yard"]  # fixtures


def test_the_ledger_of_commands_follows_an_order_and_its_answer(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger = yard.charger("LEDGER1")
    admin.goto(f"{server.base_url}/sys/commands?type=trigger-message")
    live(admin)
    stayed = never_reloaded(admin)
    expect(admin.locator("#list")).not_to_contain_text("LEDGER1")
    other = admin.context.new_page()
    other.goto(f"{server.base_url}/inspect/charge-points/LEDGER1")
    order = other.locator("#order-trigger-message")
    order.locator("summary").click()
    order.get_by_role("button").click()
    expect(order.get_by_role("status")).to_contain_text("Ordered")
    row = admin.get_by_role("row").filter(has_text="LEDGER1")
    expect(row).to_have_count(1)
    yard.do(answered(charger, "TriggerMessage", "Rejected"))
    expect(row).to_contain_text("Rejected")
    assert stayed()
    assert complaints == []


async def answered(charger: RawCharger, action: str, status: str) -> None:
    """Answer calls until this one came; a charge point that has booted is asked for its configuration first."""
    while True:
        _, message_id, called, _ = await charger.receive()
        await charger.send([3, message_id, {"status": status} if called == action else {}])
        if called == action:
            return


def test_approvals_show_who_was_turned_away_and_who_was_let_in(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    server.manage("add_charge_point", "GATE1", "--pending")
    admin.goto(f"{server.base_url}/sys/authorizations")
    live(admin)
    stayed = never_reloaded(admin)
    expect(admin.locator("#waiting")).to_contain_text("GATE1")
    yard.do(turned_away(server))
    expect(admin.locator("#refusals")).to_contain_text("STRANGER1")
    other = admin.context.new_page()
    other.goto(f"{server.base_url}/sys/authorizations")
    other.get_by_role("button", name="Approve GATE1").click()
    expect(admin.locator("#waiting")).not_to_contain_text("GATE1")
    assert stayed()
    assert complaints == []


async def turned_away(server: Server) -> None:
    with contextlib.suppress(Exception):
        async with (
            asyncio.timeout(30),
            RawCharger.connect(server.ocpp_url, "STRANGER1", subprotocols=["ocpp9.9"]),
        ):
            pass


def test_analytics_are_read_again_after_a_while(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger = yard.charger("FIGURE1")
    yard.status(charger, 1, "Preparing")
    admin.clock.install()
    admin.goto(f"{server.base_url}/inspect/analytics")
    live(admin)
    stayed = never_reloaded(admin)
    ranked = admin.locator("#analysis").get_by_role("link", name="FIGURE1")
    tile = admin.locator("#analysis").get_by_role("link", name="together")
    before = tile.inner_text()
    start = {"connectorId": 1, "idTag": "DRIVER1", "meterStart": 1000, "timestamp": stamp()}
    number = yard.do(charger.result("StartTransaction", start))["transactionId"]
    stop = {"transactionId": number, "meterStop": 9000, "timestamp": stamp()}
    yard.do(charger.result("StopTransaction", stop))
    admin.clock.fast_forward("10:05")
    expect(tile).not_to_have_text(before)
    expect(ranked.first).to_be_visible()
    assert stayed()
    assert complaints == []
