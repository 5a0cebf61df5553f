"""What does not get out of the house: events that wait, sinks that fail, deliveries that were given up."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import OuterRef, Q, Subquery

from alerts.channels.selectors import broken
from alerts.conditions.table import condition
from alerts.conditions.words import minutes, said
from alerts.finding import Found, Param, Params, Scope
from alerts.models import TEXT_MAX
from csms.core.backend.reader import SESSIONS
from csms.core.events.models import Reader
from csms.core.events.numbering import NAME as NUMBERING
from csms.core.events.selectors import backlogs, unnumbered
from csms.core.events.sinks import wanted_sinks
from csms.core.webhooks.models import Delivery, Endpoint
from csms.core.webhooks.selectors import active_endpoints, unsettled
from transactions.backend.models import SessionReport

WAITING = Param("minutes", "min", 10, 1, 1440, title="Older than so much")


def _found(name: str, title: str, since: datetime, text: str) -> Found:
    return Found(f"sink:{name}", since, f"{title} {text}"[:TEXT_MAX], labels={"sink": name})


def _titles() -> dict[str, str]:
    """Return what people call the sinks that are webhooks, by name."""
    return {row.reader: f"The webhook {said(row.name)}" for row in Endpoint.objects.only("pk", "name")}


def _title(name: str, titles: dict[str, str]) -> str:
    return titles.get(name) or {SESSIONS: "The backend"}.get(name) or f"The sink {name}"


@condition(
    "events-wait",
    "Events wait too long for Kafka, RabbitMQ, a webhook or the backend",
    WAITING,
    retold=True,
    scoped=False,
)
def events_wait(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Of every sink that is wanted now: what it has not taken, and what it has taken and not delivered.

    It begins when a look first finds it: what waited while we were away is on its way.
    """
    allowed = minutes(params["minutes"])
    oldest = _oldest()
    titles = _titles() if oldest else {}
    for name, since in oldest.items():
        if since <= now - allowed:
            text = "has not been given what happened"
            yield _found(name, _title(name, titles), now, f"{text} since {since:%Y-%m-%d %H:%M} UTC.")
    new = unnumbered(most=1).oldest_at
    if new is not None and new <= now - allowed:
        text = "Nobody brings events out: no relay runs."
        yield Found(f"sink:{NUMBERING}", now, text, labels={"sink": NUMBERING})


def _oldest() -> dict[str, datetime]:
    """Return when the oldest event was recorded that each sink has yet to deliver; those that have none are absent."""
    wanted = wanted_sinks()
    oldest = {each.name: each.oldest_at for each in backlogs() if each.name in wanted and each.oldest_at}
    queued = Delivery.objects.filter(
        endpoint=OuterRef("pk"), state=Delivery.State.WAITING, position__isnull=False
    )
    first = Subquery(queued.order_by("position").values("created_at")[:1])
    taken = {row.reader: at for row in active_endpoints().annotate(first=first) if (at := row.first)}
    pending = SessionReport.objects.filter(state=SessionReport.State.PENDING).order_by("pk")
    if SESSIONS in wanted and (told := pending.values_list("created_at", flat=True).first()):
        taken[SESSIONS] = told
    for name, at in taken.items():
        oldest[name] = min(at, oldest.get(name, at))
    return oldest


@condition(
    "sink-fails", "Kafka, RabbitMQ, a webhook or the backend takes no events", retold=True, scoped=False
)
def sink_fails(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """It begins when a look first finds it: while we were away nobody tried."""
    wanted = wanted_sinks()
    titles = _titles()
    readers = Reader.objects.filter(pk__in=wanted, failing_since__isnull=False)
    failing = dict(readers.values_list("pk", "error"))
    for row in active_endpoints().filter(failures__gt=0, failing_since__isnull=False):
        failing.setdefault(row.reader, row.last_error)
    for name, error in failing.items():
        yield _found(name, _title(name, titles), now, f"takes no events: {said(error)}")


@condition(
    "dead-letters",
    "Deliveries to a webhook, or to the backend, were given up",
    Param("count", "deliveries", 1, 1, 10_000, title="So many of them at least"),
    retold=True,
    scoped=False,
)
def dead_letters(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Until somebody replays or discards them."""
    endpoints = list(Endpoint.objects.filter(Q(enabled=True) | Q(paused_at__isnull=False)))
    counts = unsettled(endpoints) if endpoints else {}
    for row in endpoints:
        if (dead := counts[row.pk].dead) >= params["count"]:
            text = f"has deliveries that were given up: {dead}."
            yield _found(row.reader, f"The webhook {said(row.name)}", now, text)
    reports = SessionReport.objects.filter(state=SessionReport.State.DEAD)
    dead = reports.values("pk")[: params["count"]].count()
    if dead >= params["count"]:
        text = f"was not told of sessions, and that was given up: {dead} or more."
        yield _found(SESSIONS, "The backend", now, text)


@condition(
    "channel-broken",
    "A channel takes no alerts: its last three attempts failed, or it was refused for good",
    scoped=False,
)
def channel_broken(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """The others are told of it."""
    for channel in broken():
        error = said(channel.last_error) or "it does not say why"
        text = f"The channel {said(channel.name)} takes no alerts: {error}"
        since = channel.failing_since or now
        yield Found(f"channel:{channel.pk}", since, text[:TEXT_MAX], labels={"channel": channel.name})
