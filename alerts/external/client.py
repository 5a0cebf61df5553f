"""How Prometheus and Alertmanager are asked: one request, bounded in time and size, to the address of the settings.

No redirect is followed, no proxy used, no connection kept: they are asked a few times a minute. The bound on time is
that of all requests that leave the house (`csms.core.outbound`); the one on addresses is not, since who sets the URL is
trusted, and such servers stand in inner networks.
"""

import socket
import ssl
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlencode, urlsplit

import h11
import orjson
from pydantic import SecretStr

from csms.core.config import Config, environment_config, get_config
from csms.core.outbound.sending import Clock, SendingError, asked, connected, next_event
from csms.core.outbound.targets import PORTS, Bounds, Target

ANSWER_MAX = 16 * 1024 * 1024  # bytes
ANYWHERE = Bounds(allow_http=True, networks=(ip_network("0.0.0.0/0"), ip_network("::/0")))
SAID_MAX = 500  # characters of its own words that are kept
AWAY = (502, 503, 504)  # a proxy that cannot reach it, or a server that has not begun or is ending
RELOAD = "/-/reload"
Parameters = Sequence[tuple[str, str]]


class Unset(Exception):
    """There is no such server: its URL is not set. The text says what it would be for."""


class Unreachable(Exception):
    """It did not answer, or what answered is no such server; the text says why."""


class Refused(Exception):
    """It answered with an error, in these words of its own."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and how long it may take."""

    url: str
    token: str
    seconds: float


def address_of(name: str) -> Address | None:
    """Return where a server is, as the settings say now; None when they do not.

    The token is for the URL of the environment alone: who may override the URL may not have the token sent to it.
    """
    config = get_config()
    url, token = _said_by(config, name)
    if not url:
        return None
    meant = url == _said_by(environment_config(), name)[0]
    return Address(url, token.get_secret_value() if meant else "", config.alerting_seconds)


def _said_by(config: Config, name: str) -> tuple[str, SecretStr]:
    return {
        "prometheus": (config.prometheus_url, config.prometheus_token),
        "alertmanager": (config.alertmanager_url, config.alertmanager_token),
    }[name]


def ask(address: Address, path: str, *, method: str = "GET", query: Parameters = (), body: Any = None) -> Any:
    """Return the JSON of the answer, None for one without. Raises Unreachable, and Refused for a status from 400 on."""
    status, text = _exchange(address, method, path, query, body)
    if status in AWAY:
        raise Unreachable(f"It answered {status}: {_words(text) or 'it says no more.'}")
    if status >= 400:
        raise Refused(status, _words(text) or f"It answered {status} without a word.")
    if status >= 300:
        raise Unreachable(
            f"It answered with a redirect to another address ({status}), which is not followed: give that address."
        )
    if not text.strip() or path == RELOAD:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Unreachable("It answered something that is no JSON: is it another kind of server?") from None


def reload(address: Address) -> None:
    """Let a server read its files again. Raises Unreachable, and Refused with its words when it does not take them."""
    try:
        ask(address, RELOAD, method="POST")
    except Refused as refused:
        if refused.status in (403, 404, 405):
            raise Refused(
                refused.status,
                f"It may not be reloaded from outside ({refused.status}: {refused}): Prometheus wants "
                "--web.enable-lifecycle for that.",
            ) from None
        raise


def _exchange(address: Address, method: str, path: str, query: Parameters, body: Any) -> tuple[int, bytes]:
    target = _target(address, path, query)
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if address.token:
        headers["Authorization"] = f"Bearer {address.token}"
    clock = Clock(address.seconds)
    try:
        with closing(connected(target, ANYWHERE, clock)) as sock:
            http, response = asked(
                sock, method, target, headers, b"" if body is None else orjson.dumps(body), clock
            )
            return response.status_code, _read(sock, http, clock)
    except TimeoutError:
        raise Unreachable(f"It did not answer within {address.seconds:g} s.") from None
    except SendingError as error:
        raise Unreachable(str(error)) from None
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(f"Its certificate is refused: {error.verify_message}.") from None
    except h11.RemoteProtocolError as error:
        raise Unreachable(f"It answered something that is no HTTP: {error}."[:SAID_MAX]) from None
    except (h11.LocalProtocolError, UnicodeError):  # whose own words would show the token
        raise Unreachable("It cannot be asked: its token has characters that HTTP does not take.") from None
    except OSError as error:
        raise Unreachable(f"The connection failed: {error.strerror or error!r}."[:SAID_MAX]) from None


def _target(address: Address, path: str, query: Parameters) -> Target:
    parts = urlsplit(address.url)
    whole = parts.path.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
    return Target(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme], whole)


def _read(sock: socket.socket, http: h11.Connection, clock: Clock) -> bytes:
    text = bytearray()
    while isinstance(event := next_event(sock, http, clock), h11.Data):
        text += event.data
        if len(text) > ANSWER_MAX:
            raise Unreachable(f"Its answer has more than {ANSWER_MAX} bytes.")
    return bytes(text)


def _words(text: bytes) -> str:
    """Return what it says for people, in one line: in `error`, in `message`, as a bare string, or plainly."""
    said: Any = text.decode(errors="replace")
    with suppress(orjson.JSONDecodeError):
        found = orjson.loads(text)
        said = (found.get("error") or found.get("message") or said) if isinstance(found, dict) else found
    line = " ".join(str(said).split())
    return "".join(character for character in line if character.isprintable())[:SAID_MAX]
