"""What a small screen shows stands in line, measured in Chromium."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.console.test_browser import Yard, sign_in
from tests.support.server import running_server

LEFT_EDGES = """[...document.querySelectorAll('#list tbody tr:first-child td')].map((cell) => {
  const style = getComputedStyle(cell);
  return [style.paddingLeft, style.paddingRight].join(' ');
})"""
LINES = """[...document.querySelectorAll('.card-header .card-title')].map((title) =>
  Math.round(title.getBoundingClientRect().height / parseFloat(getComputedStyle(title).lineHeight)))"""


def test_cells_stand_in_line_and_headings_on_one_line(page: Page, tmp_path: Path) -> None:
    with running_server(tmp_path, CSMS_UNKNOWN_CHARGE_POINTS="accept") as server:
        yard = Yard(server)
        yard.charger("SMALL1")
        server.manage("add_id_token", "DRIVER1")
        page.set_viewport_size({"width": 360, "height": 780})
        sign_in(page, server)
        for path in ("/inspect/charge-points", "/sys/tokens"):
            page.goto(server.base_url + path)
            assert len(set(page.evaluate(LEFT_EDGES))) == 1, path
        page.goto(f"{server.base_url}/inspect/charge-points/SMALL1")
        expect(page.locator("#frames .frame").first).to_be_visible()
        assert set(page.evaluate(LINES)) == {1}
        yard.close()
