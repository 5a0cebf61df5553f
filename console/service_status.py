"""Whether each part of the house works, by the last fact that proves it: something that came back, ran or was taken.

What is merely configured proves nothing. A proof that is older than it may be is shown as wrong, however it came to be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter

from django.db import connection
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from alerts.models import Evaluation
from chargers.connections import LEASE
from chargers.gateway import BELL_EVERY, BELL_SECONDS, current_gateway
from chargers.models import Process
from console.views.delivery import DeliveryPage, Kind
from csms.core import reach
from csms.core.backend.asking import get_backend
from csms.core.events.models import Reader
from csms.core.events.relay import LEASE as RELAY_LEASE

CLOCK_STALE = timedelta(seconds=60)
"""The clock has alerts looked for every 15 s."""
WORKER_STALE = timedelta(seconds=60)
BELL_STALE = timedelta(seconds=3 * (BELL_EVERY + BELL_SECONDS))

FIRST_YEAR = 2000  # an earlier time stands for never

# How much worse one state is than another; what is not in use comes last.
_URGENCY = ("idle", "ok", "wait", "bad")
_TONES = {"failing": "bad", "behind": "wait", "new": "wait", "paused": "idle", "off": "idle", "gone": "idle"}


@dataclass(frozen=True, slots=True)
class Service:
    """One part of the house. `tone` is ok, wait, bad or idle; `at` is when it was last proved to work."""

    name: str
    title: str
    tone: str
    proof: str
    at: datetime | None = None
    link: str = ""


def service_status(*, now: datetime) -> list[Service]:
    """Return all parts that are in use, each with its proof. About a dozen queries of few rows."""
    ran_at = scheduled_at()
    proofs = [database(), layer(now), servers(now), worker(now, ran_at), clock(now, ran_at)]
    return [*proofs, *deliveries(now)]


def worst(services: list[Service]) -> str:
    """Return the most urgent of their tones."""
    return max((service.tone for service in services), key=_URGENCY.index, default="idle")


def database() -> Service:
    """Ask the database now, and the writer whether it can store."""
    begun = perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    took = (perf_counter() - begun) * 1000
    gateway = current_gateway()
    failing = gateway.writer.database_failing_since if gateway is not None else None
    if failing is not None:
        return Service(
            "database", _("Database"), "bad", _("Messages cannot be stored; they are kept and tried.")
        )
    answered = _("%(vendor)s answered in %(ms).1f ms.") % {"vendor": connection.display_name, "ms": took}
    return Service("database", _("Database"), "ok", answered, timezone.now())


def layer(now: datetime) -> Service:
    """Say when this server last heard its own bell, which goes the way of all bells and live pages."""
    at, title = reach.BELL.proved_at, _("Channel layer")
    if reach.is_lost():
        return Service("layer", title, "bad", _("Its own bell did not come back to this server."), at)
    if at is None:
        waiting = _("Not proved yet: this server begins when a charge point connects to it.")
        return Service("layer", title, "idle", waiting)
    tone = "bad" if now - at > BELL_STALE else "ok"
    return Service("layer", title, tone, _("This server rang at itself and heard it."), at)


def servers(now: datetime) -> Service:
    """Say how many servers hold a lease, and when the last of them renewed it."""
    rows = list(Process.objects.filter(ended_at=None).values_list("seen_at", flat=True))
    alive = [at for at in rows if now - at <= LEASE]
    title = _("Servers of charge points")
    if not rows:
        return Service("servers", title, "idle", _("None yet: it begins with the first charge point."))
    text = ngettext("%(n)d holds its lease.", "%(n)d hold their leases.", len(alive)) % {"n": len(alive)}
    return Service("servers", title, "ok" if alive else "bad", text, max(rows))


def worker(now: datetime, ran_at: datetime | None) -> Service:
    """Say when a worker last did something: held on to the events that go out, or ran a task of the clock's."""
    until = Reader.objects.aggregate(until=Max("held_until"))["until"]
    held_at = min(until - RELAY_LEASE, now) if until is not None else None
    link, title = reverse("console:delivery"), _("Worker")
    if held_at is not None and (ran_at is None or held_at >= ran_at):
        at, text = held_at, _("It renewed its hold on the events that go out.")
    elif ran_at is not None:
        at, text = ran_at, _("It ran a task.")
    else:
        text = _("Nothing that a worker does was done yet. Start one, or look into its log.")
        return Service("worker", title, "bad", text, None, link)
    return Service("worker", title, "bad" if now - at > WORKER_STALE else "ok", text, at, link)


def clock(now: datetime, ran_at: datetime | None) -> Service:
    """Say when the clock last had a task run: the one that looks for alerts."""
    title = _("Clock (beat)")
    if ran_at is None:
        text = _("No scheduled task ran yet. Start beat, or look into its log.")
        return Service("clock", title, "bad", text)
    tone = "bad" if now - ran_at > CLOCK_STALE else "ok"
    return Service("clock", title, tone, _("The task that looks for alerts ran."), ran_at)


def scheduled_at() -> datetime | None:
    """Return when a worker last ran the task that looks for alerts, which the clock orders; None = never."""
    at = Evaluation.objects.values_list("at", flat=True).first()
    return at if at is not None and at.year >= FIRST_YEAR else None


def deliveries(now: datetime) -> Iterator[Service]:
    """Yield Kafka, RabbitMQ, webhooks and the backend, as far as they are in use, with what waits for each."""
    link = reverse("console:delivery")
    for kind in DeliveryPage(now).kinds:
        if not kind.where:
            continue
        name = kind.title.lower()
        tone, text, at = _delivery(kind)
        if name == "backend":
            tone, text, at = _backend(tone, text, at)
        yield Service(
            name, kind.title, tone, text, at, reverse("console:webhooks") if name == "webhooks" else link
        )


def _delivery(kind: Kind) -> tuple[str, str, datetime | None]:
    live = [place for place in kind.places if place.kept]
    if not live:
        return "idle", _("Nothing is kept for it yet."), None
    tone = max((_TONES.get(place.state, "ok") for place in live), key=_URGENCY.index)
    waiting = sum(place.events + (place.queue.waiting if place.queue else 0) for place in live)
    dead = sum(place.queue.dead for place in live if place.queue)
    at = max((place.moved_at for place in live if place.moved_at), default=None)
    if tone == "bad":
        text = next(place.error for place in live if place.state == "failing")[:160] or _(
            "It takes no events."
        )
    elif waiting:
        text = ngettext("%(n)s event waits.", "%(n)s events wait.", waiting) % {"n": f"{waiting:,}"}
    else:
        text = _("All was taken.")
    if dead:
        text += " " + ngettext("%(n)s was given up.", "%(n)s were given up.", dead) % {"n": f"{dead:,}"}
        tone = max(tone, "wait", key=_URGENCY.index)
    return tone, text, at


def _backend(tone: str, text: str, at: datetime | None) -> tuple[str, str, datetime | None]:
    """Take in what this server knows from asking the backend who may charge."""
    backend = get_backend()
    breakers = backend.client.breakers.values() if backend is not None else ()
    if shut := [breaker.endpoint for breaker in breakers if breaker.state == "open"]:
        failing = _("It does not answer %(what)s; the fallback decides.") % {"what": ", ".join(shut)}
        tone, text = "bad", failing
    times = [at, *(breaker.answered_at for breaker in breakers)]
    return tone, text, max((time for time in times if time is not None), default=None)
