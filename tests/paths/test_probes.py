"""Probes are answered in front of Django's threads, as every request is; no database that hangs keeps one waiting."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.db import DatabaseError, connection
from prometheus_client import REGISTRY

from csms import health
from csms.core import reach
from tests.support.charger import eventually

pytestmark = pytest.mark.django_db


class Answer:
    """What an ASGI application answered."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        start, *rest = messages
        self.status: int = start["status"]
        self.headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        self.body = b"".join(part.get("body", b"") for part in rest)


async def asked(
    path: str, method: str = "GET", *, host: str = "localhost", by: Any = None, **headers: str
) -> Answer:
    """Ask the house, or only one application of it."""
    from csms.asgi import application

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (name.encode(), value.encode())
            for name, value in ({"host": host, "x-request-id": "probe-1"} | headers).items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    sent: list[dict[str, Any]] = []
    ended = asyncio.Event()
    begun = False

    async def receive() -> dict[str, Any]:
        nonlocal begun
        if not begun:
            begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await (by or application)(scope, receive, send)
    ended.set()
    return Answer(sent)


@pytest.fixture(autouse=True)
def _all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, and whatever another test lost, the house is ready."""
    monkeypatch.setattr(health, "PATIENCE", 60.0)
    monkeypatch.setitem(health.IMPATIENT, "postgresql", {"connect_timeout": 60})
    monkeypatch.setattr(reach.BELL, "_lost_at", None)


@pytest.fixture
def without_django(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks Django, and so waits for a thread, is told off."""

    async def refuse(*_: Any) -> None:
        raise AssertionError("Django was asked")

    monkeypatch.setattr(ASGIHandler, "__call__", refuse)


@pytest.fixture
def silent_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[str], threading.Event]]:
    """A database that takes questions and answers them once it may."""
    questions: list[str] = []
    may_answer = threading.Event()

    def ask() -> None:
        questions.append(threading.current_thread().name)
        may_answer.wait()

    monkeypatch.setattr(health, "ask_database", ask)
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    yield questions, may_answer
    may_answer.set()


@pytest.mark.parametrize(("path", "word"), [("/healthz", "ok"), ("/readyz", "ready")])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_probe_waits_for_no_thread_of_django(path: str, word: str, method: str, without_django: None):
    answer = await asked(path, method)
    assert (answer.status, json.loads(answer.body)) == (200, {"status": word})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_its_answer_is_what_django_would_say(path: str):
    from csms.asgi import http

    mine, djangos = await asked(path), await asked(path, by=http)
    assert (mine.status, mine.body) == (djangos.status, djangos.body)
    policies = [
        {name: sorted(value.split("; ")) for name, value in a.headers.items()} for a in (mine, djangos)
    ]
    assert policies[0] == policies[1]
    assert mine.headers["x-request-id"] == "probe-1"


async def test_it_is_counted_once():
    def counted() -> list[float | None]:
        by_view = {"status": "200", "view": "healthz", "method": "GET"}
        return [
            REGISTRY.get_sample_value("django_http_responses_total_by_status_view_method_total", by_view),
            REGISTRY.get_sample_value("django_http_requests_before_middlewares_total"),
            REGISTRY.get_sample_value("django_http_responses_before_middlewares_total"),
        ]

    await asked("/healthz")
    before = counted()
    await asked("/healthz")
    assert counted() == [count + 1 for count in before if count is not None]


async def test_another_method_and_another_host_are_djangos_to_refuse():
    assert (await asked("/healthz", "POST")).status == 403
    assert (await asked("/healthz", host="elsewhere.example")).status == 400
    assert (await asked("/healthz/")).status == 404


async def test_a_database_that_hangs_is_no_reason_to_wait(
    silent_database: tuple[list[str], threading.Event], without_django: None, caplog: pytest.LogCaptureFixture
):
    questions, may_answer = silent_database
    for answer in await asyncio.gather(*(asked("/readyz") for _ in range(5))):
        assert (answer.status, json.loads(answer.body)["reason"]) == (503, "database")
        assert answer.headers["retry-after"] == "5"
    await eventually(lambda: questions)
    assert len(questions) == 1, "whoever comes meanwhile shares the question"
    assert (await asked("/healthz")).status == 200
    finished = [str(record.msg) for record in caplog.records if "request_finished" in str(record.msg)]
    assert len(finished) == 5
    assert "GET /readyz" in finished[0]

    may_answer.set()

    async def ready() -> bool:
        return (await asked("/readyz")).status == 200

    await eventually(ready)


def test_a_database_that_takes_a_connection_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch):
    if connection.vendor != "postgresql":
        monkeypatch.setitem(connection.settings_dict, "NAME", "/nowhere/at.all")
        with pytest.raises(DatabaseError):
            health.ask_database()
        return
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        monkeypatch.setitem(connection.settings_dict, "PORT", silent.getsockname()[1])
        monkeypatch.setitem(health.IMPATIENT["postgresql"], "connect_timeout", 2)
        with pytest.raises(DatabaseError):
            health.ask_database()
