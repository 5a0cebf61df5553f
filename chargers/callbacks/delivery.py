"""Post the outcomes that are due, each by one worker at a time, and none in the way of another receiver's.

A worker claims a callback by a conditional UPDATE and holds it under a lease; if its process is lost, the lease runs
out and the attempt is made again. So a receiver gets each outcome at least once, always under the same id.
Attempts run in threads of this process, few in all and fewer for one receiver: whoever calls `deliver()` never waits
for a receiver.
"""

import logging
import random
import threading
from collections import Counter as Tally
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import F, Q
from django.utils import timezone
from prometheus_client import Counter, Histogram

from chargers import selectors
from chargers.callbacks.models import Callback
from chargers.commands.ledger_api import CommandShape
from csms.core.access.services import signing_secrets
from csms.core.api_data import moment
from csms.core.live import announce
from csms.core.outbound.retries import ATTEMPTS_MAX, next_delay
from csms.core.outbound.sending import BUCKETS, Attempt, post
from csms.core.outbound.signing import signed_headers
from csms.core.outbound.targets import Bounds, Target, bounds_now, read_target
from csms.core.sealing import unseal

log = logging.getLogger(__name__)
State = Callback.State

AT_ONCE = 16  # attempts that run in this process
AT_ONCE_EACH = 2  # to one receiver
LEASE_SLACK = timedelta(seconds=30)  # beside the deadline of a request, for reading and writing rows
TYPE = "command.finished"

ATTEMPTS = Counter(
    "csms_callback_attempts_total", "Attempts to deliver callbacks, by what became.", ["outcome"]
)
SECONDS = Histogram(
    "csms_callback_seconds", "Time that receivers of callbacks took, from name to answer.", buckets=BUCKETS
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A callback that this worker alone may send for now, and which attempt in all and of its series that is."""

    callback: Callback
    attempt: int
    attempt_of_series: int


@dataclass(frozen=True, slots=True)
class Letter:
    """What is posted."""

    target: Target
    headers: dict[str, str]
    body: bytes


# --- the workers ------------------------------------------------------------------------------------------------------

_lock = threading.Lock()
_busy: Tally[str] = Tally()  # receiver -> attempts that are being made


def deliver() -> int:
    """Begin the attempts that are due, as far as there is room, and return how many; waits for none of them.

    Each worker goes on with what else is due, so the rest follows as room is made.
    """
    begun = 0
    while (claim := _claim_in_turn()) is not None:
        threading.Thread(target=_work, args=(claim,), name="callback-worker", daemon=True).start()
        begun += 1
    return begun


def busy() -> int:
    """Return how many attempts this process is making."""
    return _busy.total()


def _claim_in_turn() -> Claim | None:
    with _lock:
        if _busy.total() >= AT_ONCE:
            return None
        full = [origin for origin, attempts in _busy.items() if attempts >= AT_ONCE_EACH]
        claim = claim_next(full, now=timezone.now())
        if claim is not None:
            _busy[claim.callback.origin] += 1
        return claim


def _work(claim: Claim | None) -> None:
    try:
        while claim is not None:
            try:
                attempt(claim)
            except Exception:  # its lease runs out, and the attempt is made again
                log.exception("callbacks.attempt_broke", extra={"command_id": str(claim.callback.pk)})
            finally:
                with _lock:
                    _busy[claim.callback.origin] -= 1
            claim = _claim_in_turn()
    except Exception:  # the schedule calls again
        log.exception("callbacks.worker_broke")
    finally:
        connection.close()


# --- claims -----------------------------------------------------------------------------------------------------------


def claim_next(full: Collection[str] = (), *, now: datetime) -> Claim | None:
    """Claim the callback that has been due for longest, of no receiver in `full`; None when there is none."""
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    due = Callback.objects.filter(free, state=State.PENDING, next_at__lte=now).exclude(origin__in=full)
    lease = timedelta(seconds=bounds_now().deadline) + LEASE_SLACK
    while (row := due.select_related("token").order_by("next_at").first()) is not None:
        mine = Callback.objects.filter(free, pk=row.pk, state=State.PENDING, attempts=row.attempts)
        made = row.attempts - row.attempts_before
        if made >= ATTEMPTS_MAX:  # the process that made the last one was lost with it
            mine.update(
                state=State.GAVE_UP, next_at=None, leased_until=None, last_error="Nobody saw its end."
            )
        elif mine.update(attempts=F("attempts") + 1, leased_until=now + lease):
            return Claim(row, row.attempts + 1, made + 1)
    return None


# --- one attempt ------------------------------------------------------------------------------------------------------


def attempt(claim: Claim) -> Attempt:
    """Make one attempt, and note what became of it."""
    bounds = bounds_now()
    try:
        letter = write(claim.callback, bounds, now=timezone.now())
    except ValueError as error:
        made = Attempt(error=str(error), permanent=True)
    else:
        if not connection.in_atomic_block:
            connection.close()  # a server has few; the receiver may take its time
        made = post(letter.target, letter.body, letter.headers, bounds=bounds)
        SECONDS.observe(made.latency)
    note(claim, made, now=timezone.now())
    return made


def write(callback: Callback, bounds: Bounds, *, now: datetime) -> Letter:
    """Return what is posted. Raises ValueError, with a sentence, if nothing may be."""
    if callback.token.revoked_at is not None:
        raise ValueError("The token that ordered it was revoked.")
    target = read_target(unseal(callback.sealed)["url"], bounds)
    command = selectors.commands().get(pk=callback.pk)
    body = orjson.dumps(
        {
            "type": TYPE,
            "timestamp": moment(callback.settled_at or now),
            "data": CommandShape(command).data,
        }
    )
    secrets = signing_secrets(callback.token, now=now)
    return Letter(target, signed_headers(message_id(callback.pk), body, secrets, now=now), body)


def message_id(command_id: UUID) -> str:
    """Return the id under which a receiver gets the outcome of a command, however often."""
    return f"msg_{command_id.hex}"


def note(claim: Claim, made: Attempt, *, now: datetime) -> State:
    """Note what became of an attempt, and return the state that follows."""
    facts: dict[str, Any] = {
        "last_at": now,
        "last_status": made.status,
        "last_error": made.error,
        "last_excerpt": made.excerpt,
        "last_latency_ms": round(made.latency * 1000),
    }
    pending = Callback.objects.filter(pk=claim.callback.pk, state=State.PENDING)
    mine = pending.filter(
        attempts=claim.attempt
    )  # not if the lease has run out and another attempt was begun
    delay = next_delay(claim.attempt_of_series, random=random.random, wish=made.retry_after)
    if made.succeeded:
        state, outcome, rows = State.DELIVERED, "delivered", pending
        facts |= {"delivered_at": now, "next_at": None}
    elif made.permanent or delay is None:
        state, rows = (State.FAILED if made.permanent else State.GAVE_UP), mine
        outcome = state.value
        facts |= {"next_at": None}
    else:
        state, outcome, rows = State.PENDING, "retried", mine
        facts |= {"next_at": now + delay}
    ATTEMPTS.labels(outcome).inc()
    if rows.update(state=state, leased_until=None, **facts):
        level = logging.WARNING if state in (State.FAILED, State.GAVE_UP) else logging.INFO
        said = {
            "command_id": str(claim.callback.pk),
            "receiver": claim.callback.origin,
            "attempt": claim.attempt,
        }
        log.log(level, f"callbacks.{outcome}", extra=said | {"status": made.status, "error": made.error})
        announce("commands")
    return state
