"""What a small screen shows stands in line, measured in Chromium."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.console.yard import Yard, live, sign_in
from tests.support.charger import stamp
from tests.support.server import running_server

# The box to choose a row hangs in its corner; every cell that stands in the row stands in line.
LEFT_EDGES = """[...document.querySelectorAll('#list tbody tr:first-child td')].map((cell) => getComputedStyle(cell))
  .filter((style) => style.position !== 'absolute').map((style) => [style.paddingLeft, style.paddingRight].join(' '))"""
HANGING = """[...document.querySelectorAll('#list tbody tr:first-child td')]
  .filter((cell) => getComputedStyle(cell).position === 'absolute').map((cell) => {
    const [box, row] = [cell, cell.parentElement].map((element) => element.getBoundingClientRect());
    const inside = row.left <= box.left && box.right <= row.right && row.top <= box.top && box.bottom <= row.bottom;
    return [cell.className, inside];
  })"""
INSIDE = (
    "[...document.querySelectorAll('#list td > .nowrap')].map((word) => word.scrollWidth <= word.clientWidth)"
)
LINES = """[...document.querySelectorAll('.card-header .card-title')].map((title) =>
  Math.round(title.getBoundingClientRect().height / parseFloat(getComputedStyle(title).lineHeight)))"""

LINES_OF_ERROR = """() => {
    const frames = [...document.querySelectorAll("#frames .frame")];
    const action = frames.find((frame) => frame.textContent.includes("Error answer"))?.querySelector(".frame-action");
    return action && action.getBoundingClientRect().height / parseFloat(getComputedStyle(action).lineHeight);
}"""


def test_cells_stand_in_line_and_headings_on_one_line(page: Page, tmp_path: Path) -> None:
    with running_server(tmp_path, CSMS_UNKNOWN_CHARGE_POINTS="accept") as server:
        yard = Yard(server)
        yard.charger("SMALL1")
        server.manage("add_id_token", "A" * 36, "--type", "MacAddress")
        page.set_viewport_size({"width": 360, "height": 780})
        sign_in(page, server)
        for path, hanging in (("/inspect/charge-points", [["pick", True]]), ("/sys/tokens", [])):
            page.goto(server.base_url + path)
            edges = page.evaluate(LEFT_EDGES)
            assert (len(edges) > 2, len(set(edges)), page.evaluate(HANGING)) == (True, 1, hanging), path
        assert page.evaluate(INSIDE) == [True], "a long token leaves its kind the room it needs"
        page.goto(f"{server.base_url}/inspect/charge-points/SMALL1")
        expect(page.locator("#frames .frame").first).to_be_visible()
        assert set(page.evaluate(LINES)) == {1}
        yard.close()


CONTRAST = """(element) => {
  const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const seen = (colour) => {
    brush.fillStyle = colour;  // whatever notation the colour has, what is painted is RGB
    brush.fillRect(0, 0, 1, 1);
    return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (colour) => seen(colour).map((value) => value / 255)
    .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const style = getComputedStyle(element);
  const [low, high] = [light(style.color), light(style.backgroundColor)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}"""


def test_an_error_answer_and_what_was_done_can_be_read_on_a_phone(page: Page, tmp_path: Path) -> None:
    with running_server(
        tmp_path, CSMS_UNKNOWN_CHARGE_POINTS="accept", CSMS_UNKNOWN_ID_TAGS="accept"
    ) as server:
        yard = Yard(server)
        charger = yard.charger("SMALL2")
        start = {"connectorId": 1, "idTag": "DRIVER1", "meterStart": 1000, "timestamp": stamp()}
        yard.do(charger.result("StartTransaction", start))
        page.set_viewport_size({"width": 360, "height": 780})
        sign_in(page, server)
        page.goto(f"{server.base_url}/inspect/charge-points/SMALL2")
        live(page)
        page.locator("#charging").get_by_role("button", name="Stop charging").click()
        page.get_by_role("dialog").get_by_role("button", name="Stop charging").click()
        done = page.locator(".messages .alert-success")
        expect(done).to_contain_text("ordered")
        for theme in ("light", "dark"):
            page.evaluate("(theme) => { document.documentElement.dataset.bsTheme = theme; }", theme)
            assert done.evaluate(CONTRAST) >= 4.5, theme
        _, message_id, _, _ = yard.do(charger.receive())
        yard.do(charger.send([4, message_id, "InternalError", "not today", {}]))
        frame = page.locator("#frames .frame").filter(has_text="Error answer")
        action = frame.locator(".frame-action")
        expect(action).to_contain_text("InternalError")
        # In one step: the list is read again now and then, and an element that has gone has no height.
        height = page.wait_for_function(LINES_OF_ERROR).json_value()
        assert round(height) <= 2
        chip, at = frame.locator(".chip").bounding_box(), frame.locator(".frame-at").bounding_box()
        assert chip is not None
        assert at is not None
        assert abs(chip["y"] - at["y"]) < 10
        yard.close()
