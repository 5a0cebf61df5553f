"""The first look at every connection: a request's head must come soon and must not be huge."""

import asyncio
import logging
from typing import Any

from prometheus_client import Counter
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = logging.getLogger(__name__)

HEAD_SECONDS = 15.0
# What the WebSocket library takes; beyond it falls silent, and a charge point would wait for ever.
LINE_MAX, LINES_MAX = 8192, 128
HEAD_MAX = 256 * 1024  # bytes; uvicorn itself would collect without end

TURNED_AWAY = Counter(
    "csms_connections_turned_away_total", "Connections closed before their request.", ["reason"]
)


class Doorkeeper(HttpToolsProtocol):
    """uvicorn's HTTP protocol with a deadline and a bound for the head of each request.

    Without the deadline a few hundred sockets that never finish their request shut everybody out.
    """

    _deadline: asyncio.TimerHandle | None = None
    _taken = 0
    _lines = 0
    _longest = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._at_ease()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        in_head = self._deadline is not None
        super().data_received(data)
        if in_head and self._deadline is not None:
            self._taken += len(data)
            if self._taken > HEAD_MAX:
                self._turn_away("huge_head", 431, "Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        self._lines = self._longest = 0
        if self._deadline is None:
            self._expect_head()  # of the next request on this connection
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines += 1
        self._longest = max(self._longest, len(name) + len(value) + 4)  # ": " and the line's end
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._at_ease()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        if self._longest > LINE_MAX or self._lines > LINES_MAX:
            self._turn_away("huge_head", 431, "Request Header Fields Too Large")
        else:
            super().handle_websocket_upgrade()

    def _expect_head(self) -> None:
        self._taken = 0
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._turn_away, "slow", 408, "Request Timeout")

    def _at_ease(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _turn_away(self, reason: str, status: int, phrase: str) -> None:
        self._at_ease()
        TURNED_AWAY.labels(reason).inc()
        peer = self.client[0] if self.client else ""
        log.warning("http.turned_away", extra={"peer": peer, "reason": reason, "status": status})
        head = f"HTTP/1.1 {status} {phrase}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        self.transport.write(head.encode())
        self.transport.close()
