"""Who holds a charge point: handshakes, connections and the leases of the processes that serve them.

The newest authenticated connection wins. Everything that ends a connection names it, so that the clean-up of an old
one can touch nothing of the new one (fencing by connection id).
"""

import hashlib
import os
import socket
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from chargers.answered import answered_calls
from chargers.blocking.selectors import blocks_of, with_block
from chargers.counts import CONNECTIONS
from chargers.following import VersionChanged, tell
from chargers.models import ChargePoint, Command, Connection, Process, Registration, in_standing
from chargers.protocol.versions import Version
from chargers.services import Refusal, find_charge_point, note_sign_in, register_charge_point
from chargers.traits.selectors import charge_point_of_alias, traits_of
from chargers.traits.values import DEFAULTS, Traits
from csms.core.config import get_config
from csms.core.events.services import record
from csms.core.live import announce, process_group, ring

LEASE_RENEWED_EVERY = 10.0  # seconds
LEASE = timedelta(seconds=45)
LOST = "its server process was lost"
REPLACED = "replaced by a newer connection"
# Our own close codes, from the range that RFC 6455 leaves to applications.
CLOSE_REPLACED, CLOSE_LOST = 4000, 4001


class HandshakeRefused(Exception):
    """A handshake that gets no connection: the HTTP status, a reason to count by, a sentence for people."""

    def __init__(self, http_status: int, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.http_status = http_status
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Guest:
    """What the handshake needs to know of the charge point at the door."""

    pk: int
    cp_id: str
    password_hash: str
    next_password_hash: str = ""
    """Of a password that it was told and has not proven to know: it counts, too (T-029)."""
    lowest_profile: int = 0
    """The security profile that it has proven; it may not connect with a lower one (T-037)."""
    shown_hash: str = ""
    """Once it has signed in: the hash of these two that its password had."""
    traits: Traits = DEFAULTS
    """What is peculiar to it or its model."""
    profile: int = 0
    """Once it has signed in: the security profile of this connection; 0 = without a password."""
    serial_number: str = ""
    """By its last boot: a client certificate may name this instead of the identity."""
    certificate_names: tuple[str, ...] = ()
    """Once it has signed in: the common names of the client certificate that it has shown."""
    certificate_ended: bool = False
    """Once it has signed in: whether that certificate has ended, and is to be renewed (T-036)."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that is open now, and what came before it."""

    connection_id: UUID
    registration: str
    approved: bool
    """Whether people, or the backend, want it here; it may still be set up before it is accepted."""
    answered: list[tuple[str, str, str, str]]
    """Earlier calls and their answers: message id, action, frame of the call, frame of the answer."""


def admit(identity: str, *, now: datetime, peer: str = "") -> Guest:
    """Find the charge point of this identity, or take an unknown one in as the policy says.

    Raises HandshakeRefused: 404 for one that is unknown or retired (T-004), 403 for one that was rejected or blocked.
    """
    # The block is asked for with the charge point: of one that is known a handshake costs no query for it.
    charge_point = find_charge_point(identity, with_block(ChargePoint.objects.all(), identity, peer, now=now))
    if charge_point is not None:
        blocked: str | None = getattr(charge_point, "blocked")  # noqa: B009 - which the type does not know
    else:
        blocked = blocks_of(identity, peer, now=now).values_list("kind", flat=True).first()
    if blocked is not None:
        raise HandshakeRefused(403, "blocked", f"an operator blocked this {blocked}")
    charge_point = _unless_retired(charge_point, identity)
    if charge_point is None:
        config = get_config()
        policy = config.unknown_charge_points
        if policy == "refuse":
            raise HandshakeRefused(404, "unknown", "nobody registered this charge point")
        if policy == "pending":
            waiting = ChargePoint.objects.filter(registration=Registration.PENDING, retired_at=None).count()
            if waiting >= config.max_pending_charge_points:
                raise HandshakeRefused(
                    404, "too_many_pending", f"{waiting} charge points wait for approval already"
                )
        registration = Registration.ACCEPTED if policy == "accept" else Registration.PENDING
        try:
            charge_point = register_charge_point(identity, now=now, registration=registration)
        except Refusal as refusal:
            charge_point = find_charge_point(
                identity
            )  # another process was faster, as two first handshakes race
            if charge_point is None:
                raise HandshakeRefused(404, "bad_identity", str(refusal)) from refusal
    if charge_point.retired_at is not None:
        raise HandshakeRefused(404, "retired", "this charge point was retired")
    if charge_point.registration == Registration.REJECTED:
        raise HandshakeRefused(403, "rejected", "an operator rejected this charge point")
    return Guest(
        charge_point.pk,
        charge_point.cp_id,
        charge_point.password_hash,
        charge_point.next_password_hash,
        charge_point.security_profile,
        traits=traits_of(charge_point),
        serial_number=charge_point.serial_number,
    )


def _unless_retired(charge_point: ChargePoint | None, identity: str) -> ChargePoint | None:
    """Return who connects as this; one that was retired gives way to an alias (quirk I3)."""
    if charge_point is None or charge_point.retired_at is not None:
        return charge_point_of_alias(identity) or charge_point
    return charge_point


def default_version(identity: str) -> str:
    """Return the version that a charge point speaks when it offers none (quirk T1); "" = it is refused."""
    charge_point = _unless_retired(find_charge_point(identity), identity)
    return traits_of(charge_point).default_version if charge_point else ""


def open_connection(
    guest: Guest,
    *,
    connection_id: UUID,
    process_id: UUID,
    version: Version,
    peer: str,
    user_agent: str,
    now: datetime,
    compressed: bool = False,
) -> Opened:
    """Give the charge point to this connection; an older one is closed wherever it is."""
    charge_point = ChargePoint.objects.select_for_update().get(pk=guest.pk)
    if charge_point.retired_at is not None or charge_point.registration == Registration.REJECTED:
        raise HandshakeRefused(403, "rejected", "an operator took this charge point out of service")
    # A certificate that has ended proves nothing: lower profiles stay open (T-037).
    proven = 0 if guest.certificate_ended else guest.profile
    note_sign_in(charge_point, guest.shown_hash, proven, now=now)
    older = list(Connection.objects.filter(charge_point=charge_point, closed_at=None))
    last = (
        older[-1]
        if older
        else Connection.objects.filter(charge_point=charge_point).order_by("-opened_at").first()
    )
    for connection in older:
        _end(connection, now=now, code=CLOSE_REPLACED, reason=_replaced(connection, guest, peer))
        ring(process_group(str(connection.process_id)), "replaced", connection=str(connection.pk))
    Connection.objects.create(
        id=connection_id,
        charge_point=charge_point,
        process_id=process_id,
        protocol=version.value,
        peer=peer,
        user_agent=user_agent[:500],
        compressed=compressed,
        opened_at=now,
    )
    charge_point.certificate_ended = guest.certificate_ended
    ChargePoint.objects.filter(pk=guest.pk).update(
        connection_id=connection_id,
        protocol=version.value,
        last_seen_at=now,
        certificate_ended=guest.certificate_ended,
    )
    if charge_point.protocol and charge_point.protocol != version.value:
        tell(VersionChanged(guest.pk, guest.cp_id, charge_point.protocol, version.value, now))
    record(
        "cp.connected",
        guest.cp_id,
        {
            "connection_id": str(connection_id),
            "subprotocol": version.value,
            "peer": peer,
            "process_id": str(process_id),
        },
        occurred_at=now,
    )
    CONNECTIONS.add(version.value, str(guest.profile))
    if last is not None and last.closed_at is not None and not older:
        record(
            "cp.offline_duration",
            guest.cp_id,
            {
                "went_offline_at": last.closed_at,
                "came_online_at": now,
                "offline_seconds": round((now - last.closed_at).total_seconds(), 3),
                "prior_reason": last.close_reason,
            },
            occurred_at=now,
        )
    announce("fleet", f"charge-point:{guest.pk}")
    # One that is not accepted reports no transactions, so there is nothing that it could repeat.
    standing = charge_point.standing
    answered = answered_calls(guest.pk) if standing == Registration.ACCEPTED else []
    return Opened(connection_id, standing, charge_point.registration == Registration.ACCEPTED, answered)


def _replaced(older: Connection, guest: Guest, peer: str) -> str:
    """Say who took its place: where no password is asked for, anybody who knows the identity can."""
    if older.peer == peer:
        return REPLACED
    return f"{REPLACED} from {peer}" + ("" if guest.shown_hash else ", which showed no password")


def close_connection(connection_id: UUID, *, code: int, reason: str, now: datetime) -> bool:
    """Note the end of a connection; return whether it was still open. The charge point's newer one is not touched."""
    connection = (
        Connection.objects.filter(pk=connection_id, closed_at=None).select_related("charge_point").first()
    )
    return connection is not None and _end(connection, now=now, code=code, reason=reason)


def _end(connection: Connection, *, now: datetime, code: int, reason: str) -> bool:
    reason = reason.replace("\x00", "")[:500]  # a peer writes what it likes, and PostgreSQL stores no NUL
    # The charge point first, as open_connection locks it first: two processes that change both cannot deadlock.
    ChargePoint.objects.filter(pk=connection.charge_point_id, connection_id=connection.pk).update(
        connection_id=None
    )
    ended = Connection.objects.filter(pk=connection.pk, closed_at=None).update(
        closed_at=now, close_code=code, close_reason=reason
    )
    if ended != 1:
        return False
    record(
        "cp.disconnected",
        connection.charge_point.cp_id,
        {
            "connection_id": str(connection.pk),
            "code": code,
            "reason": reason,
            "subprotocol": connection.protocol,
            "peer": connection.peer,
            "process_id": str(connection.process_id),
        },
        occurred_at=now,
    )
    announce("fleet", f"charge-point:{connection.charge_point_id}")
    return True


def standing(charge_point_id: int) -> str | None:
    """Return how a charge point is served now, a word of Registration; None when it was retired."""
    charge_point = ChargePoint.objects.filter(pk=charge_point_id, retired_at=None).first()
    return None if charge_point is None else charge_point.standing


@dataclass(frozen=True, slots=True)
class Missed:
    """What a process would have heard, had every bell come through."""

    commands: list[int]
    """Charge points for which commands wait."""
    registrations: list[int]
    """Held charge points that were approved, rejected or retired."""
    open: set[UUID] | None
    """The connections of the process that are open by the books; None when their number is right."""


def missed_bells(process_id: UUID, *, unapproved: list[int], held: int, now: datetime) -> Missed:
    """Look for what was rung for a process and perhaps not heard, in three small queries.

    `unapproved` are the held charge points that wait for approval, `held` is how many it holds in all.
    """
    ours = Connection.objects.filter(process_id=process_id, closed_at=None)
    out_of_service = Q(charge_point__registration=Registration.REJECTED) | Q(
        charge_point__retired_at__isnull=False
    )
    approved = ChargePoint.objects.filter(in_standing(Registration.ACCEPTED), pk__in=unapproved[:1000])
    waiting = Command.objects.filter(
        Q(not_before=None) | Q(not_before__lte=now), status=Command.Status.QUEUED, expires_at__gt=now
    )
    return Missed(
        commands=list(waiting.values_list("charge_point_id", flat=True).distinct()[:1000]),
        registrations=[
            *ours.filter(out_of_service).values_list("charge_point_id", flat=True)[:1000],
            *(approved.values_list("pk", flat=True) if unapproved else ()),
        ],
        open=set(ours.values_list("pk", flat=True)) if ours.count() < held else None,
    )


# --- processes and their leases ---------------------------------------------------------------------------------------


def start_process(*, now: datetime) -> Process:
    """Note that this server process has begun, and that those which it succeeds on this host have ended.

    After a kill nobody waits for the lease: a restart knows at once that the process before it is gone. Where numbers
    of processes say nothing, as in a new container, the lease decides.
    """
    host = _place()
    for earlier in Process.objects.filter(host=host, ended_at=None):
        if not _runs(earlier.pid):
            end_process(earlier.pk, now=now, reason=LOST, unseen_since=earlier.seen_at)
    return Process.objects.create(host=host, pid=os.getpid(), started_at=now, seen_at=now)


def _place() -> str:
    """Name the space in which process numbers identify: this host since its boot, or this one container on it.

    The name of the host alone does not: containers and machines may share one.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux, so no containers either: the network card tells machines apart
        boot, space = "", str(uuid.getnode())
    mark = hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:8]
    return f"{socket.gethostname()[:200]} {mark}"


def _runs(pid: int) -> bool:
    """Whether a process that began here earlier may still run. In doubt it may: the lease decides."""
    if pid == os.getpid():
        return False  # its number is ours now
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def renew_lease(process_id: UUID, *, now: datetime, health: Mapping[str, Any] | None = None) -> bool:
    """Renew the lease of a process; False when others had given it up, and with it every connection that it held.

    It lives again under its own name all the same: what it opens from now on is counted as open. `health` is what it
    says of itself, as `self_check` tells it.
    """
    sign = {"seen_at": now, "health": health or {}}
    kept = Process.objects.filter(pk=process_id, ended_at=None).update(**sign) == 1
    if not kept:
        Process.objects.filter(pk=process_id).update(**sign, ended_at=None)
    return kept


def end_process(process_id: UUID, *, now: datetime, reason: str, unseen_since: datetime | None = None) -> int:
    """End a process and every connection that it left open; return how many those were.

    With `unseen_since` nothing happens to one that renewed its lease after that moment, or was ended by others.
    """
    with transaction.atomic():
        running = Process.objects.filter(pk=process_id, ended_at=None)
        if unseen_since is None:
            running.update(ended_at=now)
        elif running.filter(seen_at__lte=unseen_since).update(ended_at=now) != 1:
            return 0
        left: Iterable[Connection] = Connection.objects.filter(
            process_id=process_id, closed_at=None
        ).select_related("charge_point")
        return sum(_end(connection, now=now, code=CLOSE_LOST, reason=reason) for connection in left)


def sweep_processes(*, now: datetime) -> int:
    """End the processes whose lease ran out; return how many connections that closed."""
    lease_began = now - LEASE
    lost = list(Process.objects.filter(ended_at=None, seen_at__lte=lease_began).values_list("pk", flat=True))
    return sum(end_process(pk, now=now, reason=LOST, unseen_since=lease_began) for pk in lost)
