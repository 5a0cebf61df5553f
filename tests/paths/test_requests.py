"""What HTTP requests leave behind: no lines of probes, no warnings of static files, no connections to the database."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message

import psycopg
import pytest

from csms.core.database.base import KEPT
from tests.paths.test_start import api_token
from tests.support.charger import eventually
from tests.support.server import ROOT, Server, running_server

CSS = "/static/console/console.css"


@pytest.fixture(scope="module")
def server(tmp_path_factory, new_database) -> Iterator[Server]:
    with running_server(
        tmp_path_factory.mktemp("requests"), new_database(), PYTHONWARNINGS="default"
    ) as running:
        yield running


def fetch(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, Message]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(server.base_url + path, headers=named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def test_probes_that_find_all_well_are_no_news(server: Server):
    for path in ("/healthz", "/readyz", "/metrics"):
        assert server.get(path)[0] == 200
    assert server.get("/sign-in")[0] == 200  # others are logged as ever
    logged = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    requests = {line["request"] for line in logged if "request" in line}
    assert "GET /sign-in" in requests
    assert not requests & {"GET /healthz", "GET /readyz", "GET /metrics"}


def test_a_probe_that_is_answered_badly_is_logged(server: Server):
    assert fetch(server, "/healthz", "POST")[0] == 403  # a form that is not ours
    assert '"POST /healthz"' in server.log()


def test_static_files_are_served_without_a_warning(server: Server):
    whole = (ROOT / CSS.removeprefix("/")).read_bytes()
    status, body, headers = fetch(server, CSS)
    assert (status, body) == (200, whole)
    assert headers["Content-Type"].startswith("text/css")
    assert headers["Content-Length"] == str(len(whole))

    status, body, headers = fetch(server, CSS, "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(whole)))
    status, body, headers = fetch(server, CSS, Range="bytes=10-19")
    assert (status, body) == (206, whole[10:20])
    assert headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    status, body, headers = fetch(server, CSS, If_Modified_Since=fetch(server, CSS)[2]["Last-Modified"])
    assert (status, body) == (304, b"")
    assert fetch(server, CSS, "POST")[0] == 405
    assert fetch(server, CSS + "x")[0] == 404
    assert "StreamingHttpResponse" not in server.log()


@pytest.mark.postgres_only
async def test_requests_leave_few_connections_to_the_database(server: Server):
    token = await asyncio.to_thread(api_token, server)

    def connections() -> int:
        with psycopg.connect(server.env["DATABASE_URL"]) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            ).fetchone()
        assert found
        return int(found[0])

    paths = ["/readyz", "/sign-in", CSS, "/api/v1/charge-points/", "/api/v1/transactions/", "/nowhere"]

    def burst(many: int, at_once: int) -> None:
        with ThreadPoolExecutor(at_once) as pool:
            wanted = [paths[n % len(paths)] for n in range(many)]
            statuses = list(pool.map(lambda path: server.get(path, token)[0], wanted))
        assert not [status for status in statuses if status not in (200, 404)], statuses

    await asyncio.to_thread(burst, len(paths), 1)
    # The writer, the worker's two threads and the clock may each hold one, and some wait for the next request; whatever
    # was asked, and by however many at once, there are no more.
    few = 5 + KEPT
    await eventually(lambda: connections() <= few)
    for _ in range(3):
        await asyncio.to_thread(burst, 60, 1)
        await asyncio.to_thread(burst, 120, 12)
        await eventually(lambda: connections() <= few, 30)
