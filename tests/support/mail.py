"""An SMTP server on 127.0.0.1 that keeps what it is sent, and answers as it is told: well, badly or not at all."""

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Mail:
    """What was handed over, and how."""

    sender: str
    recipients: list[str]
    data: bytes
    over_tls: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.data, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message

    def part(self, kind: str) -> str:
        body = self.message.get_body((kind,))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")


@dataclass
class MailServer:
    """`answers` are said instead of the usual ones: by the first word of what was said to it, or by `greeting`."""

    answers: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None  # offers STARTTLS, or speaks it from the first byte
    at_once: bool = False
    password: str = ""
    mails: list[Mail] = field(default_factory=list)
    connections: int = 0
    said: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def start(self) -> "MailServer":
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), sock:
            if self.at_once and self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            Talk(self, sock).run()


class Talk:
    """One conversation."""

    def __init__(self, server: MailServer, sock: socket.socket) -> None:
        self.server, self.sock = server, sock
        self.reader = sock.makefile("rb")
        self.over_tls, self.user = server.at_once, ""
        self.sender, self.recipients = "", list[str]()

    def run(self) -> None:
        self.say("greeting", "220 here")
        while line := self.reader.readline().decode().strip():
            word, _, rest = line.partition(" ")
            self.server.said.append(word.upper())
            if not self.answer(word.upper(), rest):
                return

    def say(self, word: str, usual: str) -> None:
        text = self.server.answers.get(word, usual)
        if text == "silence":
            self.server.closing.wait(120)
        elif text == "drip":
            while not self.server.closing.wait(0.05):
                self.sock.sendall(b"2")
        elif text == "flood":
            while not self.server.closing.is_set():
                self.sock.sendall(b"220-and another thing\r\n" * 1000)
        elif text == "hang up":
            self.sock.shutdown(socket.SHUT_RDWR)
        else:
            self.sock.sendall(f"{text}\r\n".encode())

    def answer(self, word: str, rest: str) -> bool:
        server = self.server
        if word == "EHLO":
            offers = ["here"]
            if server.tls and not self.over_tls:
                offers.append("STARTTLS")
            if server.password:
                offers.append("AUTH PLAIN")
            lines = [f"250{'-' if one is not offers[-1] else ' '}{one}" for one in offers]
            self.say(word, "\r\n".join(lines))
        elif word == "STARTTLS" and server.tls:
            self.say(word, "220 go on")
            self.sock = server.tls.wrap_socket(self.sock, server_side=True)
            self.reader, self.over_tls = self.sock.makefile("rb"), True
        elif word == "AUTH":
            _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
            right = password == server.password
            self.user = user if right else ""
            self.say(word, "235 welcome" if right else "535 no")
        elif word == "MAIL":
            self.sender, self.recipients = rest.partition("<")[2].partition(">")[0], []
            self.say(word, "250 fine")
        elif word == "RCPT":
            address = rest.partition("<")[2].partition(">")[0]
            text = server.answers.get(f"RCPT {address}", server.answers.get(word, "250 fine"))
            if text.startswith("2"):
                self.recipients.append(address)
            self.say(f"RCPT {address}", text)
        elif word == "DATA":
            self.say(word, "354 go on")
            data = b""
            while (line := self.reader.readline()) not in (b".\r\n", b""):
                data += line.removeprefix(b".")
            server.mails.append(Mail(self.sender, self.recipients, data, self.over_tls, self.user))
            self.say("end", "250 taken")
        elif word == "QUIT":
            self.say(word, "221 bye")
            return False
        else:
            self.say(word, "250 fine")
        return True


@contextlib.contextmanager
def mailing(
    tls: ssl.SSLContext | None = None, *, at_once: bool = False, password: str = "", **answers: str
) -> Iterator[MailServer]:
    """A server for a while; without `answers` it takes everything."""
    server = MailServer(answers, tls, at_once, password).start()
    try:
        yield server
    finally:
        server.stop()
