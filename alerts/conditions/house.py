"""What is wrong with the house itself, by what its processes say of themselves and by what they no longer do."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Max, Q

from alerts.conditions.table import condition
from alerts.conditions.words import minutes, said
from alerts.finding import Found, Param, Params, Scope
from alerts.models import TEXT_MAX
from chargers.connections import LEASE
from chargers.models import Process
from csms.core.events.models import Reader
from csms.core.events.relay import LEASE as RELAY_LEASE
from csms.core.events.sinks import wanted_sinks

LOST_AFTER = timedelta(seconds=20)
"""A process that ends by itself is ended within ten seconds of its last sign of life; others were lost."""


@condition(
    "process-lost",
    "A server process was lost: it did not end by itself",
    Param("minutes", "min", 60, 1, 1440, title="Within so much time"),
    scoped=False,
)
def process_lost(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Its charge points connect to others, or to its successor."""
    since = now - minutes(params["minutes"])
    lost = Q(ended_at__gt=F("seen_at") + LOST_AFTER) | Q(ended_at=None, seen_at__lt=now - LEASE)
    rows = Process.objects.filter(lost, seen_at__gt=since, seen_at__lte=now)
    for process in rows:
        text = f"The server process {said(str(process))} was lost."
        yield Found(f"process:{process.pk}", process.seen_at, text, labels={"process": str(process)})


@condition(
    "no-server", "No server process is there for charge points to connect to", retold=True, scoped=False
)
def no_server(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Only where there was one before: the first begins with the first charge point.

    It begins when a look first finds it, for after a stop of everything the clock may be back before the server.
    """
    seen_at = Process.objects.aggregate(seen_at=Max("seen_at"))["seen_at"]
    if seen_at is not None and now - seen_at > LEASE:
        yield Found("service:servers", now, "No server process holds a lease: no charge point can connect.")


@condition(
    "no-worker",
    "Nobody holds on to the events that go out: no worker runs the relay",
    retold=True,
    scoped=False,
)
def no_worker(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Only where there is somebody to bring them to, and once somebody has. It begins when a look first finds it."""
    held: Any = Reader.objects.filter(pk__in=wanted_sinks()).aggregate(until=Max("held_until"))["until"]
    if held is not None and now - held > RELAY_LEASE:
        text = "No worker brings events out: the queue `events` has none."
        yield Found("service:worker", now, text)


def _alive(now: datetime) -> Iterator[Process]:
    yield from Process.objects.filter(ended_at=None, seen_at__gte=now - LEASE)


def _trouble(now: datetime, wanted: str) -> Iterator[tuple[Process, str, datetime]]:
    """Yield the processes that say that something is wrong, with what is said, and since when."""
    for process in _alive(now):
        told = process.health.get("troubles") if isinstance(process.health, dict) else None
        for name, since in (told or {}).items():
            if name.partition(":")[0] == wanted:
                yield process, name.partition(":")[2], datetime.fromisoformat(since)


@condition("broker-away", "A server process does not hear its own bell: Redis is away", scoped=False)
def broker_away(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Commands and live pages are slow meanwhile."""
    for process, _, since in _trouble(now, "bell"):
        text = f"The server process {said(str(process))} does not hear its own bell."
        yield Found(f"process:{process.pk}", since, text, labels={"process": str(process)})


@condition("backend-away", "The backend does not answer: its circuit is open", scoped=False)
def backend_away(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Of each endpoint, since the first process of those that still say so; the fallback decides meanwhile."""
    first: dict[str, datetime] = {}
    for _, endpoint, since in _trouble(now, "backend"):
        first[endpoint] = min(since, first.get(endpoint, since))
    for endpoint, since in first.items():
        text = f"The backend does not answer to {said(endpoint)}; the fallback decides."
        yield Found(f"backend:{endpoint}", since, text[:TEXT_MAX], labels={"endpoint": endpoint})


@condition(
    "disk-full",
    "The disk of a server is nearly full",
    Param("free", "%", 10, 1, 90, title="Less than so much is free"),
    retold=True,
    scoped=False,
)
def disk_full(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """The one on which CSMS_DATA_DIR lies, by what each server process says; once for each host."""
    hosts: dict[str, tuple[int, Process]] = {}
    for process in _alive(now):
        free = process.health.get("disk_free_percent") if isinstance(process.health, dict) else None
        if isinstance(free, (int, float)) and free < params["free"]:
            hosts[process.host] = round(free), process
    for host, (free, _) in hosts.items():
        text = f"Of the disk of {said(host)} {free} % are free."
        yield Found(f"disk:{said(host)}", now, text, labels={"host": host})
