"""HTTP/1.1 to the backend on the event loop: kept connections, every step within one deadline, bounded answers.

Plain streams under h11. Unlike webhooks, the backend may stand in a private network: its address is the
administrator's word. No redirect is followed, no proxy used, and a certificate that does not prove the name is refused.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from time import monotonic
from urllib.parse import urlsplit

import h11

ANSWER_MAX = 64 * 1024  # bytes of a body
HEAD_MAX = 32 * 1024
READ_BYTES = 16_384
KEPT_MAX = 16  # idle connections
KEPT_SECONDS = 30.0
USER_AGENT = "csms"


class WireError(Exception):
    """A request that got no whole answer; the text says why, for people."""


class Unanswered(WireError):
    """The connection ended before anything of an answer came: one that had been kept was simply too old."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came."""

    status: int
    body: bytes
    retry_after: float | None = None  # seconds
    is_json: bool = False
    """Whether it says so itself: a page of a proxy does not."""


class _Connection:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_MAX)
        self.used_at = monotonic()

    @property
    def usable(self) -> bool:
        fresh = monotonic() - self.used_at < KEPT_SECONDS
        return fresh and not self.reader.at_eof() and not self.writer.is_closing()

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.writer.transport.abort()


class Wire:
    """To one base URL; of one event loop."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._authority = parts.netloc
        self._path = parts.path.rstrip("/")
        self._idle: list[_Connection] = []

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Post a body and return the answer; the caller sets the deadline. Raises WireError.

        A connection that was kept and has broken meanwhile costs nothing: what went through it is sent again, which
        the idempotency key makes harmless.
        """
        while (kept := self._kept()) is not None:
            with contextlib.suppress(Unanswered):
                return await self._exchange(kept, path, body, headers)
        return await self._exchange(await self._connect(), path, body, headers)

    def close(self) -> None:
        """Let go of the kept connections."""
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        try:
            return _Connection(
                *await asyncio.open_connection(
                    self._host, self._port, ssl=_context() if self._tls else None, limit=READ_BYTES
                )
            )
        except ssl.SSLCertVerificationError as error:
            raise WireError(f"its certificate is refused: {error.verify_message}") from None
        except OSError as error:
            raise WireError(f"the connection failed: {error.strerror or error}") from None

    async def _exchange(
        self, connection: _Connection, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Reply:
        keep = False
        try:
            reply = await self._ask(connection, path, body, headers)
            http = connection.http
            keep = http.our_state is h11.DONE and http.their_state is h11.DONE and not http.trailing_data[0]
            return reply
        except h11.RemoteProtocolError as error:
            raise WireError(f"it answered something that is no HTTP: {error}") from None
        except OSError as error:
            waited = connection.http.their_state is h11.SEND_RESPONSE
            broken = Unanswered if waited else WireError
            raise broken(f"the connection broke: {error.strerror or error}") from None
        finally:
            if keep and len(self._idle) < KEPT_MAX:
                connection.http.start_next_cycle()
                connection.used_at = monotonic()
                self._idle.append(connection)
            else:
                connection.close()

    async def _ask(
        self, connection: _Connection, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Reply:
        http = connection.http
        request = h11.Request(
            method="POST",
            target=f"{self._path}{path}",
            headers=[
                ("Host", self._authority),
                ("User-Agent", USER_AGENT),
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("Accept", "application/json"),
                ("Accept-Encoding", "identity"),
                *headers.items(),
            ],
        )
        parts = (http.send(request), http.send(h11.Data(data=body)), http.send(h11.EndOfMessage()))
        connection.writer.write(b"".join(part or b"" for part in parts))
        response = await self._next(connection)
        while isinstance(response, h11.InformationalResponse):
            response = await self._next(connection)
        if not isinstance(response, h11.Response):
            raise Unanswered("it closed the connection without an answer")
        read = bytearray()
        while isinstance(event := await self._next(connection), h11.Data):
            read += event.data
            if len(read) > ANSWER_MAX:
                raise WireError(f"its answer has more than {ANSWER_MAX} bytes")
        return Reply(response.status_code, bytes(read), _retry_after(response), _is_json(response))

    @staticmethod
    async def _next(connection: _Connection) -> h11.Event | type[h11.PAUSED]:
        while (event := connection.http.next_event()) is h11.NEED_DATA:
            data = await connection.reader.read(READ_BYTES)
            if not data and connection.http.their_state is h11.SEND_RESPONSE:
                raise Unanswered("it closed the connection without an answer")
            connection.http.receive_data(data)
        return event  # type: ignore[return-value]  # NEED_DATA has just been left out


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _retry_after(response: h11.Response) -> float | None:
    text = dict(response.headers).get(b"retry-after", b"").decode("latin-1")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def _is_json(response: h11.Response) -> bool:
    kind = (
        dict(response.headers).get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    )
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
