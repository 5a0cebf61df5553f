"""What people and programs do to endpoints and deliveries. Each keyword `by` is who, and is kept with what was done.

Refusals are raised as `csms.core.refusals` has them: BadField for a value, NotNow for the state of things.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from csms.core.events import numbering
from csms.core.events.envelope import Envelope
from csms.core.events.models import Event, Reader
from csms.core.events.reading import cursor_before
from csms.core.events.services import SCHEMA_VERSION, record
from csms.core.ids import uuid7, uuid7_floor
from csms.core.live import announce
from csms.core.outbound.sending import Attempt
from csms.core.outbound.signing import new_secret
from csms.core.outbound.targets import Target, bounds_now, read_target, shown
from csms.core.refusals import BadField, NotNow
from csms.core.sealing import seal
from csms.core.webhooks import outbox
from csms.core.webhooks.filters import FIELDS, check_filter, check_whole
from csms.core.webhooks.letters import write
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange

log = logging.getLogger(__name__)
State = Delivery.State
What = EndpointChange.What

ENDPOINTS_MAX = 100
NAME_MAX = 100
OLDER_SIGNS_FOR = timedelta(hours=24)
WAITING_MAX = 10_000
"""Deliveries of one endpoint that wait; beyond that it reads no further in the outbox."""
DISCARDED_MAX = 10_000
"""Dead deliveries that are discarded at once."""
TOPIC = "webhooks"
TEST = "webhook.test"
STEP = 500  # deliveries that are written at once

WELL = {
    "failures": 0,
    "failing_since": None,
    "probes": 0,
    "probe_at": None,
}
"""The health of an endpoint of which nothing bad is known."""


# --- endpoints --------------------------------------------------------------------------------------------------------


@transaction.atomic
def create_endpoint(
    *, name: str, url: str, filter: Mapping[str, Any], by: str, now: datetime, enabled: bool = True
) -> tuple[Endpoint, str]:
    """Make an endpoint, and return it with its secret, which is shown this once; it is told what happens from now on.

    `filter` has the fields of `filters.FIELDS`, of which `types` is needed.
    """
    if Endpoint.objects.count() >= ENDPOINTS_MAX:
        raise NotNow("too_many", f"there are {ENDPOINTS_MAX} webhooks already, which is the most")
    secret = new_secret()
    endpoint = Endpoint(
        name=_name(name),
        **_address(url),
        **check_filter({"types": (), **filter}),
        secret=seal({"secret": secret}),
        enabled=enabled,
        created_at=now,
        created_by=by,
    )
    check_whole(endpoint)
    _save(endpoint, force_insert=True)
    Reader.objects.create(name=endpoint.reader, position=numbering.head(), moved_at=now)
    _note(endpoint, What.CREATED, by=by, now=now, **_values(endpoint))
    return endpoint, secret


@transaction.atomic
def change_endpoint(endpoint: Endpoint, changes: Mapping[str, Any], *, by: str, now: datetime) -> Endpoint:
    """Change `name`, `url`, `enabled` or fields of the filter. What waits already is delivered as it was asked for."""
    endpoint = _locked(endpoint)
    before = _values(endpoint)
    fresh: dict[str, Any] = check_filter(changes)
    filtered = bool(fresh)
    if "name" in changes:
        fresh["name"] = _name(changes["name"])
    if "url" in changes:
        fresh |= _address(changes["url"])
    if "enabled" in changes:
        fresh["enabled"] = bool(changes["enabled"])
    for name, value in fresh.items():
        setattr(endpoint, name, value)
    if filtered:
        check_whole(endpoint)
    if fresh:
        _save(endpoint, update_fields=list(fresh))
    if endpoint.enabled:
        outbox.place(endpoint)
    else:
        outbox.rests(endpoint)
    after = _values(endpoint)
    if changed := {name: value for name, value in after.items() if value != before[name]}:
        _note(
            endpoint, What.CHANGED, by=by, now=now, **changed, before={name: before[name] for name in changed}
        )
    return endpoint


@transaction.atomic
def delete_endpoint(endpoint: Endpoint, *, by: str, now: datetime) -> None:
    """Delete an endpoint with its log of deliveries; what was done to it stays.

    From now on nobody sees it; its secrets go at once, the rows with `remove_deleted()`.
    """
    endpoint = _locked(endpoint)
    Reader.objects.filter(pk=endpoint.reader).delete()
    _note(endpoint, What.DELETED, by=by, now=now)
    endpoint.deleted_at, endpoint.enabled = now, False
    endpoint.sealed = endpoint.secret = endpoint.older_secret = ""
    endpoint.save(update_fields=["deleted_at", "enabled", "sealed", "secret", "older_secret"])


def remove_deleted(endpoints: QuerySet[Endpoint]) -> int:
    """Remove endpoints that were deleted, with their deliveries, in small steps; return how many endpoints."""
    removed = 0
    for pk in list(endpoints.exclude(deleted_at=None).values_list("pk", flat=True)):
        rows = Delivery.objects.filter(endpoint=pk)
        while ids := list(rows.values_list("pk", flat=True)[:STEP]):
            Delivery.objects.filter(pk__in=ids).delete()
        removed += Endpoint.everything.filter(pk=pk).delete()[0]
    return removed


@transaction.atomic
def rotate_secret(endpoint: Endpoint, *, by: str, now: datetime) -> tuple[Endpoint, str]:
    """Give an endpoint a new secret and return it; the one before it signs, too, for OLDER_SIGNS_FOR."""
    endpoint = _locked(endpoint)
    secret = new_secret()
    endpoint.older_secret, endpoint.older_signs_until = endpoint.secret, now + OLDER_SIGNS_FOR
    endpoint.secret = seal({"secret": secret})
    endpoint.save(update_fields=["secret", "older_secret", "older_signs_until"])
    _note(endpoint, What.ROTATED, by=by, now=now)
    return endpoint, secret


@transaction.atomic
def pause_endpoint(endpoint: Endpoint, *, by: str, now: datetime, why: str = "") -> Endpoint:
    """Post nothing to an endpoint until it is resumed. Of one that is paused already nothing changes."""
    endpoint = _locked(endpoint)
    if endpoint.paused_at is None:
        endpoint.paused_at, endpoint.paused_why = now, why
        endpoint.save(update_fields=["paused_at", "paused_why"])
        outbox.rests(endpoint)
        _note(endpoint, What.PAUSED, by=by, now=now, why=why)
        facts = {"endpoint_id": str(endpoint.pk), "name": endpoint.name, "why": why, "by": by}
        record("webhook.paused", "", facts, occurred_at=now)
    return endpoint


@transaction.atomic
def resume_endpoint(endpoint: Endpoint, *, by: str, now: datetime, from_now: bool = False) -> Endpoint:
    """Post to an endpoint again, from where it stopped, or from what happens now; what waits is then skipped.

    It is well again, as far as anybody knows, and enabled. The note tells how many events it misses, in the second case
    or because they are kept no longer.
    """
    endpoint = _locked(endpoint)
    missed = outbox.missed(endpoint)
    if from_now:
        position = numbering.head()
        missed = max(missed, position - outbox.place(endpoint))
        Delivery.objects.filter(endpoint=endpoint, state=State.WAITING).update(
            state=State.SKIPPED, next_attempt_at=None
        )
        outbox.move(endpoint, position, now=now)
    else:
        _go_on(endpoint, now=now)
    for name, value in {"paused_at": None, "paused_why": "", "enabled": True, **WELL}.items():
        setattr(endpoint, name, value)
    endpoint.save(update_fields=["paused_at", "paused_why", "enabled", *WELL])
    _note(endpoint, What.RESUMED, by=by, now=now, from_now=from_now, missed=missed)
    return endpoint


# --- deliveries -------------------------------------------------------------------------------------------------------


@transaction.atomic
def replay_delivery(delivery: Delivery, *, by: str, now: datetime) -> Delivery:
    """Post an event again, or now instead of later, under the same id; it begins a new series of attempts.

    What waits before it of the same charge point is attempted first, and an endpoint that is left alone is tried.
    """
    if delivery.position is None:
        raise NotNow("test", "it was a test; make another one")
    if not Event.objects.filter(pk=delivery.event_id).exists():
        raise NotNow("event_gone", "its event is kept no longer")
    endpoint = _locked(delivery.endpoint)
    if delivery.state != State.WAITING:
        _room(endpoint)
    _again(Delivery.objects.filter(pk=delivery.pk), now=now)
    _go_on(endpoint, now=now, cp_id=delivery.cp_id, position__lt=delivery.position)
    _try_now(endpoint, now=now)
    _note(endpoint, What.REPLAYED, by=by, now=now, delivery=str(delivery.pk))
    delivery.refresh_from_db()
    return delivery


@transaction.atomic
def replay_dead(endpoint: Endpoint, *, by: str, now: datetime) -> int:
    """Have all dead deliveries of an endpoint posted again, the oldest first, and return how many.

    There are never more than WAITING_MAX that wait; what is beyond that stays dead.
    """
    endpoint = _locked(endpoint)
    dead = _dead(endpoint).order_by("position")
    oldest = list(dead.values_list("pk", flat=True)[: _room(endpoint)])
    replayed = sum(_again(rows, now=now) for rows in _steps(oldest))
    if replayed:
        _try_now(endpoint, now=now)
    _note(endpoint, What.REPLAYED, by=by, now=now, dead=replayed)
    return replayed


@transaction.atomic
def replay_since(endpoint: Endpoint, *, since: datetime, by: str, now: datetime) -> int:
    """Have all that was recorded since a time, and passes the filter, posted again; return how many events are read.

    Its place in the outbox is moved back, never forward. Whoever does its work now ends that first.
    """
    endpoint = _locked(endpoint)
    # By the ids, which are of the time of recording; they are not in quite the order of the positions.
    behind = Event.objects.filter(position__gt=cursor_before(since) or 0, pk__gte=uuid7_floor(since))
    first = behind.order_by("position").values_list("position", flat=True).first()
    position = outbox.place(endpoint)
    back = position if first is None else min(position, first - 1)
    if back < position:
        outbox.move(endpoint, back, now=now)
        endpoint.replayed_at = now
        endpoint.save(update_fields=["replayed_at"])
    _note(endpoint, What.REPLAYED, by=by, now=now, since=since.isoformat(), events=position - back)
    return position - back


@transaction.atomic
def discard_dead(endpoint: Endpoint, *, by: str, now: datetime) -> int:
    """Take the dead deliveries of an endpoint as settled, and return how many; the log keeps them as skipped.

    The oldest DISCARDED_MAX at once; what is beyond that stays dead.
    """
    endpoint = _locked(endpoint)
    oldest = list(_dead(endpoint).order_by("position").values_list("pk", flat=True)[:DISCARDED_MAX])
    discarded = sum(rows.update(state=State.SKIPPED) for rows in _steps(oldest))
    _note(endpoint, What.DISCARDED, by=by, now=now, dead=discarded)
    return discarded


def send_test(endpoint: Endpoint, *, by: str, now: datetime) -> Delivery:
    """Post an event `webhook.test` to an endpoint at once, however it is, and return what became of that.

    It waits for the receiver, so call it outside of any transaction. It is tried once, and says nothing of the
    endpoint's health; but when it succeeds, an endpoint that is left alone is tried at once.
    """
    return finish_test(begin_test(endpoint, by=by, now=now), now=now)


@transaction.atomic
def begin_test(endpoint: Endpoint, *, by: str, now: datetime) -> Delivery:
    """Return the delivery of a test that is still to be posted, by `finish_test()`."""
    endpoint = _locked(endpoint)
    _note(endpoint, What.TESTED, by=by, now=now)
    return Delivery.objects.create(
        endpoint=endpoint,
        event_id=uuid7(),
        type=TEST,
        state=State.DEAD,
        error="It was not finished.",
        created_at=now,
    )


def finish_test(delivery: Delivery, *, now: datetime) -> Delivery:
    """Post a test that was begun. Call it outside of any transaction."""
    endpoint = delivery.endpoint
    payload = orjson.dumps({"endpoint_id": str(endpoint.pk), "name": endpoint.name}).decode()
    event = Envelope(delivery.event_id, TEST, SCHEMA_VERSION, "", now, now, "", 0, payload, 0, 0)
    try:
        made = write(endpoint, event, now=now).post()
    except ValueError as error:
        made = Attempt(error=str(error), permanent=True)
    delivery.attempts, delivery.last_attempt_at = 1, now
    delivery.status, delivery.latency_ms = made.status, round(made.latency * 1000)
    delivery.excerpt, delivery.error = made.excerpt, made.error
    if made.succeeded:
        delivery.state, delivery.delivered_at = State.DELIVERED, now
    with transaction.atomic():
        delivery.save(force_update=True)
        if made.succeeded:
            _try_now(Endpoint.everything.select_for_update().get(pk=endpoint.pk), now=now)
    announce(TOPIC)
    return delivery


# --- parts of these ---------------------------------------------------------------------------------------------------


def _locked(endpoint: Endpoint) -> Endpoint:
    row = Endpoint.objects.select_for_update().filter(pk=endpoint.pk).first()
    if row is None:
        raise NotNow("deleted", "the webhook was deleted")
    return row


def _name(text: str) -> str:
    if not 1 <= len(text.strip()) <= NAME_MAX or not text.isprintable():
        raise BadField("name", f"A name has 1 to {NAME_MAX} printable characters.")
    return text.strip()


def _address(url: str) -> dict[str, str]:
    try:
        target: Target = read_target(url, bounds_now())
    except ValueError as error:
        raise BadField("url", str(error)) from error
    return {"url": shown(target), "sealed": seal({"url": url}), "origin": target.origin}


def _save(endpoint: Endpoint, **options: Any) -> None:
    try:
        with transaction.atomic():
            endpoint.save(**options)
    except IntegrityError as error:
        raise BadField("name", f"Another webhook has the name {endpoint.name!r}.") from error


def _values(endpoint: Endpoint) -> dict[str, Any]:
    return {name: getattr(endpoint, name) for name in ("name", "url", "enabled", *FIELDS)}


def _note(endpoint: Endpoint, what: EndpointChange.What, *, by: str, now: datetime, **details: Any) -> None:
    EndpointChange.objects.create(
        endpoint=endpoint.pk, name=endpoint.name, at=now, what=what, by=by, details=details
    )
    said = {"endpoint": str(endpoint.pk), "of_name": endpoint.name, "what": what.value, "by": by}
    transaction.on_commit(lambda: log.info("webhook.changed", extra=said | {"details": details}))
    announce(TOPIC)


def _room(endpoint: Endpoint) -> int:
    """Return how many more deliveries may wait. Raises NotNow if there are none."""
    waiting = Delivery.objects.filter(endpoint=endpoint, state=State.WAITING).count()
    if waiting >= WAITING_MAX:
        raise NotNow("too_many_waiting", f"{waiting} deliveries wait already; let them be delivered first")
    return WAITING_MAX - waiting


def _dead(endpoint: Endpoint) -> QuerySet[Delivery]:
    """Return the dead deliveries of an endpoint; a test that failed is none."""
    return Delivery.objects.filter(endpoint=endpoint, state=State.DEAD, position__isnull=False)


def _steps(ids: list[UUID]) -> Iterator[QuerySet[Delivery]]:
    """Yield the deliveries with these ids in parts that one statement can write."""
    for first in range(0, len(ids), STEP):
        yield Delivery.objects.filter(pk__in=ids[first : first + STEP])


def _again(rows: QuerySet[Delivery], *, now: datetime) -> int:
    """Begin a new series of attempts of these deliveries, now."""
    return rows.update(
        state=State.WAITING, next_attempt_at=now, attempts_before=F("attempts"), delivered_at=None
    )


def _go_on(endpoint: Endpoint, *, now: datetime, **only: Any) -> None:
    """Let what waits for its next attempt, or only what the conditions say of it, be attempted now."""
    heads = Delivery.objects.filter(endpoint=endpoint, state=State.WAITING, next_attempt_at__isnull=False)
    heads.filter(**only).update(next_attempt_at=now)


def _try_now(endpoint: Endpoint, *, now: datetime) -> None:
    """Let an endpoint that is left alone be probed now. It is held; its health is for the relay to tell."""
    if endpoint.probe_at is not None and endpoint.probe_at > now:
        endpoint.probe_at = now
        endpoint.save(update_fields=["probe_at"])
