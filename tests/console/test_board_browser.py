"""The dashboard and the analytics as a person sees them: live, drawn, on one screen, with nothing to complain of."""

from playwright.sync_api import Page, expect

from tests.console.yard import Yard, admin, complaints, live, never_reloaded, server, yard
from tests.support.charger import stamp
from tests.support.server import Server

__all__ = ["admin", "complaints", "server", "yard"]


def test_the_dashboard_shows_what_happens_and_what_proves_that_the_house_works(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    admin.set_viewport_size({"width": 1440, "height": 900})
    admin.goto(server.base_url)
    live(admin)
    stayed = never_reloaded(admin)
    charger = yard.charger("BOARD1")
    yard.status(charger, 1, "Faulted", "GroundFailure")
    start = {"connectorId": 2, "idTag": "DRIVER1", "meterStart": 0, "timestamp": stamp()}
    yard.do(charger.result("StartTransaction", start))
    expect(admin.locator("#figures")).to_contain_text("charge point out of order")
    expect(admin.locator("#faults")).to_contain_text("GroundFailure")
    for service in ("database", "layer", "servers", "worker", "clock"):
        expect(admin.locator(f"[data-service={service}]")).to_have_attribute(
            "data-tone", "ok", timeout=90_000
        )
    expect(admin.locator(".board .chart").first.locator("canvas")).to_be_visible(timeout=90_000)
    # The essentials are on the screen without scrolling: the top of the charts, too.
    bottom = admin.locator(".board-chart").last.bounding_box()
    assert bottom is not None
    assert bottom["y"] < 900
    assert stayed()
    admin.set_viewport_size({"width": 360, "height": 780})
    assert admin.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints == []


def test_analytics_are_drawn_again_when_another_period_is_chosen(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger = yard.charger("SUMS1")
    yard.status(charger, 1, "Available")
    start = {"connectorId": 1, "idTag": "DRIVER1", "meterStart": 0, "timestamp": stamp()}
    number = yard.do(charger.result("StartTransaction", start))["transactionId"]
    stop = {"transactionId": number, "meterStop": 4321, "timestamp": stamp()}
    yard.do(charger.result("StopTransaction", stop))
    admin.goto(f"{server.base_url}/inspect/analytics")
    live(admin)
    stayed = never_reloaded(admin)
    expect(admin.locator("#analysis")).to_contain_text("4.32")
    admin.locator("#filter-by").select_option("hour")
    expect(admin.locator("#analysis")).to_contain_text("Figures by hour")
    chart = admin.locator("[data-chart=energy]")
    chart.get_by_role("button", name="Show as table").click()
    expect(chart.locator(".chart-table tbody")).to_contain_text("4.3 kWh")
    chart.evaluate("chart => { chart.dataset.before = 'yes' }")
    admin.locator("#filter-range").select_option("7")
    expect(admin).to_have_url(f"{server.base_url}/inspect/analytics?range=7&by=hour")
    expect(admin.locator("[data-before]")).to_have_count(0)
    # What is read as a table stays one.
    expect(chart.locator(".chart-table tbody")).to_contain_text("4.3 kWh")
    chart.get_by_role("button", name="Show as chart").click()
    expect(chart.locator("canvas")).to_be_visible()
    assert stayed()
    assert complaints == []
