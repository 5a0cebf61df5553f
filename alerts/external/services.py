"""Asks the servers beside the house, and keeps in mind which of them answer, and since when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from alerts.external.client import Address, Parameters, Unreachable, Unset, address_of, ask
from alerts.external.models import WHY_MAX, Server
from csms.core.live import announce

State = Literal["unset", "unknown", "unreachable", "ok"]

LOOK_EVERY = timedelta(seconds=15)
GIVE_UP_FOR = timedelta(seconds=30)
"""One that did not answer this lately is not asked again by those who wait for an answer."""

TITLES = {"prometheus": "Prometheus", "alertmanager": "Alertmanager"}
WOULD = {
    "prometheus": "With PROMETHEUS_URL set, the alerts and the rules of a Prometheus are shown here, and rules that "
    "are written here are checked, brought to it and loaded. Without it, alerts come from this server's own rules.",
    "alertmanager": "With ALERTMANAGER_URL set, the alerts and the silences of an Alertmanager are shown and made "
    "here, and the channels of this server become its configuration. Without it, this server tells people itself.",
}
PROBES = {"prometheus": "/api/v1/status/buildinfo", "alertmanager": "/api/v2/status"}


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a server answers: since when, and if not, why."""

    name: str
    state: State
    url: str = ""
    since: datetime | None = None
    asked_at: datetime | None = None
    why: str = ""
    version: str = ""


def reach(name: str) -> Reach:
    """Return what is known of a server, without asking it."""
    address = address_of(name)
    if address is None:
        return Reach(name, "unset", why=WOULD[name])
    row = Server.objects.filter(pk=name, url=address.url).first()
    if row is None:
        return Reach(name, "unknown", address.url, why="It has not been asked yet.")
    state: State = "ok" if row.reachable else "unreachable"
    return Reach(name, state, row.url, row.since, row.asked_at, row.why, row.version)


def set_address(name: str) -> Address:
    """Return where a server is. Raises Unset."""
    if (address := address_of(name)) is None:
        raise Unset(WOULD[name])
    return address


def look(name: str, *, now: datetime) -> bool:
    """Ask a server whether it is there, unless that was just done; return whether it is.

    Idempotent; one pass more asks once more.
    """
    address = set_address(name)
    row = Server.objects.filter(pk=name, url=address.url).first()
    if row is not None and now - LOOK_EVERY < row.asked_at <= now:
        return row.reachable
    try:
        version = _version(name, ask(address, PROBES[name]))
    except Exception as error:
        if not isinstance(error, Unreachable):
            error = Unreachable(f"It answered, but not as {TITLES[name]} does: {error}")
        note_unreachable(name, address, error, now=now)
        return False
    _note(name, address, reachable=True, why="", now=now, version=version)
    return True


def ask_server(
    name: str,
    path: str,
    *,
    now: datetime,
    method: str = "GET",
    query: Parameters = (),
    body: Any = None,
    patiently: bool = False,
) -> Any:
    """Return what a server answers. Raises Unset, Unreachable and Refused.

    Of one that has just not answered, everybody is told so at once; unless `patiently`, it is not asked again.
    """
    address = set_address(name)
    known = Server.objects.filter(pk=name, url=address.url).first()
    if not patiently and known is not None and not known.reachable and now - known.asked_at < GIVE_UP_FOR:
        raise Unreachable(known.why)
    try:
        answer = ask(address, path, method=method, query=query, body=body)
    except Unreachable as error:
        note_unreachable(name, address, error, now=now)
        raise
    if known is not None and not known.reachable:
        _note(name, address, reachable=True, why="", now=now)
    return answer


def note_unreachable(name: str, address: Address, error: Exception, *, now: datetime) -> None:
    """Keep in mind that a server did not answer."""
    _note(name, address, reachable=False, why=str(error), now=now)


def _note(
    name: str, address: Address, *, reachable: bool, why: str, now: datetime, version: str | None = None
) -> None:
    values: dict[str, Any] = {
        "url": address.url,
        "reachable": reachable,
        "asked_at": now,
        "why": why[:WHY_MAX],
    }
    if version is not None:
        values["version"] = version
    same = {"pk": name, "url": address.url, "reachable": reachable}
    if Server.objects.filter(**same).update(**values):
        return
    # Of another address nothing that was known holds.
    fresh = {} if Server.objects.filter(pk=name, url=address.url).exists() else {"version": version or ""}
    Server.objects.update_or_create(name=name, defaults=values | fresh | {"since": now})
    announce(name)


def _version(name: str, answer: Any) -> str:
    told = answer["data"]["version"] if name == "prometheus" else answer["versionInfo"]["version"]
    return "".join(character for character in str(told) if character.isprintable())[:64]


def version_at_least(version: str, major: int, minor: int) -> bool:
    """Whether a version, such as `0.25.0`, is this one or a later one; one that nobody knows is none."""
    numbers = version.split(".")
    try:
        return (int(numbers[0]), int(numbers[1])) >= (major, minor)
    except (IndexError, ValueError):
        return False
