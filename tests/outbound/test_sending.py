"""One POST to receivers that behave well, badly or not at all; each is a real socket on 127.0.0.1."""

import ipaddress
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from csms.core.outbound import sending
from csms.core.outbound.sending import EXCERPT_MAX, Attempt, post
from csms.core.outbound.targets import Bounds, Target, read_target
from tests.support.certificates import self_signed
from tests.support.receiver import dripping, endless, raw, receiving, reset, silent, status

HERE = (ipaddress.ip_network("127.0.0.0/8"),)
OPEN = Bounds(allow_http=True, networks=HERE, deadline=30)
HASTY = Bounds(allow_http=True, networks=HERE, deadline=0.5)
BODY = b'{"n":1}'


def send(url: str, bounds: Bounds = OPEN, **headers: str) -> Attempt:
    return post(read_target(url, bounds), BODY, headers, bounds=bounds)


def test_a_receiver_that_takes_it() -> None:
    with receiving(status(204)) as receiver:
        made = send(f"{receiver.origin}/hook?x=1", **{"webhook-id": "m"})
    assert made.succeeded
    assert (made.status, made.error, made.permanent) == (204, "", False)
    message = receiver.messages[0]
    assert (message.method, message.path, message.body) == ("POST", "/hook?x=1", BODY)
    assert message.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert message.headers["content-type"] == "application/json"
    assert message.headers["webhook-id"] == "m"
    assert not {"cookie", "authorization", "referer"} & message.headers.keys()


@pytest.mark.parametrize(("code", "permanent"), [(500, False), (400, False), (404, False), (410, True)])
def test_a_refusal_says_whether_it_is_final(code: int, permanent: bool) -> None:
    with receiving(status(code, b"no \x00 more")) as receiver:
        made = send(receiver.origin)
    assert (made.succeeded, made.status, made.permanent) == (False, code, permanent)
    assert made.excerpt == "no \ufffd more"


def test_a_receiver_may_ask_to_be_left_alone() -> None:
    for given, wish in (
        ("120", 120),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-1", None),
        ("9" * 40, None),
    ):
        with receiving(status(503, Retry_After=given)) as receiver:
            assert send(receiver.origin).retry_after == wish


def test_no_redirect_is_followed() -> None:
    with receiving() as inside, receiving(status(307, Location=f"{inside.origin}/inside")) as receiver:
        made = send(receiver.origin)
    assert (made.status, made.succeeded) == (307, False)
    assert inside.connections == 0


def test_a_huge_answer_is_read_to_a_kilobyte() -> None:
    with receiving(endless) as receiver:
        made = send(receiver.origin)
    assert made.succeeded
    assert made.excerpt == "y" * EXCERPT_MAX


def test_a_status_counts_though_its_body_never_ends() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    with receiving(dripping(answer)) as receiver:
        made = send(receiver.origin, HASTY)
    assert made.succeeded
    assert set(made.excerpt) == {"x"}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (silent, "did not answer within 0.5 s"),
        (dripping(b"HTTP/1.1 200 OK\r\nX-Long: "), "did not answer within 0.5 s"),
        (reset, "connection"),
        (raw(b""), "connection"),
        (raw(b"SSH-2.0-OpenSSH_9\r\n"), "no HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000), "no HTTP"),
        (raw(b"\x00" * 3000), "no HTTP"),
    ],
    ids=["silent", "dripping", "reset", "closed", "no http", "huge headers", "noise"],
)
def test_no_answer_is_an_error_that_may_pass(answer: Any, why: str) -> None:
    with receiving(answer) as receiver:
        made = send(receiver.origin, HASTY)
    assert (made.status, made.permanent, made.succeeded) == (None, False, False)
    assert why in made.error


def test_nobody_at_home() -> None:
    with receiving() as receiver:
        pass
    made = send(receiver.origin)
    assert made.status is None
    assert "refused" in made.error
    assert not made.permanent


def test_early_hints_are_passed_over() -> None:
    hints = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
    )
    with receiving(raw(hints)) as receiver:
        assert send(receiver.origin).status == 202


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        assert send(receiver.origin).succeeded
    assert (proxy.connections, receiver.connections) == (0, 1)


# --- names ------------------------------------------------------------------------------------------------------------


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Answer the n-th question for an address with the n-th of these, and note who was asked for."""
    asked: list[str] = []

    def look(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [
            (socket.AF_INET6 if ":" in text else socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port))
            for text in found
        ]

    monkeypatch.setattr(sending.socket, "getaddrinfo", look)
    return asked


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "fe80::1",
        "fd00:ec2::254",
        "0.0.0.0",
    ],
)
def test_a_name_that_leads_inside_is_refused_for_good(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolving(monkeypatch, [address])
    with receiving() as receiver:
        made = send(f"http://backend.example:{receiver.port}/", Bounds(allow_http=True))
    assert made.permanent
    assert "inside a network" in made.error
    assert receiver.connections == 0


def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server that answers something harmless first and loopback afterwards gets nobody inside."""
    asked = resolving(monkeypatch, ["198.51.100.1"], ["127.0.0.1"])
    connected: list[Any] = []
    connect = socket.socket.connect

    def watched(sock: socket.socket, address: Any) -> None:
        connected.append(address)
        connect(sock, ("127.0.0.1", receiver.port))

    with receiving() as receiver:
        monkeypatch.setattr(socket.socket, "connect", watched)
        documentation = Bounds(allow_http=True, networks=(ipaddress.ip_network("198.51.100.0/24"),))
        made = send("http://backend.example/", documentation)
    assert made.succeeded
    assert asked == ["backend.example"]  # once
    assert connected == [("198.51.100.1", 80)]  # the address, not the name


def test_of_several_addresses_only_allowed_ones_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["10.0.0.1", "127.0.0.2", "127.0.0.1"])
    with receiving() as receiver:  # it listens on 127.0.0.1 alone
        made = send(f"http://backend.example:{receiver.port}/")
    assert made.succeeded


def test_an_unknown_name_may_be_known_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(sending.socket, "getaddrinfo", fail)
    made = send("https://backend.example/")
    assert not made.permanent
    assert "backend.example was not found" in made.error


def test_a_silent_name_server_costs_no_more_than_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(sending.socket, "getaddrinfo", lambda *args, **kwargs: over.wait(120))
    made = send("https://backend.example/", HASTY)
    over.set()
    assert "did not answer within" in made.error


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context, _ = self_signed(tmp_path, "127.0.0.1")
    with receiving(tls=context) as receiver:
        made = send(receiver.origin)
    assert "certificate is refused" in made.error
    assert "self" in made.error
    assert (made.permanent, receiver.messages) == (False, [])


def trusting(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(sending, "tls_context", lambda: ssl.create_default_context(cafile=str(path)))


def test_a_certificate_of_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, path = self_signed(tmp_path, "other.example")
    trusting(monkeypatch, path)
    with receiving(tls=context) as receiver:
        made = send(receiver.origin)
    assert "certificate is refused" in made.error
    assert receiver.messages == []


def test_a_certificate_that_proves_the_name_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, path = self_signed(tmp_path, "backend.example")
    trusting(monkeypatch, path)
    resolving(monkeypatch, ["127.0.0.1"])
    with receiving(tls=context) as receiver:
        made = send(f"https://backend.example:{receiver.port}/hook")
    assert made.succeeded, made
    assert receiver.messages[0].headers["host"] == f"backend.example:{receiver.port}"


def test_a_server_without_tls_is_no_https(tmp_path: Path) -> None:
    with receiving(raw(b"HTTP/1.1 200 OK\r\n\r\n")) as receiver:
        made = send(f"https://127.0.0.1:{receiver.port}/")
    assert made.status is None
    assert "connection failed" in made.error


def test_tls_below_1_2_is_not_spoken() -> None:
    assert sending.tls_context().minimum_version >= ssl.TLSVersion.TLSv1_2
    assert sending.tls_context().verify_mode == ssl.CERT_REQUIRED


def test_a_target_that_is_made_by_hand_cannot_leave_the_bounds() -> None:
    with receiving() as receiver:
        made = post(Target("http", "127.0.0.1", receiver.port, "/"), BODY, {}, bounds=Bounds(allow_http=True))
    assert made.permanent
    assert receiver.connections == 0


def test_the_time_that_it_took_is_told() -> None:
    begun = time.monotonic()
    with receiving(silent) as receiver:
        made = send(receiver.origin, HASTY)
    assert 0.4 <= made.latency <= time.monotonic() - begun
