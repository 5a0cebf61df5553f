"""A page on one server process follows what happens at another: topics travel over Redis, data is read."""

import asyncio
import http.cookiejar
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import websockets

from tests.support.charger import RawCharger, eventually, stamp
from tests.support.server import ADMIN_PASSWORD, Server, running_server

pytestmark = pytest.mark.postgres_only
PATIENCE = 120


@pytest.fixture(scope="module")
def two_servers(tmp_path_factory, redis_url, new_database) -> Iterator[tuple[Server, Server]]:
    folder, database = tmp_path_factory.mktemp("live"), new_database()
    shared = {
        "REDIS_URL": redis_url,
        "CSMS_UNKNOWN_CHARGE_POINTS": "accept",
        "CSMS_UNKNOWN_ID_TAGS": "accept",
    }
    with running_server(folder / "one", database, **shared, CSMS_EMBEDDED_WORKER="on") as one:
        with running_server(folder / "two", database, **shared, CSMS_EMBEDDED_WORKER="off") as two:
            yield one, two


def cookies_of(server: Server) -> str:
    """Sign the administrator in, as the form does, and return the cookies."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    text = browser.open(f"{server.base_url}/sign-in", timeout=60).read().decode()
    [token] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)[:1]
    form = {"username": "admin", "password": ADMIN_PASSWORD, "csrfmiddlewaretoken": token}
    browser.open(f"{server.base_url}/sign-in", urllib.parse.urlencode(form).encode(), timeout=60)
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


class Tab:
    """An open page, which folds what it is told as live.js does and lets no number be left out."""

    def __init__(self, wire: websockets.ClientConnection) -> None:
        self.wire = wire
        self.rows: dict[int, dict[str, Any]] = {}
        self.seen: dict[int, list[str]] = {}
        self.skipped = False
        self.seq: dict[int, int] = {}
        self.messages = 0
        self.topics: list[dict[str, Any]] = []
        self.reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, server: Server) -> "Tab":
        cookies = await asyncio.to_thread(cookies_of, server)
        wire = await websockets.connect(
            server.base_url.replace("http", "ws") + "/live",
            origin=websockets.Origin(server.base_url),
            additional_headers={"Cookie": cookies},
            open_timeout=PATIENCE,
            max_size=None,
        )
        return cls(wire)

    async def say(self, **words: Any) -> None:
        await self.wire.send(json.dumps(words))

    async def follow(self, id: int, name: str, **params: Any) -> None:
        await self.say(query=name, params=params, id=id)
        await eventually(lambda: id in self.seq, PATIENCE)

    async def _read(self) -> None:
        async for text in self.wire:
            message = json.loads(text)
            if "id" not in message:
                self.topics.append(message)
                continue
            self.messages += 1
            id, key = message["id"], message["key"]
            self.skipped = self.skipped or "skipped" in message
            if "snapshot" in message:
                assert message["seq"] == 0
                self.rows[id] = {row[key]: row for row in message["snapshot"]}
                self.seen[id] = list(self.rows[id])
            else:
                assert message["seq"] == self.seq[id] + 1
                for change in message["changes"]:
                    if "remove" in change:
                        del self.rows[id][change["remove"]]
                        continue
                    row = change.get("upsert") or change["append"]
                    self.rows[id][row[key]] = row
                    if "append" in change:
                        self.seen[id].append(row[key])
            self.seq[id] = message["seq"]

    async def close(self) -> None:
        assert not self.reading.done() or self.reading.exception() is None
        self.reading.cancel()
        with suppress(asyncio.CancelledError):
            await self.reading
        await self.wire.close()


def report(status: str, info: str = "") -> dict[str, Any]:
    return {"connectorId": 1, "status": status, "errorCode": "NoError", "info": info, "timestamp": stamp()}


async def reads_of(server: Server) -> float:
    _, text = await asyncio.to_thread(server.get, "/metrics")
    found = re.search(r"^csms_live_reads_total (\S+)$", text, re.MULTILINE)
    assert found
    return float(found[1])


async def test_what_happens_at_one_process_is_told_at_the_other(two_servers: tuple[Server, Server]) -> None:
    one, two = two_servers
    async with RawCharger.connect(one.ocpp_url, "FAR1") as charger:
        await charger.boot()
        await charger.result("StatusNotification", report("Available"))
        tab = await Tab.open(two)
        await tab.say(subscribe=["fleet"])
        await tab.follow(1, "charge-points", q="FAR1")
        await tab.follow(2, "transactions-active", cp_id="FAR1")
        await tab.follow(3, "frames", cp_id="FAR1")
        await tab.follow(4, "device-events", cp_id="FAR1")
        await tab.follow(5, "status-history", cp_id="FAR1")
        await tab.follow(6, "meter-history", cp_id="FAR1")
        await tab.follow(7, "charge-point", cp_id="FAR1")
        assert tab.rows[1]["FAR1"]["connectors"][0]["status"] == "Available"

        await charger.result("StatusNotification", report("Preparing"))
        for id in (1, 7):
            await eventually(
                lambda id=id: tab.rows[id]["FAR1"]["connectors"][0]["status"] == "Preparing", PATIENCE
            )
        # The other process may be heard for the first time by this: then anything may have changed.
        await eventually(
            lambda: any("fleet" in told["changed"] or told.get("again") for told in tab.topics), PATIENCE
        )
        start = {"connectorId": 1, "idTag": "ALICE", "meterStart": 5, "timestamp": stamp()}
        number = (await charger.result("StartTransaction", start))["transactionId"]
        await eventually(lambda: tab.rows[2], PATIENCE)
        values = [{"timestamp": stamp(), "sampledValue": [{"value": "7"}]}]
        meter = {"connectorId": 1, "transactionId": number, "meterValue": values}
        await charger.result("MeterValues", meter)
        await eventually(lambda: tab.rows[6], PATIENCE)
        stop = {"transactionId": number, "meterStop": 9, "timestamp": stamp()}
        await charger.result("StopTransaction", stop)
        await eventually(lambda: not tab.rows[2], PATIENCE)
        wanted = {"cp.status", "tx.started", "cp.meter", "tx.stopped"}
        await eventually(lambda: wanted <= {row["type"] for row in tab.rows[4].values()}, PATIENCE)
        actions = {"StatusNotification", "StartTransaction", "MeterValues", "StopTransaction"}
        await eventually(lambda: actions <= {row["action"] for row in tab.rows[3].values()}, PATIENCE)
        statuses = [row["status"] for row in tab.rows[5].values()]
        assert statuses[-2:] == ["Available", "Preparing"]
        await tab.close()


async def test_a_thousand_statuses_cost_a_few_reads_and_none_is_lost(
    two_servers: tuple[Server, Server],
) -> None:
    one, two = two_servers
    many = 250

    async def busy(cp_id: str) -> None:
        async with RawCharger.connect(one.ocpp_url, cp_id) as charger:
            await charger.boot()
            for n in range(many):
                await charger.result("StatusNotification", report("Available", str(n)))
            await charger.result("StatusNotification", report("Finishing", "last"))
            await done.wait()

    done = asyncio.Event()
    names = [f"STORM{n}" for n in range(4)]
    tab = await Tab.open(two)
    await tab.follow(1, "charge-points", q="STORM")
    before = await reads_of(two)
    storm = [asyncio.create_task(busy(name)) for name in names]

    def settled() -> bool:
        shown = [tab.rows[1].get(name, {}).get("connectors", []) for name in names]
        return all(found and found[-1]["info"] == "last" for found in shown)

    await eventually(settled, PATIENCE)
    reads = await reads_of(two) - before
    assert reads < len(names) * many / 4
    assert tab.messages <= reads + 2
    done.set()
    await asyncio.gather(*storm)
    await tab.close()


async def test_each_report_of_a_busy_charge_point_comes_once_or_is_said_to_be_left_out(
    two_servers: tuple[Server, Server],
) -> None:
    one, two = two_servers
    async with RawCharger.connect(one.ocpp_url, "ONCE1") as charger:
        await charger.boot()
        tab = await Tab.open(two)
        await tab.follow(1, "status-history", cp_id="ONCE1")
        for n in range(300):
            await charger.result("StatusNotification", report("Available", str(n)))
        await eventually(lambda: any(row["info"] == "299" for row in tab.rows[1].values()), PATIENCE)
        assert len(tab.seen[1]) == len(set(tab.seen[1]))
        told = [row["info"] for row in tab.rows[1].values()]
        assert tab.skipped or told == [str(n) for n in range(300)]
        await tab.close()
