"""What became of attempts, and what follows from it: for the delivery, and for the whole endpoint.

A delivery that failed waits, ever longer, and those behind it of the same charge point wait with it. When several
charge points' deliveries fail and nothing succeeds between, it is not the messages: the endpoint is then left alone as
a whole, and probed. One that stays dead for days is paused.
"""

import logging
import random
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min, QuerySet

from csms.core.config import get_config
from csms.core.outbound.retries import ATTEMPTS_MAX, next_delay
from csms.core.outbound.sending import Attempt
from csms.core.webhooks.letters import ATTEMPTS
from csms.core.webhooks.models import Delivery, Endpoint
from csms.core.webhooks.services import WELL, pause_endpoint

log = logging.getLogger(__name__)
State = Delivery.State

ALONE_AFTER = 5
"""Failures, nothing succeeding between, after which an endpoint is left alone."""
GONE = 410
EVENT_GONE = "Its event is kept no longer."

OUTCOME = (
    "state",
    "attempts",
    "next_attempt_at",
    "last_attempt_at",
    "status",
    "latency_ms",
    "excerpt",
    "error",
    "delivered_at",
)
HEALTH = (*WELL, "last_error", "delivered_at")

Made = Sequence[tuple[Delivery, Attempt]]


def waiting_of(endpoint: Endpoint) -> QuerySet[Delivery]:
    """Return the deliveries of an endpoint that wait; unordered."""
    return Delivery.objects.filter(endpoint=endpoint, state=State.WAITING, position__isnull=False)


@contextmanager
def held(endpoint: Endpoint) -> Iterator[None]:
    """Keep others, who may resume it or replay something, from its deliveries; its health is read anew.

    Whoever writes several deliveries of an endpoint holds it first: else two might wait for each other.
    """
    with transaction.atomic():
        row = Endpoint.everything.select_for_update().filter(pk=endpoint.pk).first()
        for name in HEALTH if row is not None else ():
            setattr(endpoint, name, getattr(row, name))
        yield


def note(endpoint: Endpoint, made: Made, *, now: datetime) -> None:
    """Keep what became of attempts; the endpoint and the deliveries, new ones among them, are changed in place."""
    with held(endpoint):
        _note(endpoint, made, now)


def _note(endpoint: Endpoint, made: Made, now: datetime) -> None:
    was_failing = endpoint.failures
    for delivery, attempt in made:
        _judge(endpoint, delivery, attempt, now)
    _write([delivery for delivery, _ in made])
    if endpoint.failures:
        _left_alone(endpoint, made[-1][1], now)
    elif was_failing:
        log.warning("webhook.back", extra=_said(endpoint))
    if not endpoint.failures and was_failing >= ALONE_AFTER:
        # What waits for its time waits for nothing any more.
        waiting_of(endpoint).filter(next_attempt_at__gt=now).update(next_attempt_at=now)
    endpoint.save(update_fields=HEALTH)
    gone = any(attempt.status == GONE for _, attempt in made)
    if gone or _long_dead(endpoint, now):
        why = (
            f"It answered {GONE}: nothing is wanted there any more."
            if gone
            else f"No delivery has succeeded since {endpoint.failing_since:%Y-%m-%d %H:%M} UTC. {endpoint.last_error}"
        )
        paused = pause_endpoint(endpoint, by="", why=why, now=now)
        endpoint.paused_at, endpoint.paused_why = paused.paused_at, paused.paused_why
        log.warning("webhook.paused", extra=_said(endpoint) | {"why": why})


def _said(endpoint: Endpoint) -> dict[str, str]:
    return {"endpoint": str(endpoint.pk), "of_name": endpoint.name, "receiver": endpoint.origin}


def _judge(endpoint: Endpoint, delivery: Delivery, attempt: Attempt, now: datetime) -> None:
    delivery.attempts += 1
    delivery.last_attempt_at = now
    delivery.status = attempt.status
    delivery.latency_ms = round(attempt.latency * 1000)
    delivery.excerpt, delivery.error = attempt.excerpt, attempt.error
    delivery.next_attempt_at = None
    if attempt.succeeded:
        delivery.state, delivery.delivered_at = State.DELIVERED, now
        for name, value in WELL.items():
            setattr(endpoint, name, value)
        endpoint.delivered_at = now
        ATTEMPTS.labels("delivered").inc()
        return
    if not endpoint.failures:
        endpoint.failing_since = now
        log.warning("webhook.failing", extra=_said(endpoint) | {"error": _why(attempt)})
    endpoint.failures += 1
    endpoint.last_error = _why(attempt)
    delay = next_delay(
        delivery.attempts - delivery.attempts_before, random=random.random, wish=attempt.retry_after
    )
    if attempt.status == GONE:
        delivery.state, delivery.next_attempt_at = State.WAITING, now  # when it is resumed
    elif attempt.permanent or delay is None:
        delivery.state = State.DEAD
        log.warning(
            "webhook.dead",
            extra=_said(endpoint) | {"event_id": str(delivery.event_id), "error": _why(attempt)},
        )
    else:
        delivery.state, delivery.next_attempt_at = State.WAITING, now + delay
    ATTEMPTS.labels("dead" if delivery.state == State.DEAD else "failed").inc()


def _why(attempt: Attempt) -> str:
    return attempt.error or f"It answered {attempt.status}."


def _write(deliveries: list[Delivery]) -> None:
    new = [delivery for delivery in deliveries if delivery._state.adding]
    if delivered := [delivery for delivery in new if delivery.state == State.DELIVERED]:
        Delivery.objects.bulk_create(
            delivered,
            update_conflicts=True,
            unique_fields=["endpoint", "event_id"],
            update_fields=OUTCOME,
        )
    if others := [delivery for delivery in new if delivery.state != State.DELIVERED]:
        Delivery.objects.bulk_create(others, ignore_conflicts=True)
    for delivery in new:
        delivery._state.adding = False
    for delivery in deliveries:
        if delivery in new:
            continue
        row = Delivery.objects.filter(pk=delivery.pk)
        if delivery.state != State.DELIVERED:
            # Not if its lease had run out, and another relay has made another attempt.
            row = row.filter(attempts=delivery.attempts - 1)
        row.update(**{name: getattr(delivery, name) for name in OUTCOME})


def _left_alone(endpoint: Endpoint, last: Attempt, now: datetime) -> None:
    """Plan the next probe of an endpoint that is left alone, or leave it alone."""
    if endpoint.probe_at is not None:
        endpoint.probes += 1
    elif endpoint.failures < ALONE_AFTER or not _several_fail(endpoint):
        return
    # Retries of a delivery end, the probes of an endpoint go on, until it is paused.
    nth = min(endpoint.probes + 1, ATTEMPTS_MAX - 1)
    delay = next_delay(nth, random=random.random, wish=last.retry_after)
    endpoint.probe_at = now + (delay or timedelta())


def _several_fail(endpoint: Endpoint) -> bool:
    """Return whether deliveries of several charge points fail; where those of only one do, its message may be why."""
    tried = waiting_of(endpoint).filter(attempts__gt=0)
    return len(tried.values_list("cp_id", flat=True).distinct()[:2]) > 1


def _long_dead(endpoint: Endpoint, now: datetime) -> bool:
    since = endpoint.failing_since
    return since is not None and now - since >= timedelta(days=get_config().webhook_pause_days)


def bury(endpoint: Endpoint, deliveries: Collection[Delivery]) -> None:
    """Give up deliveries whose events are gone."""
    rows = Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries], state=State.WAITING)
    with held(endpoint):
        rows.update(state=State.DEAD, next_attempt_at=None, error=EVENT_GONE)


def promote(endpoint: Endpoint, *, now: datetime) -> None:
    """Make the oldest waiting delivery of each charge point due, where none has a time: what was before it is over."""
    waiting = waiting_of(endpoint)
    led = waiting.filter(next_attempt_at__isnull=False).values("cp_id")
    stuck = waiting.exclude(cp_id__in=led).values("cp_id").annotate(head=Min("position"))
    if heads := [row["head"] for row in stuck]:
        with held(endpoint):
            waiting.filter(position__in=heads).update(next_attempt_at=now)
