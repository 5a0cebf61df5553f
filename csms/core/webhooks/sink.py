"""The sink of one endpoint: it posts the events that pass the filter, in order for each charge point.

The outbox is the queue. What fails is kept as a waiting delivery, and what comes behind it of the same charge point,
too; the others go on. While the endpoint is left alone its place in the outbox stands still.
"""

import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from datetime import datetime
from time import monotonic
from uuid import UUID

from django.db import connection
from django.db.models import Case, Exists, F, Min, OuterRef, When
from django.utils import timezone

from csms.core.config import get_config
from csms.core.events.envelope import FIELDS, Envelope
from csms.core.events.models import Event
from csms.core.events.sinks import Keep, NotOurs, Sink, SinkAway
from csms.core.live import announce
from csms.core.outbound.sending import Attempt
from csms.core.webhooks.filters import Filter, types_told
from csms.core.webhooks.letters import write
from csms.core.webhooks.models import Delivery, Endpoint
from csms.core.webhooks.outcomes import bury, held, note, promote, waiting_of
from csms.core.webhooks.places import Places, begin
from csms.core.webhooks.selectors import active_endpoints
from csms.core.webhooks.services import TOPIC, WAITING_MAX

log = logging.getLogger(__name__)
State = Delivery.State
Queues = dict[str, deque[Delivery]]
Events = Mapping[UUID, Envelope]

QUICK = 0.05  # seconds in which a receiver's answer is waited for with the connection to the database at hand
KEEP_EVERY = 1.0  # seconds, while receivers take their time
LOOK_EVERY = 2.0  # seconds between two looks at an endpoint that is left alone: somebody may have resumed it
READ_EVERY = (
    2.0  # seconds, while there is much to post: somebody may have changed, paused or deleted the endpoint
)
STEP = 500  # waiting deliveries that are looked at at once
DUE = 64  # charge points of those


def webhook_sinks() -> Iterable[Sink]:
    """Return the sinks that are wanted now: one for each endpoint that is enabled and not paused."""
    return [WebhookSink(endpoint.pk) for endpoint in active_endpoints().only("pk")]


class WebhookSink(Sink):
    """Posts events to one endpoint. Requests have other threads; rows are for the relay's thread alone."""

    starts_at_end = True
    batch = 200

    def __init__(self, endpoint_id: UUID, *, clock: Callable[[], datetime] = timezone.now) -> None:
        self.name = f"webhook:{endpoint_id}"
        self._id = endpoint_id
        self._clock = clock
        self._mended = False
        self._read: Endpoint | None = None  # by `tend()`, a moment ago

    def needs(self) -> int | None:
        """Return the position of the oldest event that waits for another attempt, or behind one that does."""
        waiting = Delivery.objects.filter(endpoint=self._id, state=State.WAITING, position__isnull=False)
        oldest: int | None = waiting.aggregate(oldest=Min("position"))["oldest"]
        return oldest

    # -- new events --

    def publish(self, events: Sequence[Envelope], keep: Keep) -> None:
        """Post events, or keep deliveries that wait. Raises SinkAway while the endpoint takes none."""
        endpoint, self._read = self._read or self._endpoint(), None
        if not endpoint.active:  # since what was due was posted
            raise NotOurs
        self._refuse_alone(endpoint)
        passes = Filter.of(endpoint).passes
        wanted = {event.id: event for event in events if passes(event)}
        if not wanted:
            return
        new = self._new(endpoint, wanted)
        if not new:
            return
        if waiting_of(endpoint).count() + len(new) > WAITING_MAX:
            done = min(event.position for event in wanted.values()) - 1
            raise SinkAway(f"{WAITING_MAX} deliveries wait, which is the most.", done=done, wait=LOOK_EVERY)
        queues = _by_charge_point(new)
        blocked = waiting_of(endpoint).filter(cp_id__in=queues).values_list("cp_id", flat=True).distinct()
        behind = [queues.pop(cp_id) for cp_id in set(blocked)]
        self._post(endpoint, queues, wanted, keep)
        # What is still new has not been tried: it waits behind something.
        rest = [one for queue in (*behind, *queues.values()) for one in queue if one._state.adding]
        Delivery.objects.bulk_create(sorted(rest, key=_position), ignore_conflicts=True)
        self._mend(endpoint)

    def _new(self, endpoint: Endpoint, events: Events) -> list[Delivery]:
        """Return new deliveries for the events that have none; those that are to be posted again wait from now on."""
        now = self._clock()
        known = Delivery.objects.filter(endpoint=endpoint, event_id__in=events)
        if endpoint.replayed_at is not None:
            # What was over before the place was moved back is asked for once more.
            again = known.exclude(state=State.WAITING).exclude(last_attempt_at__gt=endpoint.replayed_at)
            with held(endpoint):
                again.update(
                    state=State.WAITING, attempts_before=F("attempts"), next_attempt_at=now, delivered_at=None
                )
        met = set(known.values_list("event_id", flat=True))
        return [
            Delivery(
                endpoint=endpoint,
                event_id=event.id,
                type=event.type,
                cp_id=event.cp_id,
                position=event.position,
                state=State.WAITING,
                created_at=now,
            )
            for event in events.values()
            if event.id not in met
        ]

    # -- what waits --

    def tend(self, keep: Keep) -> bool:
        """Make the attempts that are due, and return whether there were any. Raises SinkAway."""
        endpoint = self._read = self._endpoint()
        self.types = types_told(tuple(endpoint.types))
        if not self._mended:
            self._mend(endpoint)
            endpoint = self._read = self._endpoint()
        if endpoint.probe_at is not None:
            if endpoint.probe_at > self._clock():
                self._refuse_alone(endpoint)
            return self._probe(endpoint, keep)
        queues, events = self._due(endpoint) if endpoint.is_due else ({}, {})  # type: ignore[attr-defined]
        if not queues:
            return False
        self._post(endpoint, queues, events, keep)
        self._mend(endpoint)
        return True

    def _due(self, endpoint: Endpoint) -> tuple[Queues, Events]:
        """Return what waits of charge points of which something is due, the oldest first, with its events."""
        now, waiting = self._clock(), waiting_of(endpoint)
        due = waiting.filter(next_attempt_at__lte=now).values_list("cp_id", flat=True).distinct()
        cp_ids = list(due[:DUE])
        if not cp_ids:
            return {}, {}
        queues = _by_charge_point(waiting.filter(cp_id__in=cp_ids).order_by("position")[:STEP])
        for cp_id, queue in list(queues.items()):
            first = queue[0].next_attempt_at
            if first is not None and first > now:
                self._behind(endpoint, queue[0])
                del queues[cp_id]
        return self._with_events(endpoint, queues)

    @staticmethod
    def _behind(endpoint: Endpoint, first: Delivery) -> None:
        """Let those that were replayed behind another of their charge point come in their turn."""
        behind = waiting_of(endpoint).filter(
            cp_id=first.cp_id, position__gt=first.position, next_attempt_at__isnull=False
        )
        if behind.exists():
            with held(endpoint):
                behind.update(next_attempt_at=None)

    def _probe(self, endpoint: Endpoint, keep: Keep) -> bool:
        """Try an endpoint that was left alone: with what somebody replayed since, or untried for longest."""
        waiting = waiting_of(endpoint).filter(next_attempt_at__isnull=False)
        waiting = waiting.alias(
            asked=Case(When(attempts_before__gt=0, attempts=F("attempts_before"), then=0), default=1)
        )
        chosen = waiting.order_by("asked", F("last_attempt_at").asc(nulls_first=True), "position").first()
        if chosen is None:  # its deliveries are dead: the next event tries it
            endpoint.probe_at = None
            endpoint.save(update_fields=["probe_at"])
            return False
        first = list(waiting_of(endpoint).filter(cp_id=chosen.cp_id).order_by("position")[:1])
        self._behind(endpoint, first[0])
        self._post(endpoint, *self._with_events(endpoint, _by_charge_point(first)), keep, probing=True)
        self._mend(endpoint)
        return True

    def _with_events(self, endpoint: Endpoint, queues: Queues) -> tuple[Queues, Events]:
        rows = [delivery for queue in queues.values() for delivery in queue]
        found = Event.objects.filter(pk__in=[delivery.event_id for delivery in rows]).values_list(*FIELDS)
        events = {row[0]: Envelope(*row) for row in found}
        if gone := [delivery for delivery in rows if delivery.event_id not in events]:
            bury(endpoint, gone)
            queues = _by_charge_point(delivery for delivery in rows if delivery.event_id in events)
            self._mend(endpoint)
        return queues, events

    # -- posting --

    def _post(
        self, endpoint: Endpoint, queues: Queues, events: Events, keep: Keep, *, probing: bool = False
    ) -> None:
        """Post what is in the queues, those of several charge points at once, and take out of them what is over.

        A charge point's queue ends with a failure, all of them when the endpoint is left alone or paused.
        """
        places = Places(get_config().webhook_parallel)
        ready = deque(queues)
        running: dict[Future[Attempt], Delivery] = {}
        read_at = monotonic()
        try:
            while True:
                if monotonic() - read_at >= READ_EVERY:
                    self._read_again(endpoint)
                    read_at = monotonic()
                while ready and _open(endpoint, probing=probing):
                    # Who fails may hang, too, and has no share of what is everybody's.
                    if not places.is_free(len(running), alone=endpoint.failures > 0):
                        break
                    delivery = queues[ready.popleft()][0]
                    running[self._begin(endpoint, events[delivery.event_id])] = delivery
                if not running:
                    break
                ready += self._settle(endpoint, queues, running)
                places.fit(len(running))
                keep()
        except NotOurs:
            # The end of a shift, mostly: the lease is held until what is on its way has come to its end.
            while running:
                self._settle(endpoint, queues, running)
                places.fit(len(running))
                with suppress(NotOurs):
                    keep()
            raise
        finally:
            wait(running)
            places.fit(0)
            announce(TOPIC)

    def _begin(self, endpoint: Endpoint, event: Envelope) -> "Future[Attempt]":
        try:
            letter = write(endpoint, event, now=self._clock())
        except ValueError as error:
            return _over(Attempt(error=str(error), permanent=True))
        except Exception as error:
            return _over(_broke(error))
        return begin(letter.post)

    def _settle(
        self, endpoint: Endpoint, queues: Queues, running: dict["Future[Attempt]", Delivery]
    ) -> list[str]:
        """Note what has come to an end, and return the charge points whose next delivery may begin."""
        done, _ = wait(running, timeout=QUICK, return_when=FIRST_COMPLETED)
        if not done:
            _let_go()
            done, _ = wait(running, timeout=KEEP_EVERY, return_when=FIRST_COMPLETED)
        made = [(running.pop(future), _result(future)) for future in done]
        if not made:
            return []
        note(endpoint, made, now=self._clock())
        ready = []
        for delivery, _ in made:
            if delivery.state != State.WAITING:
                queue = queues[delivery.cp_id]
                queue.popleft()
                if queue:
                    ready.append(delivery.cp_id)
        return ready

    # -- the endpoint --

    def _endpoint(self) -> Endpoint:
        """Return the endpoint as it is now, with `is_due`: whether one of its deliveries is.

        Raises NotOurs when nothing is to be posted to it any more.
        """
        due = Delivery.objects.filter(
            endpoint=OuterRef("pk"),
            state=State.WAITING,
            position__isnull=False,
            next_attempt_at__lte=self._clock(),
        )
        endpoint = Endpoint.objects.filter(pk=self._id).annotate(is_due=Exists(due)).first()
        if endpoint is None or not endpoint.active:
            raise NotOurs
        return endpoint

    def _read_again(self, endpoint: Endpoint) -> None:
        """Make an endpoint what it is now. Raises NotOurs."""
        now = self._endpoint()
        for field in Endpoint._meta.concrete_fields:
            setattr(endpoint, field.attname, getattr(now, field.attname))

    def _refuse_alone(self, endpoint: Endpoint) -> None:
        if endpoint.probe_at is not None:
            raise SinkAway(
                f"{endpoint.failures} attempts have failed. {endpoint.last_error}"[:300], wait=LOOK_EVERY
            )

    def _mend(self, endpoint: Endpoint) -> None:
        promote(endpoint, now=self._clock())
        self._mended = True


def _let_go() -> None:
    """Give the connection to the database back: there are fewer than endpoints that take their time."""
    if not connection.in_atomic_block:
        connection.close()


def _over(attempt: Attempt) -> "Future[Attempt]":
    future: Future[Attempt] = Future()
    future.set_result(attempt)
    return future


def _result(future: "Future[Attempt]") -> Attempt:
    """Return what became of an attempt. One that broke has failed: nobody may lose what became of the others."""
    try:
        return future.result()
    except Exception as error:
        return _broke(error)


def _broke(error: Exception) -> Attempt:
    log.error("webhook.attempt_broke", exc_info=error)
    return Attempt(error=f"It broke on our side: {error!r}"[:300])


def _open(endpoint: Endpoint, *, probing: bool) -> bool:
    return endpoint.paused_at is None and (probing or endpoint.probe_at is None)


def _position(delivery: Delivery) -> int:
    return delivery.position or 0


def _by_charge_point(deliveries: Iterable[Delivery]) -> Queues:
    queues: defaultdict[str, deque[Delivery]] = defaultdict(deque)
    for delivery in deliveries:
        queues[delivery.cp_id].append(delivery)
    return dict(queues)
