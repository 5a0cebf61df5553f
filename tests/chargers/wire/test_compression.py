"""What compressed sockets agree to, and how little they inflate at once. In process: the transport is a list."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from csms.compressed_sockets import AFTER_CLOSE_MAX, OVERHEAD, CompressedSocket

MEBIBYTE = 2**20


class Wire:
    """The transport of one socket: what the server wrote, and whether it reads."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.reads, self.closed = True, ""

    def write(self, data: bytes) -> None:
        self.written.append(bytes(data))

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def close(self) -> None:
        self.closed = self.closed or "closed"

    def abort(self) -> None:
        self.closed = self.closed or "aborted"

    def is_closing(self) -> bool:
        return bool(self.closed)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class Peer:
    """A client and the server's side of its socket; the test is the application behind it."""

    def __init__(
        self,
        subprotocol: str = "ocpp2.0.1",
        path: str = "/ocpp/CS201",
        client: Callable[[], Any] = lambda: ClientPerMessageDeflateFactory(client_max_window_bits=True),
    ) -> None:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            self.receive, self.send = receive, send
            with suppress(asyncio.CancelledError):  # by the end of the test
                await asyncio.Event().wait()

        config = uvicorn.Config(application, ws=CompressedSocket, ws_max_size=MEBIBYTE, log_config=None)
        config.load()
        self.wire = Wire()
        self.server = CompressedSocket(config=config, server_state=ServerState(), app_state={})
        self.server.connection_made(self.wire)  # type: ignore[arg-type]
        self.client = ClientProtocol(
            parse_uri(f"ws://h{path}"), extensions=[client()], subprotocols=[subprotocol]
        )  # type: ignore[list-item]
        self.client.send_request(self.client.connect())
        self.server.data_received(b"".join(self.client.data_to_send()))

    async def accepted(self, compression: bool = True) -> "Peer":
        await asyncio.sleep(0)  # the application begins
        assert (await self.receive())["type"] == "websocket.connect"
        subprotocol = self.client.available_subprotocols[0]
        await self.send({"type": "websocket.accept", "subprotocol": subprotocol, "compression": compression})
        self.hear()
        return self

    def hear(self) -> list[Any]:
        """What the client understands of what the server wrote."""
        self.client.receive_data(b"".join(self.wire.written))
        self.wire.written.clear()
        return self.client.events_received()

    def said(self, *texts: str) -> bytes:
        """Messages as they would go over the wire."""
        for text in texts:
            self.client.send_text(text.encode())
        return b"".join(self.client.data_to_send())

    @property
    def queued(self) -> int:
        """Characters that were inflated and that nobody has read."""
        return sum(len(message.get("text", "")) for message in self.server.queue._queue)  # type: ignore[attr-defined]


async def test_messages_go_compressed_in_both_directions_where_that_was_offered():
    peer = await Peer().accepted()
    text = '[2,"a","Heartbeat",{}]' * 20
    compressed = peer.said(text)
    assert compressed[0] & 0x40, "RSV1 says that it is"
    assert len(compressed) < len(text) / 2
    peer.server.data_received(compressed)
    assert await peer.receive() == {"type": "websocket.receive", "text": text}
    await peer.send({"type": "websocket.send", "text": text})
    assert peer.wire.written[0][0] & 0x40
    (frame,) = peer.hear()
    assert bytes(frame.data).decode() == text


@pytest.mark.parametrize("bits", [*range(9, 16), True, None])
async def test_any_window_that_a_client_wants_is_agreed_to(bits: Any):
    peer = await Peer(
        client=lambda: ClientPerMessageDeflateFactory(
            client_max_window_bits=bits, server_max_window_bits=None
        )
    ).accepted()
    assert peer.server.compressed
    for text in ("one", "two" * 1000, "three"):
        peer.server.data_received(peer.said(text))
        assert (await peer.receive())["text"] == text


@pytest.mark.parametrize("bits", range(8, 16))
async def test_any_window_that_it_wants_of_us_is_kept_or_there_is_none(bits: int):
    """zlib cannot make windows of 8 bits: who insists is served uncompressed."""
    peer = Peer(client=lambda: ClientPerMessageDeflateFactory(server_max_window_bits=bits))
    assert peer.server.compressed == (bits > 8)
    await peer.accepted()
    peer.server.data_received(peer.said("a"))
    await peer.send({"type": "websocket.send", "text": "b" * 9000})
    assert [bytes(frame.data) for frame in peer.hear()] == [b"b" * 9000]


@pytest.mark.parametrize(
    ("subprotocol", "path", "wanted"),
    [("ocpp1.6", "/ocpp/CS201", True), ("ocpp2.0.1", "/live/", True), ("ocpp2.0.1", "/ocpp/CS201", False)],
)
async def test_nobody_else_gets_compression(subprotocol: str, path: str, wanted: bool):
    """Neither 1.6, nor pages, nor whom the application accepts without (quirk T5)."""
    peer = await Peer(subprotocol, path).accepted(compression=wanted)
    assert not peer.server.compressed
    assert peer.client.extensions == []
    peer.server.data_received(peer.said("plain"))
    assert (await peer.receive())["text"] == "plain"
    await peer.send({"type": "websocket.send", "text": "plain"})
    assert not peer.wire.written[0][0] & 0x40


async def test_a_packet_of_bombs_is_inflated_as_slowly_as_it_is_read():
    peer = await Peer().accepted()
    texts = [chr(97 + number % 26) * (MEBIBYTE - 1) for number in range(100)]
    packet = peer.said(*texts)
    assert len(packet) < 256 * 1024, "one read of the socket may bring them all"
    peer.server.data_received(packet)
    for text in texts:
        assert peer.queued <= 3 * MEBIBYTE
        assert (await peer.receive())["text"] == text
    assert peer.wire.reads, "and then the next packet may come"


async def test_nothing_is_inflated_before_anybody_has_judged_who_sends_it():
    peer = Peer()
    early = ClientProtocol(parse_uri("ws://h/"), extensions=[ClientPerMessageDeflateFactory()])  # type: ignore[list-item]
    early.extensions = [ClientPerMessageDeflateFactory().process_response_params([], [])]
    early.state = early.state.OPEN
    early.send_text(b"x" * (MEBIBYTE - 1))
    peer.server.data_received(b"".join(early.data_to_send()))
    assert peer.queued == 0
    assert not peer.wire.reads
    await peer.accepted()
    assert peer.queued == MEBIBYTE - 1


async def test_a_message_that_is_too_long_once_inflated_ends_its_connection():
    peer = await Peer().accepted()
    peer.server.data_received(peer.said("x" * (MEBIBYTE + OVERHEAD + 1), "never read"))
    gone = await peer.receive()
    assert (gone["type"], gone["code"]) == ("websocket.disconnect", 1009)
    assert peer.wire.closed == "closed"
    assert peer.server.queue.empty()


async def test_fragments_are_bounded_together():
    peer = await Peer().accepted()
    parts = [b"f" * (MEBIBYTE // 2)] * 3
    for number, part in enumerate(parts):
        opcode = Opcode.CONT if number else Opcode.TEXT
        peer.client.send_frame(Frame(opcode, part, fin=number == 2))
    peer.server.data_received(b"".join(peer.client.data_to_send()))
    assert (await peer.receive())["code"] == 1009


async def test_fragments_are_put_together():
    peer = await Peer().accepted()
    for number, part in enumerate((b"one", b"two", b"three")):
        peer.client.send_frame(Frame(Opcode.CONT if number else Opcode.TEXT, part, fin=number == 2))
    peer.server.data_received(b"".join(peer.client.data_to_send()))
    assert (await peer.receive())["text"] == "onetwothree"


async def test_a_message_as_long_as_it_may_be_is_read_though_its_frames_are_longer_than_what_they_hold():
    peer = await Peer().accepted()
    for number, part in enumerate((b"f" * MEBIBYTE, b"", b"")):
        peer.client.send_frame(Frame(Opcode.CONT if number else Opcode.TEXT, part, fin=number == 2))
    peer.server.data_received(b"".join(peer.client.data_to_send()))
    assert len((await peer.receive())["text"]) == MEBIBYTE


async def test_bytes_that_come_one_by_one_are_read_all_the_same():
    peer = await Peer().accepted()
    for byte in peer.said("slowly", "but surely"):
        peer.server.data_received(bytes([byte]))
    assert [(await peer.receive())["text"] for _ in range(2)] == ["slowly", "but surely"]


async def test_what_nobody_will_ask_for_is_not_inflated():
    """Once we have closed only the farewell is read, and a peer that goes on sending is cut off."""
    peer = await Peer().accepted()
    noise = "".join(str(number) for number in itertools.islice(itertools.count(), 20_000))
    packet = peer.said(noise)
    assert len(packet) > AFTER_CLOSE_MAX
    await peer.send({"type": "websocket.close", "code": 1008, "reason": "enough"})
    peer.server.data_received(packet)
    assert peer.wire.closed == "aborted"


async def test_the_farewell_is_read_though_messages_stand_before_it():
    peer = await Peer().accepted()
    packet = peer.said("one", *["x" * 5000] * 3)
    peer.server.data_received(packet)
    assert peer.server._unread or not peer.server.queue.empty()
    await peer.send({"type": "websocket.close", "code": 4000, "reason": "another came"})
    peer.hear()
    peer.server.data_received(b"".join(peer.client.data_to_send()))
    assert peer.wire.closed == "closed"


async def test_garbage_that_claims_to_be_compressed_ends_its_connection():
    peer = await Peer().accepted()
    peer.server.data_received(bytes([0xC1, 0x84, 0, 0, 0, 0]) + b"\xff\xff\xff\xff")
    assert (await peer.receive())["code"] == 1002


def test_the_development_server_serves_without():
    """daphne answers no offer of compression, and takes no notice of what `websocket.accept` says of it."""
    from autobahn.twisted.websocket import WebSocketServerFactory

    assert WebSocketServerFactory().perMessageCompressionAccept(None) is None
