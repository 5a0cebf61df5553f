"""Brings the tellings of sessions to the backend: a reader of the outbox that fills the queue, and works it off.

In the relay's thread, whose lease lets one process at a time do this. Requests run side by side on a loop of its own;
of one transaction there is one at a time, and a close waits until its open was delivered or given up.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from time import monotonic
from uuid import UUID

import orjson
from django.db import DatabaseError
from django.utils import timezone

from csms.core.backend.answers import Refused, SessionTold
from csms.core.backend.breaker import Breaker
from csms.core.backend.client import BackendAway, Client, breakers_of
from csms.core.backend.reader import SESSIONS
from csms.core.config import Config, get_config
from csms.core.events.envelope import Envelope
from csms.core.events.sinks import Keep, NotOurs, Sink
from transactions.backend import services, telling
from transactions.backend.models import SessionReport

KINDS = tuple(SessionReport.Kind.values)
AT_ONCE = 8  # requests under way
LOOK = 100  # due tellings that are looked at, at once
SLICE = (
    0.25  # seconds for which the thread waits for answers, before it looks at its lease and for new events
)
BLOCKED_WAIT = timedelta(seconds=5)

Outcome = SessionTold | Refused | BackendAway


class SessionsSink(Sink):
    """See the module's text."""

    name = SESSIONS
    starts_at_end = True  # unless a gateway has begun for it, at its own start

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way: dict[asyncio.Task[Outcome], SessionReport] = {}
        self._keep: Keep = _nothing

    @cached_property
    def _client(self) -> Client:
        """Made when there is work: of the many sinks that are made, most only tell that one is wanted."""
        config = get_config()
        return Client(config, KINDS, _breakers(config))

    def publish(self, events: Sequence[Envelope], keep: Keep) -> None:
        """Queue what is to be told; what is in the queue is safe."""
        if reports := telling.reports(events, now=timezone.now()):
            services.take(reports)

    def tend(self, keep: Keep) -> bool:
        """Begin what is due, and note what has been answered."""
        self._keep = keep
        keep()
        self._begin()
        if not self._under_way:
            return False
        self._wait(SLICE)
        return True

    def close(self) -> None:
        """Wait for the answers that are still to come, for what is asked again would be asked twice.

        The lease is kept meanwhile: another relay that takes over would ask side by side with this one.
        """
        if self._loop is None:
            return
        end = monotonic() + max(self._client.limits[kind].seconds for kind in KINDS) + 1
        while self._under_way and monotonic() < end:
            self._wait(SLICE)
            with suppress(NotOurs, DatabaseError):
                self._keep()
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            self._loop.run_until_complete(asyncio.wait(self._under_way))
        self._client.close()
        self._loop.close()
        self._loop = None

    # -- requests --

    def _begin(self) -> None:
        room = AT_ONCE - len(self._under_way)
        kinds = [kind for kind in KINDS if self._client.breakers[kind].admits()]
        if room <= 0 or not kinds:
            return
        for report in self._due(kinds)[:room]:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
            self._under_way[self._loop.create_task(self._tell(report))] = report
            if self._client.breakers[report.kind].state != "closed":
                return  # one tries it

    def _due(self, kinds: Collection[str]) -> list[SessionReport]:
        """Return what may be told now: the first pending of each transaction, if it is due."""
        now = timezone.now()
        asked = [report.pk for report in self._under_way.values()]
        pending = SessionReport.objects.filter(state=SessionReport.State.PENDING)
        ripe = pending.filter(next_at__lte=now, kind__in=kinds).exclude(pk__in=asked)
        due = list(ripe.order_by("next_at", "pk")[:LOOK])
        names = {(report.cp_id, report.transaction_id) for report in due}
        same = pending.filter(
            cp_id__in={cp_id for cp_id, _ in names}, transaction_id__in={number for _, number in names}
        )
        first: dict[tuple[str, str], UUID] = {}
        for cp_id, number, pk in same.order_by("pk").values_list("cp_id", "transaction_id", "pk"):
            first.setdefault((cp_id, number), pk)
        ready = [report for report in due if first[report.cp_id, report.transaction_id] == report.pk]
        if blocked := {report.pk for report in due} - {report.pk for report in ready}:
            # Out of the way of what is due; whatever lets them go makes them due at once.
            pending.filter(pk__in=blocked).update(next_at=now + BLOCKED_WAIT)
        return ready

    async def _tell(self, report: SessionReport) -> Outcome:
        try:
            told: SessionTold = await self._client.ask(
                report.kind, orjson.loads(report.body), key=report.idempotency_key, trace=report.trace_id
            )
            return told
        except (Refused, BackendAway) as outcome:
            return outcome

    def _wait(self, seconds: float) -> None:
        assert self._loop is not None
        waiting = asyncio.wait(self._under_way, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        done, _ = self._loop.run_until_complete(waiting)
        for task in done:
            self._note(self._under_way.pop(task), task.result())

    @staticmethod
    def _note(report: SessionReport, outcome: Outcome) -> None:
        now = timezone.now()
        match outcome:
            case SessionTold():
                services.delivered(report, outcome, now=now)
            case Refused():
                services.refused(report, outcome, now=now)
            case BackendAway():
                services.failed(report, outcome, now=now)


_kept: tuple[Config, Mapping[str, Breaker]] | None = None


def _breakers(config: Config) -> Mapping[str, Breaker]:
    """Return the breakers of this process, which know more than one shift of the relay does."""
    global _kept
    if _kept is None or _kept[0] is not config:
        _kept = config, breakers_of(config, KINDS)
    return _kept[1]


def _nothing() -> None:
    pass


def sinks() -> Iterable[Sink]:
    """Return the sink, if a backend is configured."""
    return [SessionsSink()] if get_config().backend_base_url else []
