"""The road on which what apprise has written leaves the house: that of all our requests, and no other.

Apprise knows what Slack, Pushover, Telegram and Teams want to be told, and posts it by `requests`: with redirects,
proxies, a time-out of each step instead of the whole, and to whatever address a name has. So its modules are given
another `requests`, which posts by `csms.core.outbound`: one address that was looked at, one deadline, a bounded answer.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import requests

from alerts.transports.base import Message
from csms.core.outbound.sending import Attempt, post
from csms.core.outbound.targets import Bounds, Target, read_target

KEPT_HEADERS = ("Accept", "Authorization", "Content-Type")
TYPES = {"critical": "failure", "warning": "warning", "info": "info"}


@dataclass(slots=True)
class Trip:
    """One message on its way; `made` is what became of its one request."""

    bounds: Bounds
    made: Attempt | None = None


_trip: ContextVar[Trip | None] = ContextVar("trip", default=None)


@contextmanager
def travelling(bounds: Bounds) -> Iterator[Trip]:
    """Let what apprise posts meanwhile leave within these bounds."""
    trip = Trip(bounds)
    token = _trip.set(trip)
    try:
        yield trip
    finally:
        _trip.reset(token)


class Carrier:
    """What the plugins take for `requests`."""

    codes = requests.codes
    RequestException = requests.RequestException

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """Post what a plugin has written. Raises RequestException if there is no answer, or nothing may be sent."""
        trip = _trip.get()
        if trip is None or trip.made is not None or method.upper() != "POST":
            raise requests.RequestException("a message is one POST")
        given = {name: options.get(name) for name in ("params", "data", "headers", "auth")}
        ready = requests.Request("POST", url, **given).prepare()
        body = cast(bytes | str, ready.body or b"")
        headers = {name: str(ready.headers[name]) for name in KEPT_HEADERS if name in ready.headers}
        trip.made = _posted(
            str(ready.url), body if isinstance(body, bytes) else body.encode(), headers, trip.bounds
        )
        if trip.made.status is None:
            raise requests.ConnectionError(trip.made.error)
        answer = requests.Response()
        answer.status_code, answer._content = trip.made.status, trip.made.excerpt.encode()
        return answer

    def post(self, url: str, **options: Any) -> requests.Response:
        """Post."""
        return self.request("POST", url, **options)


def _posted(url: str, body: bytes, headers: Mapping[str, str], bounds: Bounds) -> Attempt:
    try:
        target = receiver(url, bounds)
    except ValueError as error:
        return Attempt(error=str(error), permanent=True)
    return post(target, body, headers, bounds=bounds)


def receiver(url: str, bounds: Bounds) -> Target:
    """Return where a URL leads to. Raises ValueError where nothing may be sent. Tests put a receiver of theirs here."""
    return read_target(url, bounds)


@cache
def plugins() -> Any:
    """Return apprise's modules, on our road: `slack`, `pushover`, `telegram` and `workflows`."""
    # It logs URLs and payloads, with their secrets; what became of a request is in the attempt.
    logger = logging.getLogger("apprise")
    logger.addFilter(lambda record: False)  # stays, whatever else is set up later
    import apprise.plugins as package
    from apprise.plugins import pushover, slack, telegram, workflows

    carrier = Carrier()
    for module in (pushover, slack, telegram, workflows):
        module.requests = carrier  # type: ignore[attr-defined]
    return package


@cache
def asset() -> Any:
    """Return what apprise's services share: our name, and no file on the disk."""
    from apprise import AppriseAsset

    return AppriseAsset(app_id="csms", app_desc="csms", storage_mode="memory")


def tell(
    service: Any, message: Message, bounds: Bounds, *, body: str, title: str = "", format: str
) -> Attempt:
    """Have a service of apprise tell a text, and return what became of that."""
    with travelling(bounds) as trip:
        try:
            told = service.notify(
                body, title=title, notify_type=TYPES.get(message.severity, "info"), body_format=format
            )
        except Exception as error:
            return Attempt(error=f"It could not be written: {type(error).__name__}.", permanent=True)
    made = trip.made
    if made is None:
        return Attempt(error="Nothing was sent.", permanent=True)
    if made.succeeded and not told:
        return Attempt(
            made.latency, error=f"It answered {made.status}, but not as it should.", excerpt=made.excerpt
        )
    return made
