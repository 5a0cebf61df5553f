"""Block identities and addresses at the door, and let them in again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from django.db import transaction

from chargers.blocking.models import Block
from chargers.blocking.selectors import blocks, canonical_address, fold
from chargers.models import Registration
from chargers.services import Refusal, as_stored, find_charge_point, note_act, set_registration
from csms.core.audit.services import note
from csms.core.live import announce

BLOCKS_MAX = 1000  # of each kind: a list that people can still read, and that costs a handshake one look
ADDRESS_DAYS_MAX = 30  # addresses change hands, and many charge points may share one
IDENTITY_MAX = 255


def block_identity(identity: str, *, by: str, now: datetime, reason: str = "") -> Block:
    """Turn an identity away from now on, known or not; idempotent. Raises Refusal.

    A charge point of this identity is rejected with it, which disconnects it. Nothing but `unblock`, and approving it,
    lets it in again.
    """
    identity = identity.strip()
    if not identity or len(identity) > IDENTITY_MAX or not identity.isprintable():
        raise Refusal(f"an identity has 1 to {IDENTITY_MAX} printable characters", field="identity")
    with transaction.atomic():
        known = find_charge_point(identity)
        if known is not None:
            as_stored(known)  # before its block, as whoever approves it does: two people cannot deadlock
        block = _block(Block.Kind.IDENTITY, identity, by=by, now=now, reason=reason, expires_at=None)
        if known is not None and known.retired_at is None:
            set_registration(known, Registration.REJECTED, now=now, by=by, reason=reason)
        announce("fleet", "refusals", *([f"charge-point:{known.pk}"] if known is not None else []))
    return block


def block_address(address: str, *, by: str, now: datetime, days: int, reason: str = "") -> Block:
    """Turn everybody at an address away for some days; idempotent. Raises Refusal.

    Who is connected from there stays connected.
    """
    try:
        address = canonical_address(str(ip_address(address.strip())))
    except ValueError:
        raise Refusal("it is no address, as in 192.0.2.7 or 2001:db8::7", field="address") from None
    if not 1 <= days <= ADDRESS_DAYS_MAX:
        raise Refusal(f"an address is blocked for 1 to {ADDRESS_DAYS_MAX} days", field="days")
    with transaction.atomic():
        until = now + timedelta(days=days)
        block = _block(Block.Kind.ADDRESS, address, by=by, now=now, reason=reason, expires_at=until)
        announce("refusals")
    return block


def _block(
    kind: str, value: str, *, by: str, now: datetime, reason: str, expires_at: datetime | None
) -> Block:
    folded = fold(kind, value)
    Block.objects.filter(expires_at__lte=now).delete()
    known = Block.objects.select_for_update().filter(kind=kind, folded=folded).first()
    if known is None and blocks(now=now).filter(kind=kind).count() >= BLOCKS_MAX:
        raise Refusal(f"{BLOCKS_MAX} are blocked already; unblock some", field=kind)
    before = known.facts() if known is not None else None
    block, _ = Block.objects.update_or_create(
        kind=kind,
        folded=folded,
        defaults={"reason": reason[:500], "by": by[:150], "expires_at": expires_at},
        create_defaults={
            "value": value,
            "reason": reason[:500],
            "by": by[:150],
            "created_at": now,
            "expires_at": expires_at,
        },
    )
    if before != block.facts():
        _note(block, "blocked", by, now, reason, before)
    return block


def unblock(block: Block, *, by: str, now: datetime) -> None:
    """Let an identity or an address try again. A charge point that was rejected stays so until it is approved."""
    with transaction.atomic():
        if Block.objects.filter(pk=block.pk).delete()[0]:
            _note(block, "unblocked", by, now, "", block.facts())
        announce("fleet", "refusals")


def _note(
    block: Block, word: str, by: str, now: datetime, reason: str, before: Mapping[str, Any] | None
) -> None:
    """Note an act, and what an earlier one had said: that is kept nowhere else."""
    until = block.expires_at.isoformat() if block.expires_at else None
    known = find_charge_point(block.value) if block.kind == Block.Kind.IDENTITY else None
    if known is not None:
        note_act(f"charge_point.{word}", known, by=by, now=now, reason=reason, before=before)
        return
    note(
        f"{block.kind}.{word}",
        by=by,
        subject_type=block.kind,
        subject=block.value,
        now=now,
        reason=reason,
        expires_at=until,
        before=before,
    )
