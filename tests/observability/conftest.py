"""One server for all tests here, with charge points that have said whatever moves a figure."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.observability.page import Page, read
from tests.observability.station import HOSTILE, connected
from tests.support.charger import RawCharger
from tests.support.server import Server, running_server

SETTINGS = {
    "CSMS_UNKNOWN_CHARGE_POINTS": "accept",
    "CSMS_UNKNOWN_ID_TAGS": "accept",
    "CSMS_CONFIGURATION_SETTLE": "0",  # so that a command of the house's own comes at once
    "CSMS_ALERTS_SECONDS": "1",  # and a background task ends soon
}


async def _talk(server: Server) -> None:
    async with connected(server.ocpp_url, "CP16") as station:
        await station.wake()
        await station.charge()
        await station.report()
        await asyncio.wait_for(station.answered.wait(), 60)
        # What came before it on this wire has been stored when this is answered.
        await station.beat()
    # Frames and words that the package would not send.
    async with RawCharger.connect(server.ocpp_url, "CP17") as charger:
        await charger.boot()
        assert (await charger.call("Nonsense", {}))[0] == 4
        odd: dict[str, Any] = {"connectorId": 1, "errorCode": HOSTILE, "status": HOSTILE}
        await charger.call("StatusNotification", odd)
        reading = {
            "timestamp": "2026-11-22T12:00:00Z",
            "sampledValue": [{"value": "1", "measurand": HOSTILE}],
        }
        await charger.call("MeterValues", {"connectorId": 1, "meterValue": [reading]})
    with pytest.raises(websockets.InvalidStatus):
        async with RawCharger.connect(server.ocpp_url, "CP18", subprotocols=["ocpp9"]):
            pass


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that two charge points have talked to."""
    with running_server(tmp_path_factory.mktemp("observed"), **SETTINGS) as server:
        asyncio.run(_talk(server))
        yield server


@pytest.fixture(scope="package")
def figures(server: Server) -> Page:
    """The page of the server, once a background task has ended."""
    deadline = time.monotonic() + 60
    while not (page := read(server.get("/metrics")[1])).value(
        "csms_tasks_total", task="alerts.tasks.evaluate", outcome="done"
    ):
        assert time.monotonic() < deadline, page.text
        time.sleep(0.1)
    return page


@pytest.fixture(scope="session")
def promtool(prometheus_program: Path) -> Path:
    """It lies beside Prometheus."""
    return prometheus_program.with_name("promtool")


@pytest.fixture(scope="session")
def amtool(alertmanager_program: Path) -> Path:
    """It lies beside Alertmanager."""
    return alertmanager_program.with_name("amtool")
