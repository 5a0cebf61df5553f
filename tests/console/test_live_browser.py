"""The live page in Chromium: one socket a tab, nothing lost and nothing reverted, sleep, silence and hostile words."""

import json
import re
import threading
from typing import Any

from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from tests.console.yard import HOSTILE, Yard, admin, complaints, live, never_reloaded, server, yard
from tests.support.server import Server

__all__ = ["admin", "complaints", "server", "yard"]  # fixtures


def tail_of(page: Page) -> Locator:
    found = page.locator("[data-tail]")
    expect(found).to_have_attribute("data-tail-phase", "live")
    return found


def test_a_tail_shows_what_comes_pauses_and_takes_hostile_words_as_text(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger = yard.charger("TAIL1")
    live(admin)  # the dashboard has its own
    sockets: list[str] = []
    admin.on("websocket", lambda socket: sockets.append(socket.url))
    admin.goto(f"{server.base_url}/inspect/frames?live=1&cp_id=TAIL1")
    live(admin)
    tail = tail_of(admin)
    stayed = never_reloaded(admin)
    yard.do(charger.call("DataTransfer", {"vendorId": HOSTILE, "data": HOSTILE}))
    expect(tail.locator("[data-tail-rows] > *").first).to_contain_text("DataTransfer")
    row = tail.locator("[data-tail-rows] > *").filter(has_text="DataTransfer").last
    row.locator("summary").click()
    expect(row.locator("pre")).to_contain_text("<script>")

    tail.get_by_role("button", name="Pause").click()
    shown = tail.locator("[data-tail-rows] > *").count()
    for _ in range(3):
        yard.do(charger.result("Heartbeat", {}))
    expect(tail.get_by_role("status")).to_contain_text("6 waiting")  # three calls and their answers
    assert tail.locator("[data-tail-rows] > *").count() == shown
    tail.get_by_role("button", name="Resume").click()
    expect(tail.locator("[data-tail-rows] > *")).to_have_count(shown + 6)
    expect(tail.locator("[data-tail-rows] > *").first).to_contain_text("Heartbeat")

    tail.locator(".tail-chip").filter(has_text="Heartbeat").click()
    expect(tail.locator("[data-tail-rows] > :visible").first).to_contain_text("DataTransfer")
    assert len(sockets) == 1
    assert stayed()
    assert "owned" not in admin.title()
    assert complaints == []


def test_a_message_that_is_lost_on_the_way_is_noticed_and_made_good(
    admin: Page, server: Server, yard: Yard
) -> None:
    charger = yard.charger("GAP1")
    dropped: list[Any] = []
    asked: list[Any] = []

    def between(socket: WebSocketRoute) -> None:
        far = socket.connect_to_server()

        def down(text: str | bytes) -> None:
            message = json.loads(text)
            if "changes" in message and message["changes"] and not dropped:
                dropped.append(message)
            else:
                socket.send(text)

        def up(text: str | bytes) -> None:
            message = json.loads(text)
            if "query" in message:
                asked.append(message)
            far.send(text)

        far.on_message(down)
        socket.on_message(up)

    admin.route_web_socket("**/live", between)
    admin.goto(f"{server.base_url}/inspect/frames?live=1&cp_id=GAP1")
    tail = tail_of(admin)
    yard.do(charger.call("DataTransfer", {"vendorId": "first"}))
    for _ in range(600):
        if dropped:
            break
        admin.wait_for_timeout(100)
    assert dropped
    expect(tail.locator("[data-tail-rows]")).not_to_contain_text("DataTransfer")
    yard.do(charger.result("Heartbeat", {}))
    expect(tail.locator("[data-tail-rows]")).to_contain_text("DataTransfer")
    expect(tail.locator("[data-tail-rows]")).to_contain_text("Heartbeat")
    assert len(asked) == 2
    # What it had is not there twice.
    ids = tail.locator("[data-tail-rows] > [data-tail-id]").evaluate_all(
        "rows => rows.map(r => r.dataset.tailId)"
    )
    assert len(ids) == len(set(ids))


def test_an_answer_that_was_held_while_something_newer_came_does_not_stay(
    admin: Page, server: Server, yard: Yard
) -> None:
    charger = yard.charger("HELD1")
    yard.status(charger, 1, "Available")
    admin.goto(f"{server.base_url}/inspect/charge-points/HELD1")
    live(admin)
    connectors = admin.locator("#connectors")
    expect(connectors).to_contain_text("Available")
    held: list[Route] = []
    reads: list[str] = []

    def hold(route: Route) -> None:
        if "connectors" not in route.request.headers.get("live", ""):
            route.continue_()
            return
        reads.append(route.request.headers["live"])
        if held:
            route.continue_()
            return
        held.append(route)
        answer = route.fetch()  # made now, with what is so now
        yard.status(charger, 1, "Charging")
        admin.wait_for_timeout(1500)  # the bell of the newer one has rung
        route.fulfill(response=answer)

    admin.route("**/inspect/charge-points/HELD1", hold)
    yard.status(charger, 1, "Preparing")
    expect(connectors).to_contain_text("Charging")
    admin.wait_for_timeout(1000)
    expect(connectors).to_contain_text("Charging")
    expect(connectors).not_to_contain_text("Preparing")
    assert len(reads) >= 2


def test_after_a_sleep_the_page_connects_anew_and_has_missed_nothing(
    admin: Page, server: Server, yard: Yard
) -> None:
    charger = yard.charger("SLEEP1")
    sockets: list[str] = []
    admin.on("websocket", lambda socket: sockets.append(socket.url))
    admin.clock.install()
    admin.goto(f"{server.base_url}/inspect/frames?live=1&cp_id=SLEEP1")
    tail_of(admin)
    admin.clock.fast_forward(3_600_000)  # every timer fires once at most: the lid was closed for an hour
    for _ in range(200):
        admin.clock.run_for(500)
        if len(sockets) > 1:
            break
    assert len(sockets) > 1
    yard.do(charger.call("DataTransfer", {"vendorId": "after"}))
    for _ in range(100):
        admin.clock.run_for(200)
        if "DataTransfer" in (admin.locator("[data-tail-rows]").text_content() or ""):
            break
    expect(admin.locator("[data-tail-rows]")).to_contain_text("DataTransfer")


def test_a_tab_that_nobody_looks_at_asks_for_nothing_until_it_is_seen(
    admin: Page, server: Server, yard: Yard
) -> None:
    charger = yard.charger("HIDDEN1")
    said: list[dict[str, Any]] = []
    admin.on(
        "websocket",
        lambda socket: socket.on("framesent", lambda text: said.append(json.loads(text))),
    )
    admin.clock.install()
    admin.goto(f"{server.base_url}/inspect/frames?live=1&cp_id=HIDDEN1")
    tail = tail_of(admin)
    seen = "hidden => { Object.defineProperty(document, 'hidden', {get: () => hidden, configurable: true});"
    seen += " document.dispatchEvent(new Event('visibilitychange')); }"
    admin.evaluate(seen, True)
    for _ in range(20):
        yard.do(charger.result("Heartbeat", {}))  # what comes keeps the socket from looking silent
        admin.wait_for_timeout(1500)
        admin.clock.run_for(20_000)
        if {"subscribe": []} in said:
            break
    assert {"subscribe": []} in said
    assert any("cancel" in message for message in said)
    yard.do(charger.call("DataTransfer", {"vendorId": "meanwhile"}))
    admin.wait_for_timeout(1500)
    expect(tail.locator("[data-tail-rows]")).not_to_contain_text("DataTransfer")
    admin.evaluate(seen, False)
    admin.clock.resume()
    expect(tail.locator("[data-tail-rows]")).to_contain_text("DataTransfer")
    live(admin)


def test_without_a_connection_the_tail_says_so_and_catches_up(
    admin: Page, server: Server, yard: Yard
) -> None:
    charger = yard.charger("OFF1")
    admin.goto(f"{server.base_url}/inspect/frames?live=1&cp_id=OFF1")
    tail = tail_of(admin)
    admin.context.set_offline(True)
    expect(tail).to_have_attribute("data-tail-phase", "lost")
    expect(tail.get_by_role("status")).to_contain_text("Reconnecting")
    yard.do(charger.call("DataTransfer", {"vendorId": "meanwhile"}))
    admin.context.set_offline(False)
    expect(tail.locator("[data-tail-rows]")).to_contain_text("DataTransfer")
    expect(tail).to_have_attribute("data-tail-phase", "live")


def test_a_script_follows_rows_that_come_change_and_go(
    admin: Page, server: Server, yard: Yard, complaints: list[str]
) -> None:
    charger = yard.charger("FOLD1")
    yard.status(charger, 1, "Available")
    admin.goto(f"{server.base_url}/inspect/charge-points?q=FOLD")
    live(admin)
    body = admin.locator("body")
    admin.evaluate(
        """window.followed = csmsLive.query("charge-points", {q: "FOLD", online: true, sort: "-cp_id"}, {
          rows: (rows) => {
            const said = rows.map((row) => `${row.cp_id} ${row.connectors[0]?.status}`);
            document.body.dataset.shown = said.join();
          },
        })"""
    )
    expect(body).to_have_attribute("data-shown", "FOLD1 Available")
    second = yard.charger("FOLD2")
    yard.status(second, 1, "Preparing")
    expect(body).to_have_attribute("data-shown", "FOLD2 Preparing,FOLD1 Available")
    yard.status(charger, 1, "Charging")
    expect(body).to_have_attribute("data-shown", "FOLD2 Preparing,FOLD1 Charging")
    yard.do(second.socket.close())
    expect(body).to_have_attribute("data-shown", "FOLD1 Charging")
    state = "{ state: (...said) => { document.body.dataset.said = said.join(': '); } }"
    admin.evaluate(f"followed.close(); csmsLive.query('nonsense', {{}}, {state})")
    expect(body).to_have_attribute("data-said", re.compile("^refused: there is no such query"))
    assert complaints == []


def test_the_fleet_stays_live_while_very_many_statuses_come(admin: Page, server: Server, yard: Yard) -> None:
    chargers = [yard.charger(f"BUSY{n}") for n in range(5)]
    reads: list[str] = []
    admin.on("request", lambda request: reads.append(request.url) if request.headers.get("live") else None)
    admin.goto(f"{server.base_url}/inspect/charge-points?q=BUSY")
    live(admin)
    stayed = never_reloaded(admin)
    done = threading.Event()

    async def statuses() -> int:
        for n in range(200):
            for charger in chargers:
                report = {"connectorId": 1, "errorCode": "NoError", "info": str(n)}
                status = "Available" if n < 199 else "Finishing"
                await charger.result("StatusNotification", report | {"status": status})
        done.set()
        return 1000

    before = len(reads)
    assert yard.do(statuses(), 300) == 1000
    assert done.is_set()
    for n in range(5):
        expect(admin.get_by_role("row").filter(has_text=f"BUSY{n}")).to_contain_text("Finishing")
    # A thousand changes: whatever time they took here, the page read again at most once in 0.4 s.
    assert len(reads) - before < 200
    assert stayed()
