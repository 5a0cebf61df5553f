"""A receiver of callbacks and webhooks on 127.0.0.1, which answers as it is told: well, badly or not at all."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

Answer = Callable[["Receiver", socket.socket], None]


@dataclass
class Message:
    """What was posted."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Receiver:
    """Answers its n-th request with the n-th of `answers`, and from then on with the last."""

    answers: list[Answer]
    tls: ssl.SSLContext | None = None
    messages: list[Message] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)  # of whom `silent` keeps waiting
    connections: int = 0
    current: threading.local = field(
        default_factory=threading.local
    )  # `message`: the one that is being answered

    def start(self, port: int = 0) -> "Receiver":
        self.closing = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener, self.closing), daemon=True).start()
        return self

    def stop(self) -> None:
        self.closing.set()
        self.let_go.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def _accept(self, listener: socket.socket, closing: threading.Event) -> None:
        while not closing.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), sock:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            with sock, sock.makefile("rb") as reader:
                method, path, _ = reader.readline().decode().split()
                headers = {}
                while (line := reader.readline().decode().strip()) != "":
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                body = reader.read(int(headers.get("content-length", 0)))
                self.current.message = Message(method, path, headers, body)
                self.messages.append(self.current.message)
                self.answers[min(len(self.messages), len(self.answers)) - 1](self, sock)

    def wait_for(self, number: int, timeout: float = 60) -> list[Message]:
        """Return the messages once there are so many."""
        deadline = time.monotonic() + timeout
        while len(self.messages) < number:
            assert time.monotonic() < deadline, f"{len(self.messages)} messages of {number} came"
            time.sleep(0.02)
        return self.messages


@contextlib.contextmanager
def receiving(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver for a while; without `answers` it takes everything."""
    receiver = Receiver(list(answers) or [status(200)], tls).start()
    try:
        yield receiver
    finally:
        receiver.stop()


# --- answers ----------------------------------------------------------------------------------------------------------


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer as it should be."""
    lines = [f"HTTP/1.1 {code} Words", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return lambda receiver, sock: sock.sendall("\r\n".join([*lines, "", ""]).encode() + body)


def deciding(decide: Callable[[Message], int]) -> Answer:
    """An answer with the status that is decided for the message, one message after another."""
    lock = threading.Lock()

    def answer(receiver: Receiver, sock: socket.socket) -> None:
        with lock:
            code = decide(receiver.current.message)
        status(code)(receiver, sock)

    return answer


def raw(data: bytes) -> Answer:
    """Bytes, and the end of the connection."""
    return lambda receiver, sock: sock.sendall(data)


def reset(receiver: Receiver, sock: socket.socket) -> None:
    """Break the connection off."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def silent(receiver: Receiver, sock: socket.socket) -> None:
    """Say nothing, until the receiver lets go."""
    receiver.let_go.wait(120)


def dripping(beginning: bytes = b"") -> Answer:
    """Say a byte now and then, so that no wait for the next one is long."""

    def answer(receiver: Receiver, sock: socket.socket) -> None:
        sock.sendall(beginning)
        while not receiver.closing.wait(0.05):
            sock.sendall(b"x")

    return answer


def endless(receiver: Receiver, sock: socket.socket) -> None:
    """A body without an end."""
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
    while not receiver.closing.is_set():
        sock.sendall(b"y" * 65536)
