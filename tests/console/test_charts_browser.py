"""Any chart: drawn from figures, zoomed by dragging, walked with keys, read as a table, empty with a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

STATIC = Path(__file__).resolve().parents[2] / "static"
HOUR = 3_600_000
START = 1_767_225_600_000  # 2026-01-01T00:00:00Z

POWER = {
    "unit": "kW",
    "decimals": 1,
    "zone": "Europe/Berlin",
    "marks": [{"at": START + HOUR, "label": "now"}],
    "series": [
        {"label": "Power", "kind": "step", "points": [[START + n * HOUR, n * 1.5] for n in range(5)]},
        {"label": "Battery", "unit": "%", "decimals": 0, "points": [[START, 20], [START + 2 * HOUR, 61]]},
    ],
}


@pytest.fixture
def board(page: Page) -> Page:
    """Return a page with the scripts of charts and nothing else."""
    page.set_viewport_size({"width": 900, "height": 700})
    page.set_content("<!doctype html><html lang=en><main></main>")
    for sheet in ("vendor/uplot/uPlot.min.css", "console/console.css"):
        page.add_style_tag(path=STATIC / sheet)
    for script in ("vendor/uplot/uPlot.iife.min.js", "console/charts.js"):
        page.add_script_tag(path=STATIC / script)
    return page


def draw(page: Page, figures: dict[str, Any]) -> None:
    """Put a chart of these figures into the page."""
    page.evaluate(
        """figures => {
            const data = Object.assign(document.createElement("script"),
                { type: "application/json", id: "figures", textContent: figures });
            const place = Object.assign(document.createElement("div"), { className: "chart" });
            place.dataset.chart = "#figures";
            document.querySelector("main").replaceChildren(data, place);
            csmsChart.scan(document);
        }""",
        json.dumps(figures),
    )


def test_a_chart_says_its_figures_with_units_in_the_zone_that_was_named(board: Page) -> None:
    draw(board, POWER)
    chart = board.locator(".chart")
    chart.locator(".u-over").hover(position={"x": 5, "y": 40})
    expect(chart.locator(".u-legend")).to_contain_text("0.0 kW")
    expect(chart.locator(".u-legend")).to_contain_text("20 %")
    expect(chart.locator(".u-legend")).to_contain_text("01:00:00 GMT+1")  # midnight of UTC, in Berlin


def test_dragging_zooms_and_the_button_shows_the_whole_again(board: Page) -> None:
    draw(board, POWER)
    over = board.locator(".u-over").bounding_box()
    assert over is not None
    reset = board.get_by_role("button", name="Reset zoom")
    expect(reset).to_be_hidden()
    board.mouse.move(over["x"] + over["width"] * 0.4, over["y"] + 50)
    board.mouse.down()
    board.mouse.move(over["x"] + over["width"] * 0.6, over["y"] + 50, steps=4)
    board.mouse.up()
    expect(reset).to_be_visible()
    assert shown(board) < 1.5 * HOUR / 1000
    # Figures that come meanwhile do not take away what somebody looks at.
    board.evaluate("figures => csmsChart.show(document.querySelector('.chart'), figures)", POWER)
    assert shown(board) < 1.5 * HOUR / 1000
    reset.click()
    expect(reset).to_be_hidden()
    assert shown(board) == 4 * HOUR / 1000


def shown(page: Page) -> float:
    """Return how many seconds the chart shows."""
    axis = "([...csmsChart.all()][0]).scales.x"
    return float(page.evaluate(f"{axis}.max - {axis}.min"))


def test_a_chart_is_walked_and_zoomed_with_keys_and_read_as_a_table(board: Page) -> None:
    draw(board, POWER)
    board.keyboard.press("Tab")
    for _ in range(2):
        board.keyboard.press("ArrowLeft")
    expect(board.locator(".u-legend")).to_contain_text("4.5 kW")
    board.keyboard.press("+")
    expect(board.get_by_role("button", name="Reset zoom")).to_be_visible()
    board.keyboard.press("Escape")
    expect(board.get_by_role("button", name="Reset zoom")).to_be_hidden()
    board.get_by_role("button", name="Show as table").click()
    rows = board.locator(".chart-table tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.last).to_contain_text("20 %")
    board.get_by_role("button", name="Show as chart").click()
    expect(board.locator("canvas")).to_be_visible()


def test_a_lane_tells_states_in_words_as_long_as_they_hold(board: Page) -> None:
    lane = {
        "label": "State",
        "kind": "lane",
        "words": [{"label": "Charging", "colour": 2}, {"label": "Paused by <i>car</i>", "colour": 3}],
        "points": [[START, 0], [START + 2.5 * HOUR, 1], [START + 4 * HOUR, None]],
    }
    draw(board, {**POWER, "series": [POWER["series"][0], lane]})  # type: ignore[index]
    legend = board.locator(".u-legend")
    board.keyboard.press("Tab")
    board.keyboard.press("ArrowLeft")
    board.keyboard.press("ArrowLeft")
    expect(legend).to_contain_text("Paused by <i>car</i>")  # between two readings
    board.keyboard.press("ArrowLeft")
    board.keyboard.press("ArrowLeft")
    expect(legend).to_contain_text("Charging")
    board.get_by_role("button", name="Show as table").click()
    rows = board.locator(".chart-table tbody tr")
    expect(rows).to_have_count(6)  # five readings, and the change between two of them
    states = board.locator(".chart-table tbody td:last-child").all_text_contents()
    assert states == ["–", *["Paused by <i>car</i>"] * 2, *["Charging"] * 3]


def test_a_chart_without_figures_says_so_and_one_with_hostile_words_writes_them(board: Page) -> None:
    draw(
        board,
        {**POWER, "empty": "No reading yet.", "series": [{"label": "Power", "points": [[START, None]]}]},
    )
    expect(board.locator(".chart")).to_have_text("No reading yet.")
    hostile = "<img src=x onerror=\"document.title='owned'\">"
    draw(board, {**POWER, "series": [{"label": hostile, "points": [[START, 1], [START + HOUR, 2]]}]})
    expect(board.locator(".u-legend")).to_contain_text(hostile)
    assert board.title() != "owned"


def test_a_chart_keeps_to_its_place_when_that_changes(board: Page) -> None:
    draw(board, POWER)
    expect(board.locator("canvas")).to_be_visible()
    board.set_viewport_size({"width": 380, "height": 700})
    board.wait_for_function("document.documentElement.scrollWidth <= 380")


@pytest.mark.parametrize("missing", ["uplot", "charts.js"])
def test_a_chart_whose_script_is_missing_says_that_and_not_that_it_needs_script(
    page: Page, missing: str
) -> None:
    page.set_content(
        "<!doctype html><html lang=en><div class=chart data-chart=#figures>"
        "<p class=nothing>The chart needs JavaScript; the table below has the same figures.</p></div>"
        f"<script type=application/json id=figures>{json.dumps(POWER)}</script>"
    )
    for script in (
        "vendor/uplot/uPlot.iife.min.js",
        "console/words.js",
        "console/charts.js",
        "console/console.js",
    ):
        if missing not in script.lower():
            page.add_script_tag(path=STATIC / script)
    # The scripts of a page are read before its content is.
    page.evaluate("document.dispatchEvent(new Event('DOMContentLoaded'))")
    page.evaluate("window.csmsChart && csmsChart.scan(document)")
    expect(page.locator(".chart")).to_have_text(
        "The chart could not be loaded; reload the page to try again."
    )
