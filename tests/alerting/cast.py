"""What the tests of Prometheus and Alertmanager share: passes of the clock, waiting, and servers of other kinds."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from alerts.external.tasks import pass_over
from alerts.prometheus.models import PrometheusRule
from alerts.prometheus.services import create_rule
from tests.api.cast import API

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
PATIENCE = 30  # seconds
LATER = timedelta(minutes=1)

GOOD = {"name": "NobodyHome", "expression": "up == 0", "severity": "critical"}


def now() -> datetime:
    return datetime.now(UTC)


def a_pass() -> list[str]:
    """One pass of the clock."""
    return pass_over(now=now())


def a_rule(**values: Any) -> PrometheusRule:
    return create_rule({**GOOD, **values}, by="alice", now=now())


def until(true: Callable[[], Any], what: str) -> Any:
    """Wait for a condition, and return what it said."""
    deadline = time.monotonic() + PATIENCE
    while not (said := true()):
        assert time.monotonic() < deadline, f"it did not come to pass that {what}"
        time.sleep(0.05)
    return said


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def server_that(answers: Answer) -> Iterator[str]:
    """Serve at the URL that is yielded, in the way of the function."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if self.raw_requestline and self.parse_request():
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
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


__all__ = ["API", "GOOD", "LATER", "NOON", "a_pass", "a_rule", "now", "server_that", "until", "with_words"]
