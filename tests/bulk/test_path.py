"""One whole story on a real server: 50 charge points, a tenth of which refuse, and a job that stops because of it."""

import asyncio
import json
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.charger import RawCharger, eventually
from tests.support.server import Server, running_server

COUNT = 50
NAMES = [f"CP{number:03}" for number in range(1, COUNT + 1)]
STUBBORN = {name for number, name in enumerate(NAMES) if number % 10 == 2}


class Api:
    """The API as alice's program asks it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        made = server.manage("create_api_token", "alice", "--scopes", "read,command")
        self.key = next(word for word in made.stdout.split() if word.startswith("csms_"))

    def _ask(self, path: str, body: Any, method: str) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.server.base_url}/api/v1/{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    async def get(self, path: str) -> Any:
        return await asyncio.to_thread(self._ask, path, None, "GET")

    async def post(self, path: str, body: Any = None) -> Any:
        return await asyncio.to_thread(self._ask, path, body, "POST")


async def live(charger: RawCharger, name: str, asked: Counter[str]) -> None:
    """Answer each CALL, as this one does."""
    while True:
        _, message_id, action, _ = await charger.receive(timeout=600)
        asked[name] += 1
        assert action == "ClearCache"
        word = "Rejected" if name in STUBBORN else "Accepted"
        await charger.send([3, message_id, {"status": word}])


@asynccontextmanager
async def fifty(server: Server, asked: Counter[str]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as lives:
        connected = [RawCharger.connect(server.ocpp_url, name) for name in NAMES]
        chargers = [await connecting.__aenter__() for connecting in connected]
        for charger in chargers:
            await charger.boot()
        tasks = [lives.create_task(live(c, n, asked)) for c, n in zip(chargers, NAMES, strict=True)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for connecting in connected:
                await connecting.__aexit__(None, None, None)


async def test_a_job_over_fifty_stops_when_a_tenth_refuses_and_one_that_may_fail_reaches_all(
    tmp_path: Path, new_database: Callable[..., str]
) -> None:
    with running_server(tmp_path, new_database(), CSMS_UNKNOWN_CHARGE_POINTS="accept") as server:
        api, asked = Api(server), Counter[str]()
        async with fifty(server, asked):
            wish: dict[str, Any] = {"type": "clear-cache", "targets": {"filter": {"online": True}}}
            seen = await api.post("bulk-jobs/preview/", wish)
            assert (seen["total"], seen["possible"]) == (COUNT, COUNT)

            careful = {"rate_per_minute": 120, "stop_on_failure_share": 0.05, "stop_min_sample": 5}
            job = await api.post("bulk-jobs/", {**wish, **careful})
            path = f"bulk-jobs/{job['id']}/"

            async def closed() -> Any:
                shown = await api.get(path)
                return shown if shown["closed_at"] else None

            stopped = await eventually(closed, timeout=120)
            assert (stopped["state"], stopped["why"]) == ("stopped", "too_many_failures")
            counts = stopped["counts"]
            assert counts["rejected"] >= 1
            assert counts["not_sent"] >= 1
            assert counts["accepted"] + counts["rejected"] >= 5
            assert counts["accepted"] + counts["rejected"] == sum(asked.values())
            assert set(asked.values()) == {1}
            rows = (await api.get(f"{path}targets/?state=rejected"))["results"]
            assert {row["cp_id"] for row in rows} == STUBBORN & asked.keys()
            command = await api.get(rows[0]["command_url"].removeprefix("/api/v1/"))
            assert (command["status"], command["by"]) == ("rejected", "token alice")

            asked.clear()
            job = await api.post("bulk-jobs/", {**wish, "rate_per_minute": 600})
            path = f"bulk-jobs/{job['id']}/"
            assert (await api.post(f"{path}pause/"))["state"] == "paused"
            assert (await api.post(f"{path}resume/"))["state"] == "running"
            finished = await eventually(closed, timeout=120)
            assert finished["state"] == "finished"
            assert (finished["counts"]["accepted"], finished["counts"]["rejected"]) == (45, 5)
            assert asked == dict.fromkeys(NAMES, 1)
