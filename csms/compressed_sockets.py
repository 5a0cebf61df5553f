"""Sockets that compress the messages of OCPP 2.x (T-009, RFC 7692), and no others.

A compressed kilobyte may hold a megabyte. So what came is inflated a little at a time, and only while nobody has still
to read what was inflated before: a packet full of bombs costs the memory of two messages, not of hundreds.
"""

from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request

from chargers.handshake import COMPRESSION, MOUNT
from chargers.protocol.versions import OCPP_2X
from csms.core.config import Config

SLICE: Final = 2048
"""Bytes that are inflated at once; deflate makes at most 1,032 of one."""
OVERHEAD: Final = 1024
"""Bytes by which compressed frames may be longer than what they hold; so much more than others a message may have."""
AFTER_CLOSE_MAX: Final = 16 * 1024
"""Bytes that are still read for the peer's farewell once we have closed: what they hold nobody will ask for."""

# Answers are short and unlike each other: a window that is kept would cost 32 KiB for each socket and save little.
# Of what comes the window is kept, in 4 KiB where the peer lets us choose.
DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True,
    server_max_window_bits=12,
    client_max_window_bits=12,
    compress_settings={"memLevel": 5},
)
EXTENSIONS = "Sec-WebSocket-Extensions"


def websocket_options(config: Config) -> dict[str, Any]:
    """Return what uvicorn is told of WebSockets, by the names of its settings."""
    return {
        "ws": CompressedSocket,
        "ws_max_size": config.max_frame_bytes,
        "ws_per_message_deflate": False,  # its own, which every browser would get, and which has no bound
        "ws_ping_interval": config.ws_ping_interval or None,
        "ws_ping_timeout": None,
    }


class CompressedSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which agrees to compression where a charge point of OCPP 2.x offers it.

    Whoever accepts the socket decides: `websocket.accept` has `compression` true, or it stays plain. A plain socket is
    served as uvicorn serves it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unread = bytearray()
        self._after_close = 0

    @property
    def compressed(self) -> bool:
        """Whether compression was agreed upon, or will be if the application accepts it."""
        return bool(self.conn.extensions)

    def handle_connect(self, event: Request) -> None:
        """Offer compression only where it can be wanted: browsers and OCPP 1.6 never get it."""
        wanted = event.path.startswith(MOUNT) and _offers(event) & OCPP_2X
        self.conn.available_extensions = [DEFLATE] if wanted else []
        super().handle_connect(event)
        if self.compressed:
            self.conn.max_message_size = self.config.ws_max_size + OVERHEAD
            self.scope["extensions"][COMPRESSION] = {}  # before the application begins to run

    def data_received(self, data: bytes) -> None:
        """Take what came; compressed bytes wait until they may be inflated."""
        if self.compressed:
            self._unread += data
            self._inflate()
        else:
            super().data_received(data)

    def _inflate(self) -> None:
        """Read as much as there is room for: up to the first whole message, or all of it if there is none."""
        if not self.handshake_complete:
            self.transport.pause_reading()  # nobody has judged yet who sends it
            return
        if self.close_sent and len(self._unread) + self._after_close > AFTER_CLOSE_MAX:
            self._unread.clear()
            self.transport.abort()
        while self._unread and not self.read_paused and not self.transport.is_closing():
            some = bytes(self._unread[:SLICE])
            del self._unread[:SLICE]
            if self.close_sent:
                self._after_close += len(some)
            super().data_received(some)
            if self.conn.parser_exc is not None:
                self._unread.clear()

    async def receive(self) -> Any:
        """Return what came next, and make room for what comes behind it."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self.transport.resume_reading()
            self._inflate()
        return message

    async def send(self, message: Any) -> None:
        """Send what the application says. Before the handshake is complete it decides whether to compress."""
        if self.compressed and not self.handshake_complete and not message.get("compression"):
            self.conn.extensions.clear()
            self.conn.max_message_size = self.config.ws_max_size
            if EXTENSIONS in self.response.headers:
                del self.response.headers[EXTENSIONS]
        await super().send(message)
        if self._unread and self.handshake_complete and not self.read_paused:
            self._go_on()

    def _go_on(self) -> None:
        """Read what came too early, or what stands before the peer's farewell."""
        if self.transport.is_closing():
            return
        self.transport.resume_reading()
        if self.compressed:
            self._inflate()
        else:
            early, self._unread = bytes(self._unread), bytearray()
            super().data_received(early)


def _offers(request: Request) -> set[str]:
    """Return the subprotocols that a handshake offers."""
    headers = request.headers.get_all("Sec-WebSocket-Protocol")
    return {word.strip() for header in headers for word in header.split(",")}
