"""Pictures of every page, light, dark and on a phone, with a busy fleet and with an empty house: `make screenshots`.

They are for looking at, not for comparing; each run writes them anew to data/screenshots. It also says what no
picture shows: complaints of the browser, and pages that are wider than the screen.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from console import alert_tabs
from console.tabs import TABS
from tests.console.alerts_house import prometheus
from tests.lanes.programs import PROGRAMS
from tests.support.charger import RawCharger
from tests.support.receiver import receiving, status
from tests.support.server import ADMIN_PASSWORD, ROOT, Server, running_server

OUT = ROOT / "data" / "screenshots"
LOOKS = {
    "light": {"viewport": {"width": 1360, "height": 900}},
    "dark": {"viewport": {"width": 1360, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 780}, "has_touch": True},
}
LISTS = {
    "dashboard": "/",
    "charge-points": "/inspect/charge-points",
    "charge-points-cards": "/inspect/charge-points?view=cards",
    "transactions": "/inspect/transactions",
    "analytics": "/inspect/analytics",
    "stuck": "/inspect/stuck",
    "frames": "/inspect/frames",
    "frames-followed": "/inspect/frames?live=1",
    "approvals": "/sys/authorizations",
    "tokens": "/sys/tokens",
    "token-import": "/sys/tokens/import",
    "settings": "/sys/config",
    "setting": "/sys/config/CSMS_UNKNOWN_ID_TAGS",
    "conformance": "/sys/conformance",
    "commands": "/sys/commands",
    "bulk-jobs": "/sys/commands/jobs",
    "search": "/search?q=c",
    "reservations": "/sys/reservations",
    "certificate-requests": "/sys/certificate-requests",
    "security-events": "/sys/security-events",
    "deviations": "/sys/deviations",
    "files": "/sys/files",
    "delivery": "/sys/delivery",
    "event-stream": "/sys/events",
    "event-stream-followed": "/sys/events?live=1",
    "webhooks": "/sys/webhooks",
    "webhook-add": "/sys/webhooks/add",
    **{f"alerts-{tab.slug}": f"/sys/alerts?tab={tab.slug}" for tab in alert_tabs.TABS},
    "alerts-add-silence": "/sys/alerts/silences/add",
    "alerts-add-channel": "/sys/alerts/channels/add",
    "alerts-add-email": "/sys/alerts/channels/add?kind=email",
    "alerts-add-webhook": "/sys/alerts/channels/add?kind=webhook",
    "alerts-add-rule": "/sys/alerts/rules/add",
    "alerts-add-rule-no-power": "/sys/alerts/rules/add?about=no-power",
    "alerts-add-prometheus-rule": "/sys/alerts/prometheus/rules/add",
    "not-found": "/nowhere",
}


OUTGOING = {
    "CSMS_OUTBOUND_ALLOW_HTTP": "true",
    "CSMS_OUTBOUND_NETWORKS": "127.0.0.0/8",
    "KAFKA_BROKERS": "127.0.0.1:9",  # where nobody answers
}


def main() -> int:
    """Take them all, or those whose names begin as an argument does; return how many complaints there were."""
    OUT.mkdir(parents=True, exist_ok=True)
    complaints: list[str] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(PROGRAMS["chromium"][0]()), args=["--no-sandbox", "--disable-gpu"]
        )
        with running_server(Path(folder, "empty")) as server:
            take(browser, server, "empty", LISTS, complaints)
        settings = {"CSMS_UNKNOWN_CHARGE_POINTS": "accept", "CSMS_UNKNOWN_ID_TAGS": "accept"} | OUTGOING
        with (
            running_server(Path(folder, "busy"), **settings) as server,
            reachable(server),
            receiving(status(200, b"thanks")) as receiver,
            prometheus() as beside,
        ):
            hooks = webhooks(browser, server, receiver.origin)
            with simulated(server):
                people_and_strangers(server)
                pages = LISTS | hooks | alerts(server, beside) | found_by_looking(browser, server)
                take(browser, server, "busy", pages, complaints)
    print("\n".join(complaints) or "Nobody complained.")
    print(f"{len(list(OUT.glob('*.png')))} pictures in {OUT}")
    return len(complaints)


@contextlib.contextmanager
def reachable(server: Server) -> Iterator[None]:
    """The same server, now that it can be told under which address charge points reach it."""
    server.env["CSMS_PUBLIC_URL"] = server.base_url
    server.stop()
    server.start()
    yield


@contextlib.contextmanager
def simulated(server: Server) -> Iterator[None]:
    """A fleet of the demo, some minutes into its day."""
    fleet = subprocess.Popen(
        [sys.executable, "manage.py", "simulate", "--count", "12", "--scenario", "demo", "--speed", "30"]
        + ["--url", server.ocpp_url],
        cwd=ROOT,
        env=server.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        fleet.terminate()
        fleet.wait(20)


def people_and_strangers(server: Server) -> None:
    """Tokens, a charge point that waits, one that is faulted, and handshakes that were refused."""
    server.manage("add_id_token", "04A1B2C3D4", "--label", "Car pool, blue van")
    server.manage("add_id_token", "04FFEE0011", "--label", "Night shift")

    async def come() -> None:
        for identity, protocols in (("LOST-7", ["ocpp9.9"]), ("bad:name", ["ocpp1.6"])):
            with contextlib.suppress(Exception):
                async with RawCharger.connect(server.ocpp_url, identity, subprotocols=protocols):
                    pass
        async with RawCharger.connect(server.ocpp_url, "GARAGE-2") as charger:
            await charger.boot()
            for number, status, code in ((0, "Available", "NoError"), (1, "Faulted", "GroundFailure")):
                await charger.result(
                    "StatusNotification", {"connectorId": number, "status": status, "errorCode": code}
                )

    thread = threading.Thread(target=lambda: asyncio.run(come()))  # Playwright has a loop in this one
    thread.start()
    thread.join()
    server.manage("add_charge_point", "GATE-1", "--pending")


def alerts(server: Server, beside: str) -> dict[str, str]:
    """What fires at the one that is faulted, who was told, and a Prometheus at a URL."""
    made = server.manage(
        "shell", "-v", "0", "-c", f"from tests.console.alerts_house import make; make({beside!r})"
    )
    found: dict[str, str] = json.loads(made.stdout.splitlines()[-1])
    return {f"alerts-{name}": path for name, path in found.items()}


def found_by_looking(browser: Browser, server: Server) -> dict[str, str]:
    """The pages of one charge point and of two transactions, found as a person finds them; and one command sent."""
    context = signed_in(browser, server, {})
    page = context.new_page()
    page.goto(f"{server.base_url}/inspect/transactions?status=active")
    link = page.locator("#list tbody a.strong").first
    link.wait_for(timeout=60_000)
    page.wait_for_timeout(20_000)  # some curves, some ends
    page.reload()
    active = page.locator("#list tbody a.strong").last.get_attribute("href") or ""
    charge_point = page.locator("#list tbody a[href*='charge-points']").last.get_attribute("href") or ""
    page.goto(f"{server.base_url}/inspect/transactions?status=ended")
    ended = page.locator("#list tbody a.strong").first.get_attribute("href") or active
    page.goto(server.base_url + charge_point)
    page.locator("#order-trigger-message summary").click()
    page.locator("#order-trigger-message").get_by_role("button").click()
    page.wait_for_timeout(2000)
    keep_it_busy(page, server.base_url + charge_point)
    page.goto(f"{server.base_url}{charge_point}/events")
    message = page.locator("#events a[href*='/frames/']").first.get_attribute("href") or charge_point
    context.close()
    tabs = {f"charge-point-{slug}": f"{charge_point}/{slug}" for slug in TABS}
    return tabs | {
        "charge-point": charge_point,
        "charge-point-message": message,
        "charge-point-faulted": "/inspect/charge-points/GARAGE-2",
        "transaction-active": active,
        "transaction-ended": ended,
    }


def webhooks(browser: Browser, server: Server, origin: str) -> dict[str, str]:
    """Three of them: one that is answered, one where nobody answers, one that is paused."""
    context = signed_in(browser, server, {})
    page = context.new_page()
    found = {}
    for name, address in (("Billing", origin), ("Night watch", "http://127.0.0.1:9"), ("Old system", origin)):
        page.goto(f"{server.base_url}/sys/webhooks/add")
        page.get_by_label("Name").fill(name)
        page.get_by_label("URL").fill(f"{address}/hooks/csms")
        for pattern in ("tx.*", "cp.status"):
            page.locator(f"[name=types][value='{pattern}']").check()
        page.get_by_role("button", name="Add the webhook").click()
        page.get_by_role("link", name="I have kept it").click()
        found[f"webhook-{name.split()[0].lower()}"] = page.url.removeprefix(server.base_url)
    page.get_by_placeholder("why (optional)").fill("moves to another house on Monday")
    page.get_by_role("button", name="Pause").click()
    context.close()
    return found | {"webhook-change": found["webhook-night"] + "/change"}


def keep_it_busy(page: Page, address: str) -> None:
    """Order something on every sub-page, so that there is something to be seen."""
    schedule = '{"unit": "W", "periods": [{"start_period": 0, "limit": 90000}, {"start_period": 1800, "limit": 40000}]}'
    limit = f'{{"purpose": "TxDefaultProfile", "stack_level": 1, "kind": "Relative", "schedule": {schedule}}}'
    orders: dict[str, dict[str, dict[str, str]]] = {
        "configuration": {"get-configuration": {}},
        "availability": {"change-availability": {"connector_id": "2", "type": "Inoperative"}},
        "authorization-list": {"get-local-list-version": {}},
        "reservations": {
            "reserve-now": {"connector_id": "1", "id_token": "04A1B2C3D4", "expires_at": "2099-01-01T12:00"}
        },
        "charging-profiles": {
            "set-charging-profile": {"connector_id": "1", "charging_profile": limit},
            "get-composite-schedule": {"connector_id": "1", "duration": "7200"},
        },
        "firmware": {"get-diagnostics": {}},
        "certificates": {
            "extended-trigger-message": {"requested_message": "SignChargePointCertificate"},
            "get-installed-certificate-ids": {},
        },
    }
    for slug, wanted in orders.items():
        page.goto(f"{address}/{slug}")
        for command, values in wanted.items():
            with contextlib.suppress(Exception):  # a picture without it is a picture, too
                order = page.locator(f"#order-{command}")
                order.locator("summary").first.click(timeout=3000)
                for name, value in values.items():
                    field = order.locator(f"[name={name}]")
                    if field.evaluate("element => element.tagName") == "SELECT":
                        field.select_option(value, timeout=3000)
                    else:
                        field.fill(value, timeout=3000)
                order.get_by_role("button").last.click(timeout=3000)
                if page.get_by_role("dialog").is_visible():
                    page.get_by_role("dialog").get_by_role("button").last.click(timeout=3000)
                page.wait_for_timeout(1500)


def signed_in(browser: Browser, server: Server, look: dict[str, object]) -> BrowserContext:
    """A context that knows the session of the first operator."""
    context = browser.new_context(**look)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{server.base_url}/sign-in")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(ADMIN_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(server.base_url + "/")
    page.close()
    return context


def take(browser: Browser, server: Server, house: str, pages: dict[str, str], complaints: list[str]) -> None:
    """Take every page in every look."""
    for name, look in LOOKS.items():
        stranger = browser.new_context(**look)  # type: ignore[arg-type]
        picture(stranger.new_page(), server.base_url + "/sign-in", f"{house}-sign-in-{name}", complaints)
        stranger.close()
        context = signed_in(browser, server, look)
        for title, path in pages.items():
            if sys.argv[1:] and not title.startswith(tuple(sys.argv[1:])):
                continue
            picture(context.new_page(), server.base_url + path, f"{house}-{title}-{name}", complaints)
        context.close()


def picture(page: Page, url: str, name: str, complaints: list[str]) -> None:
    """Take one page, whole."""
    expected = "404" if "not-found" in name else "\0"

    def hear(text: str) -> None:
        if expected not in text:
            complaints.append(f"{name}: {text}")

    page.on("console", lambda message: hear(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: hear(str(error)))
    page.goto(url)
    page.wait_for_timeout(900)
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wider > 0:
        hear(f"{wider} pixels wider than the screen")
    # The menu is as high as the window: for a whole page the window becomes as high as the page.
    height = page.evaluate("document.documentElement.scrollHeight")
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], min(height, 6000))})
    page.wait_for_timeout(200)
    page.screenshot(path=OUT / f"{name}.png")
    page.close()


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
