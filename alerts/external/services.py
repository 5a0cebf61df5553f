"""Asks the servers beside the house, and keeps in mind which of them answer, and since when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import Q

from alerts.external.client import Address, Parameters, Refused, Unreachable, Unset, address_of, ask
from alerts.external.models import WHY_MAX, Server
from alerts.external.reading import as_told, not_as
from csms.core.live import announce

State = Literal["unset", "unknown", "unreachable", "ok"]

LOOK_EVERY = timedelta(seconds=15)
# What is known of a server. A row of no words about one that is not reachable: it is being asked for the first time.
KNOWN = Q(reachable=True) | ~Q(why="")
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
    row = _known(name, address)
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
    """Ask a server whether it is there, unless that was just begun; return whether it is, or was when last asked.

    Idempotent; one pass more asks once more. Of passes at the same time one asks.
    """
    address = set_address(name)
    if not _begins(name, address, now=now):
        return Server.objects.filter(pk=name, url=address.url, reachable=True).exists()
    try:
        with as_told(TITLES[name]):
            version = _version(name, ask(address, PROBES[name]))
    except (Unreachable, Refused) as error:
        if isinstance(error, Refused):
            error = not_as(TITLES[name], f"it refuses the question: {error}")
        note_unreachable(name, address, error, now=now)
        return False
    _note(name, address, reachable=True, why="", now=now, version=version)
    return True


def _begins(name: str, address: Address, *, now: datetime) -> bool:
    """Note that a server is asked from now on, so that no other pass does while it may answer; False when one does."""
    Server.objects.filter(pk=name).exclude(url=address.url).delete()  # of another address nothing holds
    row, is_new = Server.objects.get_or_create(
        name=name, defaults={"url": address.url, "reachable": False, "since": now, "asked_at": now}
    )
    if is_new:
        return True
    if now - max(LOOK_EVERY, timedelta(seconds=address.seconds)) < row.asked_at <= now:
        return False
    same = Server.objects.filter(pk=name, url=address.url, asked_at=row.asked_at)
    return bool(same.update(asked_at=now))


def _known(name: str, address: Address) -> Server | None:
    return Server.objects.filter(KNOWN, pk=name, url=address.url).first()


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
    known = _known(name, address)
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
    same = Server.objects.filter(KNOWN, pk=name, url=address.url, reachable=reachable)
    if same.update(**values):
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
