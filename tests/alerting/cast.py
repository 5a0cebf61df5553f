"""What the tests of Prometheus and Alertmanager share: passes of the clock, waiting, and servers of other kinds."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from alerts.external.tasks import pass_over
from alerts.prometheus.models import PrometheusRule
from alerts.prometheus.services import create_rule, prove
from tests.api.cast import API
from tests.lanes.prometheus import Alertmanager

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
PATIENCE = 30  # seconds
LATER = timedelta(minutes=1)

GOOD = {"name": "NobodyHome", "expression": "up == 0", "severity": "critical"}


def now() -> datetime:
    return datetime.now(UTC)


def a_pass() -> list[str]:
    """One pass of the clock."""
    return pass_over(clock=now)


@cache
def _proven(given: bytes) -> str:
    return prove(orjson.loads(given))


def a_rule(**values: Any) -> PrometheusRule:
    """A rule that promtool takes; it is asked once of those that are alike."""
    given = {**GOOD, **values}
    return create_rule(given, by="alice", now=now(), proven=_proven(orjson.dumps(given)))


def until(true: Callable[[], Any], what: str) -> Any:
    """Wait for a condition, and return what it said."""
    deadline = time.monotonic() + PATIENCE
    while not (said := true()):
        assert time.monotonic() < deadline, f"it did not come to pass that {what}"
        time.sleep(0.05)
    return said


def fire(alertmanager: Alertmanager, name: str, **labels: str) -> None:
    """Tell an Alertmanager of an alert, as Prometheus does."""
    connection = HTTPConnection("127.0.0.1", alertmanager.port, timeout=10)
    body = orjson.dumps([{"labels": {"alertname": name, "severity": "warning", **labels}}])
    connection.request("POST", "/api/v2/alerts", body, {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def server_that(answers: Answer) -> Iterator[str]:
    """Serve at the URL that is yielded, in the way of the function."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if self.raw_requestline and self.parse_request():
                self.posted = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answers(self)
            self.close_connection = True

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def with_words(status: int, body: bytes, **headers: str) -> Answer:
    """Answer always with this."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def answers_as(canned: dict[str, Any]) -> Answer:
    """Answer what is canned for the beginning of the path, or of the method and the path."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked = (f"{handler.command} {handler.path}", handler.path)
        found = next((body for path, body in canned.items() for one in asked if one.startswith(path)), None)
        with_words(404 if found is None else 200, b"" if found is None else orjson.dumps(found))(handler)

    return answer


A_SILENCE: dict[str, Any] = {
    "id": "2c1f4c0e-8b7e-4f6c-9d1e-0c9f2f4b7a11",
    "status": {"state": "active"},
    "startsAt": "2026-03-04T12:00:00.123456789Z",
    "endsAt": "2026-03-05T12:00:00.000Z",
    "comment": "rebuilt",
    "createdBy": "alice",
    "matchers": [{"name": "site", "value": "North", "isRegex": False, "isEqual": True}],
}
ALERTMANAGER = {
    "/api/v2/alerts": [
        {
            "fingerprint": "0123456789abcdef",
            "labels": {"alertname": "NobodyHome", "severity": "critical"},
            "annotations": {"summary": "nobody"},
            "startsAt": "2026-03-04T12:00:00.123456789+01:00",
            "status": {"state": "suppressed", "silencedBy": [A_SILENCE["id"]], "inhibitedBy": []},
            "receivers": [{"name": "nobody"}],
        }
    ],
    "POST /api/v2/silences": {"silenceID": A_SILENCE["id"]},
    "/api/v2/silences": [A_SILENCE],
    f"/api/v2/silence/{A_SILENCE['id']}": A_SILENCE,
    "/api/v2/status": {"versionInfo": {"version": "0.25.0"}},
}
"""What a small Alertmanager answers, by the beginning of the path."""
PROMETHEUS = {
    "/api/v1/alerts": {
        "data": {
            "alerts": [
                {
                    "labels": {"alertname": "NobodyHome", "severity": "critical"},
                    "annotations": {"summary": "nobody"},
                    "state": "firing",
                    "activeAt": "2026-03-04T12:00:00.123456789Z",
                    "value": "1e+00",
                }
            ]
        }
    },
    "/api/v1/rules": {
        "data": {
            "groups": [
                {
                    "name": "console-managed",
                    "file": "/rules/console-managed.yml",
                    "rules": [
                        {
                            "type": "alerting",
                            "name": "NobodyHome",
                            "query": "up == 0",
                            "duration": 300,
                            "health": "ok",
                            "state": "inactive",
                            "labels": {"severity": "critical"},
                            "annotations": {},
                            "lastEvaluation": "0001-01-01T00:00:00Z",
                        },
                        {
                            "type": "recording",
                            "name": "a:b",
                            "query": "up",
                            "health": "err",
                            "lastError": "?",
                        },
                    ],
                }
            ]
        }
    },
    "/api/v1/status/buildinfo": {"data": {"version": "2.42.0"}},
}
"""What a small Prometheus answers, by the beginning of the path."""

__all__ = [
    "ALERTMANAGER",
    "A_SILENCE",
    "PROMETHEUS",
    "API",
    "answers_as",
    "GOOD",
    "LATER",
    "NOON",
    "a_pass",
    "a_rule",
    "now",
    "server_that",
    "until",
    "with_words",
]
