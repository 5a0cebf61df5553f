"""E-mail, by SMTP, from one address to a few.

By the standard library, not by apprise: that cannot reach a relay without a user, bounds each step but not the whole,
and connects to whatever address a name has.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from threading import Timer
from time import monotonic
from typing import Any, BinaryIO

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from alerts.transports.base import TITLE_MAX, Field, Message, Values, fits, one_line
from csms.core.outbound.sending import Attempt, Clock, SendingError, connected, tls_context
from csms.core.outbound.targets import Bounds, Target, read_host
from csms.core.refusals import BadField

TEXT_MAX = 20_000
ANSWERS_MAX = 65_536  # bytes that a server may say in all
RECIPIENTS_MAX = 20
STARTTLS, TLS, NONE = "starttls", "tls", "none"
PORTS = {STARTTLS: 587, TLS: 465, NONE: 25}
FIELDS = (
    Field(
        "host",
        "The SMTP server: a name or an address; one inside your network only if CSMS_OUTBOUND_NETWORKS names that.",
    ),
    Field(
        "port",
        "Its port; 0 for the usual one: 587, 465 with `tls`, 25 with `none`.",
        required=False,
        default=0,
        number=True,
    ),
    Field(
        "security",
        "`starttls` and `tls` refuse a server without a good certificate; `none` sends what is said in clear, and no "
        "password.",
        required=False,
        default=STARTTLS,
        choices=(STARTTLS, TLS, NONE),
    ),
    Field("username", "Who signs in; empty: nobody.", required=False),
    Field("password", "With `username`.", secret=True, required=False),
    Field("sender", "The address from which it comes."),
    Field("recipients", f"The addresses to which it goes, at most {RECIPIENTS_MAX}.", many=True),
)


def check(values: dict[str, Any], bounds: Bounds) -> None:
    """Raise BadField for what no mail could be sent with."""
    if not fits(r"[A-Za-z0-9_.:-]{1,253}", values["host"]):
        raise BadField("host", "It is neither a name nor an address.")
    try:
        read_host(values["host"], bounds)
    except ValueError as error:
        raise BadField("host", str(error)) from error
    if not 0 <= values["port"] <= 65535:
        raise BadField("port", "It is a number from 0 to 65535.")
    if values["password"] and values["security"] == NONE:
        raise BadField("password", "Without TLS no password is sent.")
    if bool(values["username"]) != bool(values["password"]):
        raise BadField("password", "A user and a password go together.")
    if not 1 <= len(values["recipients"]) <= RECIPIENTS_MAX:
        raise BadField("recipients", f"There are 1 to {RECIPIENTS_MAX} addresses.")
    for name, address in (
        ("sender", values["sender"]),
        *(("recipients", one) for one in values["recipients"]),
    ):
        try:
            validate_email(address)
            address.encode("ascii")
        except (ValidationError, UnicodeError):
            raise BadField(name, f"{address[:100]!r} is no address of e-mail.") from None


def letter(values: Values, message: Message, now: datetime) -> EmailMessage:
    """Return the mail. No word in it can end a header, and none is markup."""
    mail = EmailMessage()
    mail["Subject"] = one_line(message.title, TITLE_MAX)
    mail["From"] = values["sender"]
    mail["To"] = ", ".join(values["recipients"])
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message.id}@{values['sender'].rpartition('@')[2]}>"  # of every attempt
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is answered
    text = message.text(TEXT_MAX)
    mail.set_content(text, cte="base64")
    body = escape(text.removesuffix(message.link)).replace("\n", "<br>\n")
    link = escape(message.link)
    html = f'<p><b>{escape(message.title)}</b></p>\n<p>{body}<a href="{link}">{link}</a></p>'
    mail.add_alternative(f"<!doctype html>\n<html><body>{html}</body></html>", subtype="html", cte="base64")
    return mail


def send(values: Values, message: Message, bounds: Bounds, now: datetime) -> Attempt:
    """Hand a mail to the server. A server that took it for some of the recipients has taken it."""
    clock = Clock(bounds.deadline)
    try:
        with _session(values, bounds, clock) as smtp:
            if values["security"] == STARTTLS:
                smtp.starttls(context=tls_context())
            if values["username"]:
                smtp.login(values["username"], values["password"])
            refused = smtp.send_message(letter(values, message, now))
    except SendingError as error:
        return Attempt(clock.spent, error=str(error), permanent=error.permanent)
    except ssl.SSLCertVerificationError as error:
        return Attempt(clock.spent, error=f"Its certificate is refused: {error.verify_message}.")
    except smtplib.SMTPNotSupportedError:
        return Attempt(
            clock.spent, error="It does not offer what is needed: TLS, or to sign in.", permanent=True
        )
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        return Attempt(
            clock.spent, error=f"It refuses the recipients: {_said(code, said)}", permanent=code >= 500
        )
    except smtplib.SMTPResponseException as error:
        answer = _said(error.smtp_code, error.smtp_error)
        return Attempt(clock.spent, error=f"It answered {answer}", permanent=error.smtp_code >= 500)
    except (OSError, ValueError) as error:  # SMTPException is an OSError
        if clock.is_over:
            return Attempt(clock.spent, error=f"It did not answer within {bounds.deadline:g} s.")
        return Attempt(
            clock.spent, error=f"The connection failed: {getattr(error, 'strerror', None) or error}."
        )
    return Attempt(clock.spent, status=250, excerpt=f"Refused: {', '.join(refused)}" if refused else "Taken.")


def _said(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return one_line(f"{code} {words}", 300)


@contextmanager
def _session(values: Values, bounds: Bounds, clock: Clock) -> Iterator[smtplib.SMTP]:
    """Speak with the server, until the deadline: then the connection is broken off, whatever is being waited for."""
    security = values["security"]
    # A server by a plain connection or by TLS from its first byte: the way there is that of HTTP.
    target = Target(
        "https" if security == TLS else "http", values["host"].lower(), values["port"] or PORTS[security], ""
    )
    smtp = _Smtp(connected(target, bounds, clock))
    watch = Timer(max(clock.end - monotonic(), 0), smtp.break_off)
    watch.daemon = True
    watch.start()
    try:
        smtp.greet(target)
        yield smtp
        with suppress(OSError):  # it has been taken; whether they part well is of no matter
            smtp.quit()
    finally:
        watch.cancel()
        smtp.close()


class _Smtp(smtplib.SMTP):
    """A session on a socket that is there already, with a bound on what the server may say."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(local_hostname="csms")
        self._given, self._said = sock, 0
        self.sock = sock

    def greet(self, target: Target) -> None:
        """Take the greeting of the server."""
        self._host = target.host  # the name that a certificate must prove
        code, said = self.connect(target.host, target.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._given

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer. Raises OSError when the server has said too much."""
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"), self)
        return super().getreply()

    def heard(self, size: int) -> None:
        """Count what was said."""
        self._said += size
        if self._said > ANSWERS_MAX:
            raise OSError("it says too much")

    def break_off(self) -> None:
        """End the connection from another thread."""
        if (sock := self.sock) is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Bounded:
    """A file of answers, line by line."""

    def __init__(self, file: BinaryIO, smtp: _Smtp) -> None:
        self._file, self._smtp = file, smtp

    def readline(self, size: int) -> bytes:
        line = self._file.readline(size)
        self._smtp.heard(len(line))
        if line and not line.endswith(b"\n") and len(line) < size:
            raise OSError("it breaks off")  # half an answer is none: smtplib would take "250" for one
        return line

    def close(self) -> None:
        self._file.close()
