"""Every page of the console in Chromium: light, dark, on a phone and on a wall, for whoever sees little or waits long.

What counts for each page alike is asked here, once: nothing serious that axe finds (WCAG 2.2 AA), nothing wider than
the screen, no complaint of the browser, no more than 300 kB to load, and a focus that is seen. Pages that have a key
are walked with one of each (tests.console.everything); some are walked after something was done on them.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.urls import get_resolver
from playwright.sync_api import Browser, BrowserContext, Page, Response, TimeoutError, expect

from alerts.transports.table import TRANSPORTS
from console import alert_tabs
from console.tabs import TABS
from tests.console.alerts_house import prometheus
from tests.console.everything import CHARGING, FURNISHED, VIEWER, VIEWER_PASSWORD, address_of_each
from tests.console.yard import Yard, server
from tests.support.charger import stamp
from tests.support.server import ADMIN_PASSWORD, Server, running_server

__all__ = ["server"]

AXE = (settings.BASE_DIR / "node_modules" / "axe-core" / "axe.min.js").read_text()
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
CONTRAST = {"type": "rule", "values": ["color-contrast"]}
DESK, PHONE, WALL = ({"width": w, "height": h} for w, h in ((1360, 900), (360, 780), (3840, 2160)))
BYTES_MAX = 300_000  # compressed, on the first load
PATIENCE = 60_000  # ms, where Playwright would give a busy machine half of it

NO_PAGES = (
    "sign-out",
    "language",
    "palette",
    "alarm",
    "file-content",
    "transaction-signed",
)  # acts of Django's own, and what scripts read
OF_A_CHARGE_POINT = re.compile(r"^inspect/charge-points/%\(cp_id\)s(/[a-z-]+)?$")
CLOSED_TO_VIEWERS = re.compile(
    r"token-import|(webhook|channel|rule|prometheus-rule|silence|foreign-silence)-(add|change|route)\b.*"
)  # forms, and nothing else
FORMS_OF_VIEWERS = re.compile(
    r"/(language|sign-out|inspect/fleet/views(/\d+/(change|begin|begin-whole|delete))?)$"
)

# Nothing moves while it is looked at.
STILL = """() => {
  const still = new CSSStyleSheet();
  still.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important }");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, still];
}"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# After a key was pressed the browser shows every focus, also one that a script gives.
UNSEEN_FOCUS = """() => {
  const kinds = new Map();
  for (const one of document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")) {
    one.focus({ preventScroll: true });
    if (document.activeElement !== one || !one.checkVisibility({ visibilityProperty: true })) continue;
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    if (outlineStyle === "none" || parseFloat(outlineWidth) < 2) {
      kinds.set(`${one.localName}.${one.className}`, one.outerHTML.slice(0, 120));
    }
  }
  return [...kinds.values()];
}"""
OUTLINE = "one => [getComputedStyle(one).outlineStyle, getComputedStyle(one).outlineWidth]"
FORMS = """() => [...document.querySelectorAll("form")].filter(form => form.getAttribute("method") === "post")
  .map(form => new URL(form.action).pathname)"""
ACTS = "[hx-post], [hx-put], [hx-patch], [hx-delete]"


class Stop(NamedTuple):
    """A page to be looked at: its address, what is done there first, and the status it comes with."""

    path: str
    do: Callable[[Page], None] | None = None
    status: int = 200


House = dict[str, Stop]


# --- what there is ----------------------------------------------------------------------------------------------------


def ways() -> Iterator[tuple[str, str, list[str]]]:
    """Yield name, path and keys of every address of the console, from its own table."""
    for name, found in get_resolver("console.urls").reverse_dict.lists():
        for [(path, keys), *_], _pattern, _defaults, _converters in found:
            if isinstance(name, str):
                yield name, path, keys


def pages_without_key() -> House:
    """Return the pages that need no key; what is no page is left out."""
    return {name: Stop(f"/{path}") for name, path, keys in ways() if not keys and name not in acts()}


def acts() -> set[str]:
    """Return the names of what is no page: what may only be posted, and what scripts read."""
    views = {pattern.name: pattern.callback for pattern in get_resolver("console.urls").url_patterns}
    posted = {name for name, view in views.items() if _is_behind_action(view)}
    return posted | set(NO_PAGES) | {name for name, path, _ in ways() if path.endswith(".json")}


def _is_behind_action(view: Any) -> bool:
    within = getattr(getattr(view, "__wrapped__", None), "__code__", None)
    return within is not None and within.co_qualname.startswith("action.")


def pages_of_charge_points() -> House:
    found = {
        name: Stop("/" + path % {"cp_id": FURNISHED})
        for name, path, keys in ways()
        if keys == ["cp_id"] and OF_A_CHARGE_POINT.match(path) and name not in acts()
    }
    tabs = {f"tab-{slug}": Stop(f"/inspect/charge-points/{FURNISHED}/{slug}") for slug in TABS}
    return found | tabs | {"charge-point-charging": Stop(f"/inspect/charge-points/{CHARGING}")}


def open_palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("cp")
    expect(page.locator("#palette-list").get_by_role("option").first).to_be_visible(timeout=PATIENCE)


def prepare_a_job(page: Page) -> None:
    page.locator("#bulk-all").check()
    page.locator("#bulk-type").select_option("reset")
    with page.expect_navigation():
        page.locator("[data-bulk] [type=submit], [data-bulk] button:not([type])").last.click()


def be_asked(page: Page) -> None:
    """Come to a question as without script, where no dialog asks it."""
    with page.expect_navigation():
        page.evaluate("document.querySelector('main form[data-confirm]').submit()")


def pages_of_alerts() -> House:
    """Return the tabs, and the form of each kind of channel and of a condition and a happening."""
    kinds = {f"channel-add-{kind}": Stop(f"/sys/alerts/channels/add?kind={kind}") for kind in TRANSPORTS}
    abouts = {
        f"rule-add-{slug}": Stop(f"/sys/alerts/rules/add?about={slug}")
        for slug in ("no-power", "security-event")
    }
    tabs = {f"alerts-{tab.slug}": Stop(f"/sys/alerts?tab={tab.slug}") for tab in alert_tabs.TABS}
    return kinds | abouts | tabs


def refuse_a_silence(page: Page) -> None:
    page.locator("[name=matchers]").fill("nonsense")
    page.locator("[name=comment]").fill("why not")
    with page.expect_navigation():
        page.locator("main form [type=submit]").first.click()


def open_steps(page: Page) -> None:
    for summary in page.locator("#head details > summary").all():
        summary.click()


def extras(each: dict[str, str]) -> House:
    return {
        "silence-add-refused": Stop("/sys/alerts/silences/add", refuse_a_silence),
        "silence-add-of-alert": Stop(f"/sys/alerts/silences/add?alert={each['alert'].rsplit('/', 1)[1]}"),
        "alert-steps": Stop(each["alert"], open_steps),
        "palette": Stop("/sys/files", open_palette),
        "bulk-form": Stop("/inspect/charge-points", prepare_a_job),
        "question": Stop(each["webhook"], be_asked),
        "error": Stop("/nowhere", status=404),
        "cards": Stop("/inspect/charge-points?view=cards"),
        "frames-followed": Stop("/inspect/frames?live=1"),
        "search-found": Stop("/search?q=CP"),
        "stuck-zombies": Stop("/inspect/stuck?kind=zombie"),
    }


PARTS: dict[str, Callable[[str], bool]] = {
    "charge point": lambda path: path.startswith("/inspect/charge-points/"),
    "inspect": lambda path: path.startswith("/inspect/") and not path.startswith("/inspect/charge-points/"),
    "system": lambda path: not path.startswith("/inspect/"),
}
of_each_part = pytest.mark.parametrize("part", PARTS)


@pytest.fixture(scope="module")
def house(server: Server) -> Iterator[House]:
    """Every page of a server that has one of everything, one that charges, and one with a fault."""
    yard = Yard(server)
    charger = yard.charger(CHARGING)
    yard.status(charger, 1, "Preparing")
    start = {"connectorId": 1, "idTag": "T1", "meterStart": 100, "timestamp": stamp()}
    started = yard.do(charger.result("StartTransaction", start))
    sample = [{"value": "7400", "measurand": "Power.Active.Import", "unit": "W"}, {"value": "160"}]
    values = [{"timestamp": stamp(), "sampledValue": sample}]
    more = {"connectorId": 1, "transactionId": started["transactionId"], "meterValue": values}
    yard.do(charger.result("MeterValues", more))
    yard.status(charger, 1, "Charging")
    yard.status(yard.charger("CP17"), 1, "Faulted", "GroundFailure")
    yard.charger("CP18", firmwareVersion="<b>" + "x" * 40)
    with prometheus() as url:
        each = address_of_each(server, url)
        keyed = {name: Stop(path) for name, path in each.items()}
        yield (pages_without_key() | pages_of_charge_points() | pages_of_alerts() | keyed | extras(each))
    yard.close()


def test_every_address_is_walked_or_no_page(house: House) -> None:
    paths = [stop.path.partition("?")[0] for stop in house.values()]
    of_one = {
        name: re.sub(r"%\(\w+\)s", "[^/]+", f"/{path}") for name, path, _ in ways() if name not in acts()
    }
    assert {
        name for name, path in of_one.items() if not any(re.fullmatch(path, one) for one in paths)
    } == set()


# --- how it is looked at ----------------------------------------------------------------------------------------------


def enter(
    browser: Browser, server: Server, name: str = "", password: str = "", **look: Any
) -> BrowserContext:
    """Return the screen of somebody, signed in where they have a name."""
    context = browser.new_context(**look)
    context.set_default_timeout(PATIENCE)
    if name:
        page = context.new_page()
        page.goto(f"{server.base_url}/sign-in")
        page.locator("[name=username]").fill(name)
        page.locator("[name=password]").fill(password)
        page.locator("form [type=submit]").first.click()
        page.wait_for_url(f"{server.base_url}/")
        page.close()
    return context


def come_to(page: Page, server: Server, stop: Stop, idle: bool = False) -> list[str]:
    """Open a page and wait until it is settled; return the list in which its complaints gather."""
    heard: list[str] = []
    page.on("console", lambda said: heard.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    answer = page.goto(server.base_url + stop.path, wait_until="networkidle" if idle else "load")
    assert answer is not None
    if answer.status != stop.status:
        heard.append(f"status {answer.status}")
    elif stop.status != 200:
        heard[:] = [text for text in heard if f"status of {stop.status}" not in text]
    if stop.do is not None:
        stop.do(page)
        heard[:] = [text for text in heard if "status of 422" not in text]  # of a form that is refused
    try:
        page.wait_for_function(
            "() => { const bar = document.getElementById('live-bar');"
            " return !bar || bar.hidden || ['live', 'still'].includes(bar.dataset.state); }"
        )
    except TimeoutError:
        heard.append("it does not become live")
    page.evaluate(STILL)
    return heard


def faults(page: Page, rules: dict[str, Any] = WCAG, name: str = "") -> list[str]:
    """Return what axe finds that is serious, with the first element of each."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    asked = {"runOnly": rules, "resultTypes": ["violations"]}
    found = page.evaluate("asked => axe.run(document, asked)", asked)["violations"]
    return [
        f"{name} {fault['id']}: {fault['nodes'][0]['html'][:200]} {fault['nodes'][0].get('failureSummary', '')[:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


def too_wide(page: Page) -> list[str]:
    wider = int(page.evaluate(WIDER))
    return [f"{wider} pixels wider than the screen"] if wider > 0 else []


def unseen_focus(page: Page) -> list[str]:
    page.keyboard.press("Tab")
    return [f"its focus is not seen: {element}" for element in page.evaluate(UNSEEN_FOCUS)]


class Scale:
    """Weighs what a page loads, as it comes over the wire from a checkout: bodies, compressed where the server does."""

    def watch(self, page: Page) -> list[Response]:
        page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
        answers: list[Response] = []
        page.on("response", lambda answer: answers.append(answer))
        return answers

    def weigh(self, answers: list[Response]) -> int:
        return sum(self._one(answer) for answer in answers if answer.status == 200)

    def _one(self, answer: Response) -> int:
        length = answer.headers.get("content-length")  # also of what the browser has kept from another page
        return int(length) if length is not None else len(answer.body())


def told(wrong: dict[str, list[str]]) -> str:
    return "\n".join(f"{name}: {text}" for name, texts in wrong.items() for text in texts)


def chosen(house: House, part: str) -> Iterator[tuple[str, Stop]]:
    return ((name, stop) for name, stop in house.items() if PARTS[part](stop.path))


# --- the walks --------------------------------------------------------------------------------------------------------


@of_each_part
def test_every_page_is_light_seen_by_everybody_and_as_wide_as_its_screen(
    browser: Browser, server: Server, house: House, part: str
) -> None:
    wrong: dict[str, list[str]] = {}
    context, scale = enter(browser, server, "admin", ADMIN_PASSWORD, viewport=DESK), Scale()
    for name, stop in chosen(house, part):
        page = context.new_page()
        answers = scale.watch(page)
        heard = come_to(page, server, stop, idle=True)
        if stop.do is None and (weight := scale.weigh(answers)) > BYTES_MAX:
            heard.append(f"{weight} bytes")
        heard += faults(page) + too_wide(page)
        page.emulate_media(color_scheme="dark")
        heard += faults(page, CONTRAST, "dark")
        heard += unseen_focus(page)
        page.set_viewport_size(WALL)
        heard += too_wide(page)
        if heard:
            wrong[name] = heard
        page.close()
    context.close()
    assert not wrong, told(wrong)


@of_each_part
def test_every_page_suits_a_phone_in_german(
    browser: Browser, server: Server, house: House, part: str
) -> None:
    wrong: dict[str, list[str]] = {}
    context = enter(browser, server, "admin", ADMIN_PASSWORD, viewport=PHONE, has_touch=True, locale="de-DE")
    for name, stop in chosen(house, part):
        page = context.new_page()
        heard = come_to(page, server, stop) + faults(page) + too_wide(page) + unseen_focus(page)
        if page.locator("html").get_attribute("lang") != "de":
            heard.append("it is not German")
        if heard:
            wrong[name] = heard
        page.close()
    context.close()
    assert not wrong, told(wrong)


def test_a_viewer_finds_every_page_and_nothing_to_do(browser: Browser, server: Server, house: House) -> None:
    wrong: dict[str, list[str]] = {}
    context = enter(browser, server, VIEWER, VIEWER_PASSWORD, viewport=DESK)
    for name, stop in house.items():
        if stop.do is not None and name != "palette":
            continue  # what it would do is not there
        page = context.new_page()
        closed = CLOSED_TO_VIEWERS.fullmatch(name) is not None
        heard = come_to(page, server, stop._replace(status=403) if closed else stop)
        heard += [f"form to {path}" for path in page.evaluate(FORMS) if not FORMS_OF_VIEWERS.search(path)]
        if page.locator(ACTS).count():
            heard.append("something that posts by script")
        if heard:
            wrong[name] = heard
        page.close()
    context.close()
    assert not wrong, told(wrong)


def test_an_empty_house_looks_as_good(browser: Browser, tmp_path: Path) -> None:
    wrong: dict[str, list[str]] = {}
    with running_server(tmp_path) as server:
        context = enter(browser, server, "admin", ADMIN_PASSWORD, viewport=PHONE, has_touch=True)
        for name, stop in (pages_without_key() | pages_of_alerts()).items():
            page = context.new_page()
            heard = come_to(page, server, stop) + faults(page) + too_wide(page)
            if heard:
                wrong[name] = heard
            page.close()
        context.close()
    assert not wrong, told(wrong)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_who_is_not_signed_in_can_read_the_page_that_asks(
    browser: Browser, server: Server, scheme: str
) -> None:
    context = enter(browser, server, viewport=PHONE, color_scheme=scheme)
    page = context.new_page()
    assert come_to(page, server, Stop("/sign-in?next=/inspect/charge-points")) == []
    assert faults(page) + too_wide(page) == []
    for place in (page.get_by_label("User name"), page.get_by_label("Password"), page.get_by_role("button")):
        expect(place).to_be_focused()
        style, width = place.evaluate(OUTLINE)
        assert (style, float(width.removesuffix("px")) >= 2) == ("solid", True)
        page.keyboard.press("Tab")
    context.close()
