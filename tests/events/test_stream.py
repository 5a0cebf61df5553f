"""Programs follow what happens over HTTP, of a real server: nothing is lost and nothing comes twice."""

import http.client
import http.cookiejar
import json
import re
import socket
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.events.following import (
    PATIENCE,
    STREAM,
    Follower,
    figure,
    following,
    pulled,
    tell,
    token_of,
    until,
)
from tests.paths.store import rows, value
from tests.support.server import ADMIN_PASSWORD, Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[..., str]) -> Iterator[Server]:
    data: Path = tmp_path_factory.mktemp("stream")
    patient = {"DJANGO_SETTINGS_MODULE": "tests.events.patient_settings"}
    with running_server(data, new_database(), **patient) as server:
        yield server


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return token_of(server)


@pytest.fixture
def told(server: Server) -> Callable[..., list[int]]:
    """Records events and returns their positions, when they have them."""

    def tells(*facts: Any) -> list[int]:
        def last() -> int:
            return value(server, "SELECT position FROM events_reader WHERE name = 'numbering'") or 0

        before = last()
        tell(server, *facts)
        until(lambda: last() >= before + len(facts))
        return list(range(before + 1, before + len(facts) + 1))

    return tells


Told = Callable[..., list[int]]


def test_an_event_comes_with_its_cursor_its_type_and_its_json(server: Server, token: str, told: Told) -> None:
    with following(server, token) as bob:
        assert bob.headers["Cache-Control"] == "no-store"
        assert bob.headers["X-Accel-Buffering"] == "no"
        assert "default-src" in bob.headers["Content-Security-Policy"]
        assert bob.begins().retry >= 1000
        [position] = told(("tx.started", "CP16", {"text": "a line\nand another, and ünïcode"}))
        bob.gets(position)
    page = pulled(server, token, f"after={position - 1}")
    [event] = page["results"]
    assert bob.events == [(str(position), "tx.started", event)]
    assert page["next_after"] == bob.last_id


def test_without_a_cursor_it_begins_now(server: Server, token: str, told: Told) -> None:
    [before] = told(("cp.boot", "CP16"))
    with following(server, token) as bob:
        assert bob.begins().last_id == str(before)
        bob.gets(*told(("cp.boot", "CP16"), ("cp.boot", "CP16")))


def test_it_goes_on_behind_a_cursor(server: Server, token: str, told: Told) -> None:
    positions = told(*[("cp.boot", "CP16")] * 5)
    with following(server, token, f"after={positions[1]}") as bob:
        bob.gets(*positions[2:])
    with following(server, token, f"after={positions[0]}", Last_Event_ID=str(positions[3])) as bob:
        bob.gets(positions[4])  # the header counts
    with following(server, token, "from=2020-01-01T00:00:00Z&cp_id=CP16") as bob:
        until(lambda: bob.positions[-5:] == positions)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=tx.*", [0, 3]),
        ("type=cp.boot&type=tx.stopped", [1, 2, 3]),
        ("cp_id=CP16", [0, 1, 3]),
        ("cp_id=CP16&cp_id=CS201&type=cp.*", [1, 2]),
    ],
)
def test_filters_hold_for_what_was_and_for_what_comes(
    server: Server, token: str, told: Told, query: str, expected: list[int]
) -> None:
    facts = [("tx.started", "CP16"), ("cp.boot", "CP16"), ("cp.boot", "CS201"), ("tx.stopped", "CP16")]
    was = told(*facts)
    with following(server, token, f"{query}&after={was[0] - 1}") as bob:
        bob.gets(*[was[n] for n in expected])
        comes = told(*facts)
        bob.gets(*[each[n] for each in (was, comes) for n in expected])


def test_who_lost_the_connection_misses_nothing(server: Server, token: str, told: Told) -> None:
    first = told(("cp.boot", "CP16"))
    with following(server, token, f"after={first[0] - 1}") as bob:
        bob.gets(*first)
    missed = told(*[("cp.boot", "CP16")] * 300)  # more than a page
    with following(server, token, Last_Event_ID=bob.last_id) as bob:
        bob.gets(*missed)
        bob.gets(*missed, *told(("cp.boot", "CP16")))


def test_a_person_follows_by_the_session_of_the_console_until_they_sign_out(
    server: Server, told: Told
) -> None:
    cookies = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))

    def post(path: str, form: str, **fields: str) -> None:
        with browser.open(server.base_url + form, timeout=PATIENCE) as page:
            secret = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
        assert secret
        data = urllib.parse.urlencode(fields | {"csrfmiddlewaretoken": secret[1]}).encode()
        browser.open(server.base_url + path, data, timeout=PATIENCE).close()

    post("/sign-in", "/sign-in", username="admin", password=ADMIN_PASSWORD)
    cookie = "; ".join(f"{each.name}={each.value}" for each in cookies)
    with following(server, Cookie=cookie) as alice:
        alice.begins().gets(*told(("cp.boot", "CP16")))
        post("/sign-out", "/", username="")
        assert alice.ends() == "in good order"
    with following(server, Cookie=cookie) as alice:
        assert alice.status == 401


def test_a_stream_ends_with_its_token(server: Server, token: str, told: Told) -> None:
    key = token_of(server, "soon revoked")
    with following(server, key) as charlie, following(server, token) as bob:
        charlie.begins()
        bob.begins()
        before = figure(server, 'csms_events_stream_closed_total{reason="refused"}')
        server.manage("revoke_api_token", "soon revoked")
        assert charlie.ends() == "in good order"
        assert Follower(server, key).status == 401
        until(lambda: figure(server, 'csms_events_stream_closed_total{reason="refused"}') == before + 1)
        bob.gets(*told(("cp.boot", "CP16")))  # others go on


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ("type=nonsense", {}, 422, "invalid"),
        ("limit=5", {}, 422, "invalid"),
        ("to=2026-01-01T00:00:00Z", {}, 422, "invalid"),
        ("after=-1", {}, 422, "invalid"),
        ("", {"Last_Event_ID": "nonsense"}, 422, "invalid"),
        ("", {"Last_Event_ID": "9" * 17}, 410, "cursor_unknown"),
        ("after=" + "9" * 17, {}, 410, "cursor_unknown"),
        ("", {"Accept": "application/json"}, 406, "not_acceptable"),
        ("", {"Accept": "text/html"}, 406, "not_acceptable"),
    ],
)
def test_bad_requests_are_refused_before_the_stream_begins(
    server: Server, token: str, query: str, headers: dict[str, str], status: int, code: str
) -> None:
    bob = Follower(server, token, query, **headers)
    body = bob.error()
    assert (bob.status, body["error"]["code"]) == (status, code), body
    assert body["request_id"] == bob.headers["X-Request-ID"]
    assert bob.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE"])
def test_other_methods_are_refused(server: Server, token: str, method: str) -> None:
    bob = Follower(server, token, method=method)
    assert (bob.status, bob.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "accept", ["text/event-stream", "*/*", "text/*", "text/html, text/event-stream;q=0.5"]
)
def test_who_takes_a_stream_gets_one_with_or_without_the_last_slash(
    server: Server, token: str, accept: str
) -> None:
    with following(server, token, Accept=accept) as bob:
        bob.begins()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("GET", f"{STREAM}/", headers={"Authorization": f"Bearer {token}", "Accept": accept})
    assert connection.getresponse().status == 200
    connection.close()


# --- load -------------------------------------------------------------------------------------------------------------


def test_who_follows_holds_no_thread_and_no_connection(server: Server, token: str, told: Told) -> None:
    def threads() -> int:
        assert server.process
        return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))

    def sessions() -> int:
        if not server.env.get("DATABASE_URL"):
            return 0
        [(number,)] = rows(server, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return number

    with following(server, token) as first:
        first.begins()
        until(lambda: figure(server, "csms_events_stream_clients") == 1)
        others = [Follower(server, token).begins() for _ in range(60)]
        assert figure(server, "csms_events_stream_clients") == 61
        # Of what serves all of them there are a few; nobody has one of their own.
        until(lambda: threads() < 50)
        until(lambda: sessions() < 40)
        positions = told(*[("cp.boot", "CP16")] * 10)
        for each in (first, *others):
            each.gets(*positions)
        for each in others:
            each.leave()
        until(lambda: figure(server, "csms_events_stream_clients") == 1)
        first.gets(*positions, *told(("cp.boot", "CP16")))


def test_a_slow_reader_delays_nobody_and_loses_nothing(server: Server, token: str, told: Told) -> None:
    """What it has not taken is not kept for it: it gets it from the database when it goes on."""
    with socket.socket() as slow, following(server, token) as bob:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(PATIENCE)
        slow.connect(("127.0.0.1", server.port))
        slow.sendall(
            f"GET {STREAM} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        start = slow.recv(10)
        assert start.startswith(b"HTTP/1.1")
        bob.begins()
        positions = []
        for _ in range(6):  # some 12 MB, more than the tail keeps
            positions += told(*[("cp.status", "CP16", {"text": "x" * 20_000})] * 100)
        bob.gets(*positions)
        assert (
            figure(server, "csms_events_stream_clients") == 2
        )  # it was not given up, however long that took
        answer = http.client.HTTPResponse(_Prefixed(slow, start))  # type: ignore[arg-type]
        answer.begin()
        seen = []
        while len(seen) < len(positions):
            line = answer.readline()
            assert line
            if line.startswith(b"data: "):
                seen.append(json.loads(line[6:])["position"])
        assert seen == positions


class _Prefixed:
    """A socket of which some bytes were read already."""

    def __init__(self, sock: socket.socket, start: bytes) -> None:
        self._file = sock.makefile("rb")
        self._start = start

    def makefile(self, mode: str) -> Any:
        import io

        file, start = self._file, self._start

        class Joined(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer: Any) -> int:
                nonlocal start
                data, start = (
                    (start[: len(buffer)], start[len(buffer) :]) if start else (file.read1(len(buffer)), b"")
                )
                buffer[: len(data)] = data
                return len(data)

        return io.BufferedReader(Joined())


def test_there_is_a_bound_for_clients(tmp_path: Path, database_url: str) -> None:
    with running_server(tmp_path, database_url, CSMS_EVENTS_STREAM_CLIENTS="2") as server:
        token = token_of(server)
        first, second = Follower(server, token).begins(), Follower(server, token).begins()
        third = Follower(server, token)
        assert (third.status, third.error()["error"]["code"]) == (503, "no_place")
        assert int(third.headers["Retry-After"]) > 0
        first.leave()
        until(lambda: figure(server, "csms_events_stream_clients") == 1)
        with following(server, token) as third:
            third.begins()
        second.leave()


# --- the server goes --------------------------------------------------------------------------------------------------


def test_the_end_of_the_server_ends_streams_in_good_order(tmp_path: Path, database_url: str) -> None:
    with running_server(tmp_path, database_url) as server:
        token = token_of(server)
        followers = [Follower(server, token, "from=2020-01-01T00:00:00Z").begins() for _ in range(5)]
        assert server.stop() == 0
        for follower in followers:
            assert follower.ends() == "in good order"
        tell(server, ("cp.boot", "CP16"))  # by another server, maybe
        server.start()
        with following(server, token, Last_Event_ID=followers[0].last_id) as bob:
            until(lambda: [kind for _, kind, _ in bob.events] == ["cp.boot"])


def test_after_a_kill_everything_comes_once(tmp_path: Path, database_url: str) -> None:
    with running_server(tmp_path, database_url) as server:
        token = token_of(server)
        seen: list[int] = []
        last = "0"
        for _ in range(3):
            with following(server, token, Last_Event_ID=last) as bob:
                tell(server, *[("cp.boot", f"CP{n}") for n in range(50)])
                until(lambda: len(bob.events) > 20)
                server.kill()
                bob.ends()
                seen += bob.positions
                last = str(seen[-1])
            tell(server, *[("cp.boot", f"CP{n}") for n in range(50)])  # while nobody serves
            server.start()
        with following(server, token, Last_Event_ID=last) as bob:
            until(lambda: len(seen) + len(bob.events) >= 300)
            seen += bob.positions
    assert seen == list(range(1, 301))
