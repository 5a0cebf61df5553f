"""Connections that never say what they want shut nobody out, and huge heads get an answer."""

import socket
import time

import pytest

from csms import doorkeeper
from tests.support.server import Server, running_server

UPGRADE = (
    "GET /ocpp/CP16 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with running_server(tmp_path_factory.mktemp("door"), CSMS_UNKNOWN_CHARGE_POINTS="accept") as server:
        yield server


def say(server: Server, head: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=doorkeeper.HEAD_SECONDS + 20)
    connection.sendall(head.encode())
    return connection


@pytest.mark.sqlite_only
@pytest.mark.parametrize("extra", ["X: " + "a" * 9000, "\r\n".join(f"X-{n}: a" for n in range(200))])
def test_a_huge_head_is_answered(server: Server, extra: str):
    with say(server, UPGRADE + extra + "\r\n\r\n") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 431 ")
    with say(server, UPGRADE + "X: " + "a" * 8000 + "\r\n\r\n") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 101 ")


@pytest.mark.sqlite_only
def test_a_request_that_is_never_finished_is_closed(server: Server):
    idle = [say(server, "GET /healthz HTTP/1.1\r\nHost: x\r\n") for _ in range(20)]
    silent = say(server, "")
    began = time.monotonic()
    for connection in (*idle, silent):
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
        assert connection.recv(100) == b""
        connection.close()
    assert time.monotonic() - began > 1, "they were given time"
    assert server.get("/healthz")[0] == 200
    assert 'csms_connections_turned_away_total{reason="slow"} 21.0' in server.get("/metrics")[1]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("line", ["PUT /u/x/ HTTP/1.1", "GET /api/v1/ HTTP/1.1"])
def test_a_head_without_end_is_not_collected(server: Server, line: str):
    with say(server, f"{line}\r\nHost: localhost\r\nX: ") as connection, pytest.raises(OSError):
        connection.sendall(b"a" * 30_000_000)
    with say(server, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + "a" * 60_000 + "\r\n\r\n") as good:
        assert good.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.mark.sqlite_only
def test_a_second_request_that_is_never_finished_is_closed(server: Server):
    with say(server, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") as connection:
        with connection.makefile("rb") as answers:
            first = [answers.readline()]
            while first[-1].strip():
                first.append(answers.readline())
            assert first[0].startswith(b"HTTP/1.1 200 ")
            assert answers.read(len(b'{"status": "ok"}'))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            assert answers.readline().startswith(b"HTTP/1.1 408 ")
