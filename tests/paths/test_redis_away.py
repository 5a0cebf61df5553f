"""Redis goes away and comes back: a line each, chargers are answered all the same, and /readyz says what is missing."""

import asyncio
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import websockets

from tests.support.charger import RawCharger, eventually
from tests.support.server import Server, running_server

pytestmark = pytest.mark.sqlite_only
READY = (200, {"status": "ready"})
DEGRADED = (200, {"status": "ready", "degraded": ["bell"]})


class Cable:
    """A way to Redis that can be pulled out."""

    def __init__(self, redis_url: str) -> None:
        self.target = urlsplit(redis_url)
        self.port = 0
        self._door: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}{self.target.path}"

    async def plug(self) -> None:
        self._door = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._door.sockets[0].getsockname()[1]

    def pull(self) -> None:
        assert self._door is not None
        self._door.close()
        for end in self._ends:
            end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self.target.hostname, self.target.port)
        self._ends |= {writer, far_writer}

        async def one_way(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    sink.write(data)
            except OSError:
                pass
            sink.close()

        await asyncio.gather(one_way(reader, far_writer), one_way(far_reader, writer))
        self._ends -= {writer, far_writer}


@pytest.fixture
async def cable(redis_url: str) -> Any:
    cable = Cable(redis_url)
    await cable.plug()
    yield cable
    cable.pull()


async def readiness(server: Server) -> tuple[int, dict[str, Any]]:
    status, body = await asyncio.to_thread(server.get, "/readyz")
    return status, json.loads(body)


async def metric(server: Server, name: str) -> float:
    _, text = await asyncio.to_thread(server.get, "/metrics")
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found, name
    return float(found[1])


async def becomes(server: Server, wanted: tuple[int, dict[str, Any]]) -> None:
    async def ready() -> bool:
        return await readiness(server) == wanted

    await eventually(ready, 60)


def told(server: Server) -> list[str]:
    """What the log says above the everyday."""
    lines = [line for line in server.log().splitlines() if line.startswith("{")]
    return [e["event"] for e in map(json.loads, lines) if e["level"] != "info"]


def settings(cable: Cable) -> dict[str, str]:
    return {"REDIS_URL": cable.url, "CSMS_EMBEDDED_WORKER": "off", "CSMS_UNKNOWN_CHARGE_POINTS": "accept"}


async def test_redis_goes_away_and_comes_back(tmp_path, cable: Cable):
    starting = running_server(tmp_path, **settings(cable))
    server = await asyncio.to_thread(starting.__enter__)
    try:
        assert await metric(server, "csms_bell_reachable") == 1
        for turn in (1, 2):
            failures = await metric(server, "csms_bell_failures_total")
            cable.pull()
            await becomes(server, DEGRADED)

            async def many_attempts(above: float = failures + 5) -> bool:
                return await metric(server, "csms_bell_failures_total") > above

            async with RawCharger.connect(server.ocpp_url, f"CP{turn}") as charger:
                assert (await charger.boot())["status"] == "Accepted"
                await eventually(many_attempts, 90)
                assert await charger.result("Heartbeat", {})
            assert await metric(server, "csms_bell_reachable") == 0
            # An open page would look live and hear nothing, so none is let in.
            with pytest.raises(websockets.InvalidStatus) as refused:
                await websockets.connect(server.base_url.replace("http", "ws") + "/live")
            assert refused.value.response.status_code == 403
            assert told(server) == ["bell.unreachable", "bell.reachable"] * (turn - 1) + ["bell.unreachable"]

            await cable.plug()
            await becomes(server, READY)
            assert await metric(server, "csms_bell_reachable") == 1
            assert told(server) == ["bell.unreachable", "bell.reachable"] * turn
        assert "Traceback" not in server.log()
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)


async def test_a_server_that_starts_without_redis_finds_it_later(tmp_path, cable: Cable):
    cable.pull()
    starting = running_server(tmp_path, **settings(cable))
    server = await asyncio.to_thread(starting.__enter__)
    try:
        await becomes(server, DEGRADED)
        async with RawCharger.connect(server.ocpp_url, "CP16") as charger:
            assert (await charger.boot())["status"] == "Accepted"
            await cable.plug()
            await becomes(server, READY)
        assert told(server) == ["bell.unreachable", "bell.reachable"]
        assert "Traceback" not in server.log()
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)
