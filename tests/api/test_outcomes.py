"""A backend orders over HTTP, a charge point answers on its socket: each outcome has its status and its code."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.charger import RawCharger, eventually, stamp
from tests.support.server import Server, running_server


@dataclass
class Answer:
    status: int
    headers: Any
    body: Any


class Backend:
    """A program with a token, which asks without blocking the test's loop."""

    def __init__(self, server: Server, key: str) -> None:
        self.server, self.key = server, key
        self.threads = ThreadPoolExecutor(40)

    def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        url = path if path.startswith("/") else f"/api/v1/{path}"
        request = urllib.request.Request(self.server.base_url + url, method=method)
        request.add_header("Authorization", f"Bearer {self.key}")
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name, value)
        data = json.dumps(body).encode() if body is not None else None
        try:
            with urllib.request.urlopen(request, data, timeout=90) as answer:
                return Answer(answer.status, answer.headers, json.load(answer))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, json.load(error))

    async def get(self, path: str) -> Answer:
        return await self._asked("GET", path, None, {})

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self._asked("POST", path, body or {}, headers)

    async def _asked(self, *question: Any) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self.threads, self._ask, *question)

    def command(
        self, cp_id: str, slug: str, body: Any = None, wait: int | None = None
    ) -> asyncio.Task[Answer]:
        headers = {} if wait is None else {"Prefer": f"wait={wait}"}
        path = f"charge-points/{cp_id}/commands/{slug}/"
        return asyncio.create_task(self.post(path, body, **headers))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("outcomes")
    settings = {"CSMS_UNKNOWN_CHARGE_POINTS": "accept", "CSMS_UNKNOWN_ID_TAGS": "accept"}
    with running_server(folder, new_database(), CSMS_CALL_TIMEOUT="5", **settings) as server:
        yield server


@pytest.fixture(scope="module")
def backend(server: Server) -> Backend:
    return Backend(server, server.manage("create_api_token", "backend").stdout.strip())


async def test_accepted_is_200_and_the_effect_follows(server: Server, backend: Backend) -> None:
    async with RawCharger.connect(server.ocpp_url, "ACC") as charger:
        await charger.boot()
        body = {"id_token": "ALICE", "connector_id": 1, "reason": "the driver called"}
        asking = backend.command("ACC", "remote-start", body, wait=30)
        frame = await charger.receive()
        assert frame[2:] == ["RemoteStartTransaction", {"idTag": "ALICE", "connectorId": 1}]
        await charger.send([3, frame[1], {"status": "Accepted"}])
        answer = await asking
        assert (answer.status, answer.body["status"]) == (200, "accepted")
        assert answer.body["answer"] == {"status": "Accepted"}
        assert answer.body["message_id"] == frame[1]
        assert answer.headers["Preference-Applied"] == "wait=30"

        start = {"connectorId": 1, "idTag": "ALICE", "meterStart": 100, "timestamp": stamp()}
        number = (await charger.result("StartTransaction", start))["transactionId"]
        shown = (await backend.get(answer.headers["Location"])).body
        [transaction] = (await backend.get("transactions/?cp_id=ACC&status=active")).body["results"]
        assert transaction["transaction_id"] == str(number)
        assert shown["effect"]["subject"] == transaction["id"]


async def test_rejected_is_200_too_since_the_charge_point_answered(server: Server, backend: Backend) -> None:
    async with RawCharger.connect(server.ocpp_url, "REJ") as charger:
        await charger.boot()
        asking = backend.command("REJ", "reset", {"type": "Hard"}, wait=30)
        frame = await charger.receive()
        assert frame[3] == {"type": "Hard"}
        await charger.send([3, frame[1], {"status": "Rejected"}])
        answer = await asking
        assert (answer.status, answer.body["status"], answer.body["answer_status"]) == (
            200,
            "rejected",
            "Rejected",
        )


async def test_a_callerror_is_502_with_the_charge_points_own_words(server: Server, backend: Backend) -> None:
    async with RawCharger.connect(server.ocpp_url, "ERR") as charger:
        await charger.boot()
        asking = backend.command("ERR", "reset", wait=30)
        frame = await charger.receive()
        await charger.send([4, frame[1], "InternalError", "the contactor is stuck", {"relay": 3}])
        answer = await asking
        assert (answer.status, answer.body["error"]["code"]) == (502, "call_error")
        assert "the contactor is stuck" in answer.body["error"]["detail"]
        assert answer.body["command"]["error"] == {
            "code": "InternalError",
            "description": "the contactor is stuck",
            "details": {"relay": 3},
        }
        assert answer.headers["X-Request-ID"] == answer.body["request_id"]
        assert (await backend.get(answer.headers["Location"])).body == answer.body["command"]


async def test_silence_is_504_and_a_late_answer_is_kept(server: Server, backend: Backend) -> None:
    async with RawCharger.connect(server.ocpp_url, "MUTE") as charger:
        await charger.boot()
        asking = backend.command("MUTE", "trigger-message", {"requested_message": "Heartbeat"}, wait=30)
        frame = await charger.receive()
        answer = await asking
        assert (answer.status, answer.body["error"]["code"]) == (504, "charge_point_timeout")
        await charger.send([3, frame[1], {"status": "Accepted"}])

        async def late() -> Any:
            return (await backend.get(answer.headers["Location"])).body["late_answer"]

        assert frame[1] in (await eventually(late))["text"]


async def test_one_that_leaves_before_it_answers_is_503(server: Server, backend: Backend) -> None:
    async with RawCharger.connect(server.ocpp_url, "LEFT") as charger:
        await charger.boot()
        asking = backend.command("LEFT", "reset", wait=30)
        await charger.receive()
    answer = await asking
    assert (answer.status, answer.body["error"]["code"]) == (503, "offline")
    assert answer.body["command"]["status"] == "failed"

    again = await backend.command("LEFT", "reset", wait=30)
    assert (again.status, again.body["error"]["code"]) == (503, "offline")
    assert "command" not in again.body  # nothing was queued


async def test_an_unknown_charge_point_is_404(backend: Backend) -> None:
    answer = await backend.command("NOBODY", "reset", wait=30)
    assert (answer.status, answer.body["error"]["code"]) == (404, "unknown_charge_point")


async def test_who_waits_too_briefly_gets_202_and_can_ask_again(server: Server, backend: Backend) -> None:
    async with RawCharger.connect(server.ocpp_url, "SLOW") as charger:
        await charger.boot()
        asking = backend.command("SLOW", "reset", wait=1)
        frame = await charger.receive()
        answer = await asking
        assert (answer.status, answer.body["status"]) == (202, "sent")
        await charger.send([3, frame[1], {"status": "Accepted"}])

        async def accepted() -> bool:
            return (await backend.get(answer.headers["Location"])).body["status"] == "accepted"

        await eventually(accepted)


async def test_many_wait_at_once_and_nobody_else_waits_for_them(server: Server, backend: Backend) -> None:
    async with RawCharger.connect(server.ocpp_url, "BUSY") as charger:
        await charger.boot()
        # One call at a time: the others queue behind the first, which is not answered yet.
        asking = [backend.command("BUSY", "reset", wait=60) for _ in range(12)]
        first = await charger.receive()
        answers = await asyncio.gather(*(backend.get("charge-points/") for _ in range(3)))
        assert {answer.status for answer in answers} == {200}
        assert not any(task.done() for task in asking)
        await charger.send([3, first[1], {"status": "Accepted"}])
        for _ in range(11):
            frame = await charger.receive()
            await charger.send([3, frame[1], {"status": "Accepted"}])
        outcomes = [(await task).body.get("status") for task in asking]
        assert outcomes.count("accepted") == 12


async def test_an_approved_charge_point_is_told_and_a_rejected_one_let_go(
    server: Server, backend: Backend
) -> None:
    async with RawCharger.connect(server.ocpp_url, "JUDGED") as charger:
        await charger.boot()
        assert (await backend.post("charge-points/JUDGED/reject/")).body["registration"] == "rejected"
        await charger.closed()
        await eventually(lambda: _offline(backend, "JUDGED"))
    approved = (await backend.post("charge-points/JUDGED/approve/")).body
    assert (approved["registration"], approved["online"]) == ("accepted", False)
    async with RawCharger.connect(server.ocpp_url, "JUDGED") as charger:
        assert (await charger.boot())["status"] == "Accepted"
        assert (await backend.get("charge-points/JUDGED/")).body["online"] is True


async def _offline(backend: Backend, cp_id: str) -> bool:
    return not (await backend.get(f"charge-points/{cp_id}/")).body["online"]


async def test_the_wire_can_be_read_back(server: Server, backend: Backend) -> None:
    async with RawCharger.connect(server.ocpp_url, "WIRE") as charger:
        await charger.boot()
        await charger.result("Heartbeat", {})
        frames = (await backend.get("charge-points/WIRE/frames/?action=BootNotification")).body["results"]
        assert [(frame["direction"], frame["message_type"]) for frame in frames] == [("out", 3), ("in", 2)]
        assert json.loads(frames[1]["text"])[2] == "BootNotification"
