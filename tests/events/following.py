"""A follower of the stream as a stranger would write one, and a hand that writes into a server's outbox."""

import http.client
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.request import Request, urlopen
from zlib import crc32

import psycopg

from csms.core.ids import uuid7
from tests.support.server import Server

STREAM = "/api/v1/events/stream"
PATIENCE = 120.0  # seconds; a busy machine is no failure


def until(check: Callable[[], Any], what: str = "") -> Any:
    """Ask again until the answer is true, and return it."""
    deadline = time.monotonic() + PATIENCE
    while not (value := check()):
        assert time.monotonic() < deadline, what or f"did not come true: {check}"
        time.sleep(0.05)
    return value


class Follower:
    """Reads a stream in a thread of its own, by the rules of Server-Sent Events; `last_id` is the cursor."""

    def __init__(
        self, server: Server, token: str = "", query: str = "", *, method: str = "GET", **headers: str
    ) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.last_id, self.retry, self.comments = "", 0, 0
        self.ended = ""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        self._connection.request(method, f"{STREAM}?{query}" if query else STREAM, headers=sent)
        self._answer = self._connection.getresponse()
        self.status, self.headers = self._answer.status, self._answer.headers
        self._thread = threading.Thread(target=self._read, daemon=True)
        if self.status == 200:
            assert self.headers["Content-Type"] == "text/event-stream"
            self._thread.start()

    def error(self) -> dict[str, Any]:
        """The refusal."""
        return json.loads(self._answer.read())

    def _read(self) -> None:
        kind, data = "", []
        try:
            while line := self._answer.readline():
                name, _, value = line.decode().rstrip("\n").partition(":")
                value = value.removeprefix(" ")
                match name:
                    case "":
                        if value or line.startswith(b":"):
                            self.comments += 1
                        elif data:
                            self.events.append((self.last_id, kind, json.loads("\n".join(data))))
                            kind, data = "", []
                        else:
                            kind = ""
                    case "id":
                        self.last_id = value
                    case "event":
                        kind = value
                    case "data":
                        data.append(value)
                    case "retry":
                        self.retry = int(value)
            self.ended = "in good order"
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
            self.ended = repr(error)

    @property
    def positions(self) -> list[int]:
        return [int(id) for id, _, _ in self.events]

    def gets(self, *positions: int) -> None:
        """Wait for these, and nothing else."""
        until(lambda: len(self.events) >= len(positions), f"{self.positions} instead of {positions}")
        assert self.positions == list(positions)

    def begins(self) -> "Follower":
        """Wait until the stream has told its first cursor."""
        until(lambda: self.last_id)
        return self

    def ends(self) -> str:
        """Wait for the end of the stream, and return how that was."""
        until(lambda: self.ended, "the stream did not end")
        return self.ended

    def leave(self) -> None:
        """Close the connection, as the end of a program does."""
        if (sock := self._connection.sock) is not None:
            with closing(sock):
                sock.shutdown(2)
        if self._thread.is_alive():
            self._thread.join(PATIENCE)


@contextmanager
def following(server: Server, token: str = "", query: str = "", **headers: str) -> Iterator[Follower]:
    """A follower that leaves at the end."""
    follower = Follower(server, token, query, **headers)
    try:
        yield follower
    finally:
        if not follower.ended and follower.status == 200:
            follower.leave()


def token_of(server: Server, name: str = "follower") -> str:
    """The key of a new token that may look."""
    return server.manage("create_api_token", name).stdout.strip().splitlines()[0]


def outbox_row(type: str, cp_id: str, payload: dict[str, Any]) -> tuple[Any, ...]:
    now = datetime.now(UTC)
    return (
        uuid7(), type, 1, cp_id, now, now, "", crc32(cp_id.encode()) % 4, json.dumps(payload),
    )  # fmt: skip


INSERT = (
    "INSERT INTO events_event (id, type, schema_version, cp_id, occurred_at, recorded_at, trace_id, bucket, payload)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


def tell(server: Server, *facts: tuple[str, str] | tuple[str, str, dict[str, Any]]) -> None:
    """Record events of these types and charge points, in one transaction, past the product."""
    rows = [
        outbox_row(fact[0], fact[1], fact[2] if len(fact) > 2 else {"n": n}) for n, fact in enumerate(facts)
    ]
    if url := server.env.get("DATABASE_URL"):
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            cursor.executemany(INSERT, rows)
        return
    with closing(sqlite3.connect(server.data_dir / "csms.sqlite3", timeout=60)) as connection, connection:
        plain = [
            tuple(
                value.hex if hasattr(value, "hex") else str(value) if isinstance(value, datetime) else value
                for value in row
            )
            for row in rows
        ]
        connection.executemany(INSERT.replace("%s", "?"), plain)


def head(server: Server, token: str) -> int:
    """The last position that was given."""
    return int(pulled(server, token, "after=0&limit=1000&type=cp.alias")["next_after"])


def pulled(server: Server, token: str, query: str) -> dict[str, Any]:
    """A page of events."""
    asked = Request(f"{server.base_url}/api/v1/events/?{query}", headers={"Authorization": f"Bearer {token}"})
    with urlopen(asked, timeout=PATIENCE) as answer:
        page: dict[str, Any] = json.load(answer)
    return page


def figure(server: Server, name: str) -> float:
    """A figure of /metrics."""
    text = until(lambda: server.get("/metrics")[1])  # it answers in time, or is asked again
    [line] = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.rsplit(" ", 1)[1])
