"""What a first look at the console found hard to see, in Chromium: clipped, cramped, faint, or drawn of nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.console.yard import Yard, live, sign_in
from tests.support.charger import stamp
from tests.support.server import Server, running_server

PATIENCE = 60_000  # ms, where Playwright would give a busy machine five seconds
OPEN = {"CSMS_UNKNOWN_CHARGE_POINTS": "accept", "CSMS_UNKNOWN_ID_TAGS": "accept"}
# As WCAG 2 has it, of an element's border against what is behind it.
CONTRAST = """element => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = getComputedStyle(element);
  const card = getComputedStyle(element.closest(".card"));
  const [low, high] = [light(style.borderTopColor), light(card.backgroundColor)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data: Path = tmp_path_factory.mktemp("first-look")
    with running_server(data, **OPEN) as server:
        yield server


@pytest.fixture
def yard(server: Server) -> Iterator[Yard]:
    yard = Yard(server)
    yield yard
    yard.close()


@pytest.fixture
def admin(page: Page, server: Server) -> Page:
    page.set_viewport_size({"width": 1440, "height": 900})
    sign_in(page, server)
    expect(page.get_by_role("heading", name="Dashboard", level=1)).to_be_visible(timeout=PATIENCE)
    return page


def test_a_list_of_long_names_shows_all_its_columns_on_a_laptop(
    admin: Page, server: Server, yard: Yard
) -> None:
    long = {"chargePointVendor": "Manufactory of chargers", "chargePointModel": "Wallbox plus XL-2000"}
    charger = yard.charger("LONG1", firmwareVersion="4.13.0-rc2+build.20261121.1352.gd8b8ac0a", **long)
    for number, status in enumerate(("SuspendedEVSE", "SuspendedEV", "Charging", "Finishing"), 1):
        yard.status(charger, number, status, "WeakSignal")
    admin.goto(f"{server.base_url}/inspect/charge-points")
    live(admin)
    table = admin.locator(".table-responsive")
    expect(table).to_contain_text("4.13.0-rc2", timeout=PATIENCE)
    assert table.evaluate("element => element.scrollWidth - element.clientWidth") <= 1


def test_the_name_of_a_charge_point_stands_apart_from_its_identity(
    admin: Page, server: Server, yard: Yard
) -> None:
    server.manage("add_charge_point", "NAMED1", "--name", "Station street")
    admin.goto(f"{server.base_url}/inspect/charge-points/NAMED1")
    gap = admin.get_by_role("heading", level=1).evaluate(
        """heading => {
          const identity = document.createRange();
          identity.selectNodeContents(heading.firstChild);
          return heading.querySelector("span").getBoundingClientRect().left - identity.getBoundingClientRect().right;
        }"""
    )
    assert gap >= 4
    silent = admin.locator(".stack > [data-live]").evaluate_all(
        "parts => parts.filter(part => !part.innerText.trim()).map(part => part.getClientRects().length)"
    )
    assert silent, "nothing fires here"
    assert set(silent) == {0}, "what has nothing to say leaves no gap"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_box_to_tick_is_seen(admin: Page, server: Server, scheme: str) -> None:
    admin.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    admin.goto(f"{server.base_url}/inspect/charge-points")
    assert admin.get_by_label("Only with faults").evaluate(CONTRAST) >= 3


def test_the_kind_of_an_unreadable_frame_is_not_broken(admin: Page, server: Server, yard: Yard) -> None:
    charger = yard.charger("NOISE1")
    yard.do(charger.send({"no": "frame"}))
    admin.goto(f"{server.base_url}/inspect/charge-points/NOISE1")
    kinds = admin.locator(".frame-kind")
    expect(kinds.filter(has_text="Unreadable").first).to_be_visible(timeout=PATIENCE)
    heights = set(kinds.evaluate_all("all => all.map((kind) => kind.clientHeight)"))
    assert len(heights) == 1


def test_a_curve_of_energy_is_drawn_only_where_there_is_one(admin: Page, server: Server, yard: Yard) -> None:
    charger = yard.charger("MUTE1")
    start = {"connectorId": 1, "idTag": "DRIVER1", "meterStart": 1000, "timestamp": stamp()}
    number = yard.do(charger.result("StartTransaction", start))["transactionId"]
    power = {"value": "7400", "measurand": "Power.Active.Import", "unit": "W"}
    values = {"connectorId": 1, "transactionId": number}
    values["meterValue"] = [{"timestamp": stamp(), "sampledValue": [power]}]
    yard.do(charger.result("MeterValues", values))
    admin.goto(f"{server.base_url}/inspect/transactions?q={number}")
    admin.get_by_role("link", name=str(number), exact=True).click()
    expect(admin.locator("[data-chart$='#power'] canvas")).to_be_visible(timeout=PATIENCE)
    expect(admin.locator("[data-chart$='#energy']")).to_have_text(
        "No meter register was reported.", timeout=PATIENCE
    )


def test_what_to_type_is_read_on_the_page_to_sign_in(page: Page, server: Server) -> None:
    page.goto(f"{server.base_url}/sign-in")
    size = page.locator("code").evaluate("element => parseFloat(getComputedStyle(element).fontSize)")
    assert size >= 12
