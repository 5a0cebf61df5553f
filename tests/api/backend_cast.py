"""A backend that asks over HTTP, without blocking the loop of a test."""

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.support.server import Server


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

    def reset(self, door: str, cp_id: str, wait: int | None = 30, **options: Any) -> asyncio.Task[Answer]:
        """A hard reset through one of the two doors."""
        if door == "ours":
            return self.command(cp_id, "reset", {"type": "Hard", **options}, wait)
        query = urllib.parse.urlencode(options)
        headers = {} if wait is None else {"Prefer": f"wait={wait}"}
        path = f"charge-points/{cp_id}/ocpp/Reset/?{query}"
        return asyncio.create_task(self.post(path, {"type": "Hard"}, **headers))

    async def ledger(self, answer: Answer) -> Any:
        """What the ledger says of a command that was sent."""
        return (await self.get(answer.headers["Location"])).body
