"""One POST to a receiver whom nobody trusts: bounded in time and size, to the address that was looked at, no other.

No redirect is followed, no proxy used, no cookie kept, and a certificate that does not prove the name is refused.
Plain sockets under h11, since a bound on the whole request, from the name to the answer, needs each step in hand.
"""

import queue
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from time import monotonic
from typing import Any

import h11

from csms.core.outbound.targets import Address, Bounds, Network, Target, why_refused

EXCERPT_MAX = 1024  # bytes
ADDRESSES_MAX = 4  # of a name that are tried
READ_BYTES = 16_384
USER_AGENT = "csms"
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Of histograms of how long receivers take, in seconds."""


class SendingError(Exception):
    """A request that got no answer; `permanent` if trying again would be of no use."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of a request: a status with the beginning of the answer, or an error."""

    latency: float = 0.0  # seconds
    status: int | None = None
    excerpt: str = ""
    retry_after: int | None = None  # seconds, as the receiver wishes
    error: str = ""
    permanent: bool = False

    @property
    def succeeded(self) -> bool:
        """Return whether the receiver has taken it."""
        return self.status is not None and 200 <= self.status < 300


class Clock:
    """The time that is left for a request, in seconds."""

    def __init__(self, seconds: float) -> None:
        self.begun = monotonic()
        self.end = self.begun + seconds

    def left(self) -> float:
        """Return the seconds that are left. Raises TimeoutError when there are none."""
        left = self.end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    @property
    def spent(self) -> float:
        """Return the seconds since it began."""
        return monotonic() - self.begun

    @property
    def is_over(self) -> bool:
        """Whether there is no time left."""
        return monotonic() >= self.end


def post(target: Target, body: bytes, headers: Mapping[str, str], *, bounds: Bounds) -> Attempt:
    """Post a body and return what became of it; never raises for what the network or the receiver does."""
    clock = Clock(bounds.deadline)
    try:
        with closing(connected(target, bounds, clock)) as sock:
            return _exchange(sock, target, body, headers, clock)
    except SendingError as error:
        return Attempt(clock.spent, error=str(error), permanent=error.permanent)
    except TimeoutError:
        return Attempt(clock.spent, error=f"It did not answer within {bounds.deadline:g} s.")
    except ssl.SSLCertVerificationError as error:
        return Attempt(clock.spent, error=f"Its certificate is refused: {error.verify_message}.")
    except h11.RemoteProtocolError as error:
        return Attempt(clock.spent, error=f"It answered something that is no HTTP: {error}.")
    except OSError as error:
        return Attempt(clock.spent, error=f"The connection failed: {error.strerror or error}.")


# --- the way there ----------------------------------------------------------------------------------------------------


def connected(target: Target, bounds: Bounds, clock: Clock) -> socket.socket:
    """Return a socket to an address that may be connected to, under TLS for https.

    Raises SendingError, TimeoutError, ssl.SSLCertVerificationError or another OSError.
    """
    addresses = _allowed(_addresses(target, clock), bounds.networks)[:ADDRESSES_MAX]
    while addresses:
        address = addresses.pop(0)
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(
                clock.left() / (len(addresses) + 1)
            )  # one that is silent leaves time for the others
            sock.connect((str(address), target.port))
            sock.settimeout(clock.left())
            if target.scheme == "http":
                return sock
            return tls_context().wrap_socket(sock, server_hostname=target.host)
        except OSError:
            sock.close()
            if not addresses:
                raise
    raise AssertionError("unreachable: a loop without an address has raised")


def _addresses(target: Target, clock: Clock) -> list[Address]:
    """Return the addresses of the host; a name server that is silent costs no more than the time that is left."""
    try:
        return [ip_address(target.host)]
    except ValueError:
        pass
    answers: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def look() -> None:
        try:
            answers.put(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    # The resolver cannot be told a time; what it finds too late nobody reads.
    threading.Thread(target=look, name="outbound-resolver", daemon=True).start()
    try:
        found = answers.get(timeout=clock.left())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise SendingError(
            f"The address of {target.host} was not found: {getattr(found, 'strerror', found)}."
        )
    return list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


def _allowed(addresses: Iterable[Address], networks: tuple[Network, ...]) -> list[Address]:
    judged = {address: why_refused(address, networks) for address in addresses}
    allowed = [address for address, why in judged.items() if why is None]
    if not allowed:
        raise SendingError(next(iter(judged.values())) or "Its name has no address.", permanent=True)
    return allowed


@cache
def tls_context() -> ssl.SSLContext:
    """Return what a certificate must prove: the name, by an authority that this machine trusts."""
    return ssl.create_default_context()


# --- the exchange -----------------------------------------------------------------------------------------------------


def _exchange(
    sock: socket.socket, target: Target, body: bytes, headers: Mapping[str, str], clock: Clock
) -> Attempt:
    headers = {"Content-Type": "application/json"} | dict(headers)
    http, response = asked(sock, "POST", target, headers, body, clock)
    latency = clock.spent
    return Attempt(
        latency,
        status=response.status_code,
        excerpt=_excerpt(sock, http, clock),
        retry_after=_retry_after(response),
        permanent=response.status_code
        == 410,  # Gone: as Standard Webhooks has it, nothing is wanted there any more
    )


def asked(
    sock: socket.socket, method: str, target: Target, headers: Mapping[str, str], body: bytes, clock: Clock
) -> tuple[h11.Connection, h11.Response]:
    """Send a request and return the head of the answer, with that from which `next_event` reads the rest.

    Raises SendingError, h11.ProtocolError, TimeoutError or another OSError.
    """
    http = h11.Connection(h11.CLIENT)
    request = h11.Request(
        method=method,
        target=target.path,
        headers=[
            ("Host", target.authority),
            ("User-Agent", USER_AGENT),
            ("Content-Length", str(len(body))),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
            *headers.items(),
        ],
    )
    parts = (http.send(request), http.send(h11.Data(data=body)), http.send(h11.EndOfMessage()))
    try:
        _send(sock, b"".join(part or b"" for part in parts), clock)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it may have answered before it had read all
    response = next_event(sock, http, clock)
    while isinstance(response, h11.InformationalResponse):
        response = next_event(sock, http, clock)
    return http, response


def _send(sock: socket.socket, data: bytes, clock: Clock) -> None:
    rest = memoryview(data)
    while rest:
        sock.settimeout(clock.left())
        rest = rest[sock.send(rest) :]


def next_event(sock: socket.socket, http: h11.Connection, clock: Clock) -> Any:
    """Return what h11 makes of what comes next, within the time that is left."""
    while (event := http.next_event()) is h11.NEED_DATA:
        sock.settimeout(clock.left())
        data = sock.recv(READ_BYTES)
        if not data and http.their_state is h11.SEND_RESPONSE and not http.trailing_data[0]:
            raise SendingError("It closed the connection without an answer.")
        http.receive_data(data)
    return event


def _excerpt(sock: socket.socket, http: h11.Connection, clock: Clock) -> str:
    """Return the beginning of the body; the status stands, whatever becomes of the rest."""
    read = b""
    try:
        while len(read) < EXCERPT_MAX and isinstance(event := next_event(sock, http, clock), h11.Data):
            read += event.data
    except (OSError, h11.RemoteProtocolError):
        pass
    return read[:EXCERPT_MAX].decode(errors="replace").replace("\x00", "\ufffd")


def _retry_after(response: h11.Response) -> int | None:
    text = dict(response.headers).get(b"retry-after", b"").decode("latin-1")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
