"""The whole way, with real processes: an independent charge point, the server, the mock backend; and their ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from ocpp.v16 import ChargePoint, call

from tests.backend.cast import by_message, said, token_is
from tests.paths.store import rows
from tests.support.charger import RawCharger, eventually, stamp
from tests.support.receiver import Message, Receiver, receiving, silent
from tests.support.server import ROOT, Server, running_server

SOON = """
from django.utils import timezone
from transactions.backend.models import SessionReport
print("due", SessionReport.objects.filter(state="pending").update(next_at=timezone.now()))
"""


class Mock:
    """`manage.py mock_backend` as a process; it can end and come again at the same port."""

    def __init__(self, *arguments: str, port: int = 0) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "mock_backend", "--port", str(port), *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        deadline = time.monotonic() + 60
        while not self.lines:
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.url = self.lines[0].rpartition("=")[2]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def sessions(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/sessions", timeout=30) as answer:
            sessions: list[dict[str, Any]] = json.load(answer)["sessions"]
        return sessions

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)


@pytest.fixture
def mock() -> Iterator[Mock]:
    mock = Mock("--accept", "B-ADA", "B-EVE", "--block", "B-MAL", "--interval", "77", "--token", "s3cret")
    yield mock
    mock.stop()


def settings(url: str) -> dict[str, str]:
    return {
        "BACKEND_BASE_URL": url,
        "BACKEND_TOKEN": "s3cret",
        "BACKEND_BREAKER_SECONDS": "1",
        "CSMS_UNKNOWN_CHARGE_POINTS": "pending",
    }


def metric(server: Server, beginning: str) -> float:
    lines = [line for line in server.get("/metrics")[1].splitlines() if line.startswith(beginning)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def test_an_independent_charge_point_charges_by_the_word_of_the_mock(
    tmp_path: Path, database_url: str, mock: Mock
) -> None:
    with running_server(tmp_path / "server", database_url, **settings(mock.url)) as server:
        async with websockets.connect(f"{server.ocpp_url}/CP16", subprotocols=["ocpp1.6"]) as socket:  # type: ignore[list-item]
            station = ChargePoint("CP16", socket, response_timeout=30)
            work = asyncio.create_task(station.start())
            boot = await station.call(
                call.BootNotification(charge_point_vendor="Acme", charge_point_model="One")
            )
            assert (boot.status, boot.interval) == ("Accepted", 77)  # nobody here has approved it
            for tag, word in (("B-ADA", "Accepted"), ("B-MAL", "Blocked"), ("B-WHO", "Invalid")):
                answer = await station.call(call.Authorize(id_tag=tag))
                assert answer.id_tag_info["status"] == word
            started = await station.call(
                call.StartTransaction(connector_id=1, id_tag="B-ADA", meter_start=100, timestamp=stamp())
            )
            assert started.id_tag_info["status"] == "Accepted"
            await station.call(
                call.StopTransaction(
                    transaction_id=started.transaction_id,
                    meter_stop=5100,
                    timestamp=stamp(),
                    transaction_data=[{"timestamp": stamp(), "sampled_value": [{"value": "5100"}]}],
                )
            )
            await eventually(lambda: [s for s in mock.sessions() if "close" in s], timeout=120)
            work.cancel()
        [session] = mock.sessions()
        assert session["transaction_id"] == str(started.transaction_id)
        [opened], [closed] = session["open"], session["close"]
        assert (opened["id_tag"], opened["meter_start_wh"]) == ("B-ADA", 100)
        assert closed["meter_stop_wh"] == 5100
        assert closed["transaction_data"][0]["sampledValue"] == [{"value": "5100"}]
        assert metric(server, 'csms_backend_requests_total{endpoint="authorize",outcome="answered"}') == 3
        assert (
            metric(server, "csms_backend_cached_answers_total") >= 1
        )  # the start asked for what was just said
        assert metric(server, 'csms_backend_breaker_state{endpoint="authorize"}') == 0
    assert any("/authorize" in line and "B-MAL" in line and "Blocked" in line for line in mock.lines)


async def test_sessions_are_told_after_an_outage_and_a_restart_of_everything(
    tmp_path: Path, database_url: str
) -> None:
    mock = Mock("--token", "s3cret")
    port = int(mock.url.rpartition(":")[2])
    numbers: list[str] = []
    try:
        with running_server(tmp_path / "server", database_url, **settings(mock.url)) as server:
            async with RawCharger.connect(server.ocpp_url, "CP16") as charger:
                assert (await charger.boot())["status"] == "Accepted"
                mock.stop()
                # By what was said lately or by our own tokens: a transaction all the same.
                for meter in range(5):
                    start = {"connectorId": 1, "idTag": "B-EVE", "meterStart": meter, "timestamp": stamp()}
                    number = (await charger.result("StartTransaction", start))["transactionId"]
                    numbers.append(str(number))
                    stop = {"transactionId": number, "meterStop": meter + 1000, "timestamp": stamp()}
                    await charger.result("StopTransaction", stop)
            refused = "SELECT 1 FROM backend_sessionreport WHERE last_error LIKE %s"
            await eventually(lambda: rows(server, refused, "%connection failed%"), timeout=120)
            assert "connection failed" in server.manage("backend_sessions").stdout
            server.kill()
            mock = Mock("--token", "s3cret", port=port)
            server.start()
            await eventually(lambda: "due" in server.manage("shell", "-c", SOON).stdout)
            await eventually(lambda: len([s for s in mock.sessions() if "close" in s]) == 5, timeout=120)
            assert {s["transaction_id"] for s in mock.sessions()} == set(numbers)
            for session in mock.sessions():
                assert len(session["open"]) == len(session["close"]) == 1
                assert session["close"][0]["consumed_wh"] == 1000
            assert server.manage("backend_sessions").stdout == ""
    finally:
        mock.stop()


async def test_a_kill_between_the_post_and_its_note_tells_again_with_the_same_key(
    tmp_path: Path, new_database: Callable[..., str]
) -> None:
    def decide(message: Message) -> Any:
        if message.path.endswith("/register"):
            return said({"registration_status": "Accepted"})
        if message.path.endswith("/open") and not killed.is_set():
            return silent  # it has taken it, and nobody will know
        return token_is("Accepted")

    def opens() -> list[Message]:
        return [message for message in receiver.messages if message.path.endswith("/open")]

    killed = threading.Event()
    receiver: Receiver
    with receiving(by_message(decide)) as receiver:
        values = settings(receiver.origin) | {"BACKEND_SESSION_SECONDS": "60"}
        with running_server(tmp_path / "server", new_database(), **values) as server:
            async with RawCharger.connect(server.ocpp_url, "CP16") as charger:
                await charger.boot()
                start = {"connectorId": 1, "idTag": "B-EVE", "meterStart": 1, "timestamp": stamp()}
                await charger.result("StartTransaction", start)
                await eventually(opens, timeout=120)
                server.kill()
            killed.set()
            server.start()
            await eventually(
                lambda: len(opens()) >= 2, timeout=90
            )  # once the lease of the dead one has run out
            first, second = opens()[:2]
            assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
            assert first.body == second.body
            waiting = "SELECT 1 FROM backend_sessionreport WHERE state <> 'delivered'"
            await eventually(lambda: not rows(server, waiting), timeout=120)
            assert server.manage("backend_sessions").stdout == ""
        receiver.let_go.set()
