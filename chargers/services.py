"""What people change of charge points: registration, descriptions, passwords. What they report is in `reports`."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Upper

from chargers.blocking.models import Block
from chargers.counts import APPROVALS
from chargers.following import SignedIn, tell
from chargers.models import ChargePoint, Connection, Connector, Registration
from chargers.protocol.versions import OCPP_2X, IdentityError, identity_from_path
from csms.core.audit.services import note
from csms.core.events.services import record
from csms.core.live import announce, process_group, ring
from csms.core.refusals import BadField

PASSWORD_MIN, PASSWORD_MAX = 16, 64  # T-024, T-025


class Refusal(BadField):
    """A change that cannot be made; the text says why, for people, and `field` what was wrong."""

    def __init__(self, text: str, *, field: str = "cp_id") -> None:
        super().__init__(field, text)


def find_charge_point(cp_id: str, among: QuerySet[ChargePoint] | None = None) -> ChargePoint | None:
    """Return the charge point of this identity; identities are compared without regard to case."""
    rows = ChargePoint.objects.all() if among is None else among
    return rows.filter(cp_id=cp_id).first() or (
        rows.alias(folded=Upper("cp_id")).filter(folded=Upper(Value(cp_id))).first()
    )


def register_charge_point(
    cp_id: str,
    *,
    now: datetime,
    name: str = "",
    registration: str = Registration.ACCEPTED,
    password: str = "",
    site: str = "",
    labels: Mapping[str, str] | None = None,
    by: str = "",
) -> ChargePoint:
    """Make a charge point known. Raises Refusal for a bad identity or password, or one that exists already.

    `by` is who did it, for the audit; empty: nobody, it introduced itself.
    """
    try:
        identity_from_path(quote(cp_id, safe=""))
    except IdentityError as error:
        raise Refusal(str(error)) from error
    password_hash = hash_password(password) if password else ""
    charge_point = ChargePoint(
        cp_id=cp_id,
        name=name,
        site=site,
        labels=dict(labels or {}),
        registration=registration,
        password_hash=password_hash,
        created_at=now,
    )
    known = find_charge_point(cp_id)
    try:
        if known is None:
            with transaction.atomic():
                charge_point.save(force_insert=True)
                if by and registration == Registration.ACCEPTED:
                    _lift_block(charge_point, by=by, now=now)
                note_act(
                    "charge_point.registered", charge_point, by=by, now=now, registration=str(registration)
                )
                announce("fleet")
            return charge_point
    except IntegrityError:  # somebody else was faster
        known = find_charge_point(cp_id)
    raise Refusal(f"{known or cp_id} is known already")


def note_act(
    action: str, charge_point: ChargePoint, *, by: str, now: datetime, reason: str = "", **details: Any
) -> None:
    """Note in the audit what somebody did to a charge point, within the transaction of the act.

    Without `by` nobody did it: it is what the house does by itself, which is not noted.
    """
    if by:
        note(
            action,
            by=by,
            subject_type="charge_point",
            subject=charge_point.cp_id,
            now=now,
            reason=reason,
            **details,
        )


def from_to(before: Any, after: Any) -> dict[str, Any]:
    """Return a change as the details of an act have it."""
    return {"from": before, "to": after}


def as_stored(charge_point: ChargePoint) -> ChargePoint:
    """Return the charge point as it is in the database, and let nobody else change it in this transaction.

    What was read before may be untrue by now, and the audit would tell of a change from what it never was.
    """
    return ChargePoint.objects.select_for_update().get(pk=charge_point.pk)


def describe_charge_point(charge_point: ChargePoint, *, now: datetime, by: str = "", **said: Any) -> None:
    """Note what people say of a charge point: its `name`, its `site` ("" = none) or all of its `labels`."""
    with transaction.atomic():
        before = as_stored(charge_point)
        changed: dict[str, Any] = {
            name: from_to(getattr(before, name), value)
            for name, value in said.items()
            if getattr(before, name) != value
        }
        for name, value in said.items():
            setattr(charge_point, name, value)
        charge_point.save(update_fields=list(said))
        if changed:
            note_act("charge_point.described", charge_point, by=by, now=now, **changed)
        announce("fleet", f"charge-point:{charge_point.pk}")


def label_connector(connector: Connector, label: str, *, now: datetime, by: str = "") -> None:
    """Give the connector a name for people; empty takes it away.

    Where one identity stands for many boxes (quirk X12) its connectors are what people look for.
    """
    with transaction.atomic():
        before = Connector.objects.select_for_update().get(pk=connector.pk)
        change = from_to(before.label, label)
        connector.label = label
        connector.save(update_fields=["label"])
        if change["from"] != label:
            note_act(
                "connector.labelled",
                connector.charge_point,
                by=by,
                now=now,
                connector=connector.number,
                label=change,
            )
        announce("fleet", f"charge-point:{connector.charge_point_id}")


def hash_password(password: str, *, text: bool = False) -> str:
    """Return the hash to keep. Raises Refusal for a password that no charge point could be given.

    A `text` is compared as it is, and its characters are counted (T-025); other ones may be keys of 1.6 (T-024).
    """
    size, unit = (len(password), "characters") if text else (len(password.encode()), "bytes")
    if not PASSWORD_MIN <= size <= PASSWORD_MAX:
        raise Refusal(
            f"a charge point's password has {PASSWORD_MIN} to {PASSWORD_MAX} {unit}; this one has {size}",
            field="password",
        )
    if text:
        return make_password(password.encode().decode("latin-1"), hasher=TEXT_HASHER)
    return make_password(canonical_password(password.encode()), hasher=HASHER)


def has_text_password(charge_point: ChargePoint) -> bool:
    """Whether its passwords are texts and not keys, as in OCPP 2.x (T-025); one that never connected may be of 1.6."""
    return charge_point.protocol in OCPP_2X


# A charge point's password is long and random (T-024: at least 16 bytes) and is checked at every reconnection of
# every charge point, so it needs no million rounds; see `handshake.KnownPasswords` for the memory of good ones.
HASHER, TEXT_HASHER = "charge_point", "charge_point_text"
_HEX_KEY = re.compile(rb"(?:[0-9A-Fa-f]{2}){16,20}")


def canonical_password(password: bytes) -> str:
    """Return one form for the ways in which a key is sent.

    1.6 keys are set as 32 to 40 hex digits and come back as those digits in either case, or as the bytes that they
    stand for (T-024); both become the digits in lower case. Anything else is itself. Passwords of 2.x have one form.
    """
    if _HEX_KEY.fullmatch(password):
        return password.decode().lower()
    return password.decode("latin-1")


def new_password() -> str:
    """Return a password that nobody can guess: 40 hex digits, the longest key that OCPP 1.6 can set (T-024)."""
    return secrets.token_hex(20)


def set_password(charge_point: ChargePoint, password: str, *, by: str, now: datetime) -> None:
    """Set the password that the charge point must present from its next handshake on; empty removes it.

    A change that it was ordered before and has not proven is forgotten. `by` says who did it, for the event.
    """
    password_hash = hash_password(password, text=has_text_password(charge_point)) if password else ""
    with transaction.atomic():
        before = as_stored(charge_point)
        had_one = bool(before.password_hash)
        charge_point.password_hash, charge_point.next_password_hash = password_hash, ""
        # Who need not sign in is bound to no profile.
        charge_point.security_profile = before.security_profile if password else 0
        charge_point.save(update_fields=["password_hash", "next_password_hash", "security_profile"])
        if password or had_one:
            word = "set" if password else "removed"
            _tell_of_password(charge_point, word, by, now)
            note_act(f"credential.{word}", charge_point, by=by, now=now)
        announce(f"charge-point:{charge_point.pk}")


def _tell_of_password(charge_point: ChargePoint, action: str, by: str, now: datetime) -> None:
    record("cp.credential_rotated", charge_point.cp_id, {"action": action, "by": by}, occurred_at=now)


# T-029: a charge point is told its new password over OCPP. Until it says that it has taken it, or signs in with one of
# the two, both count; what it was never told, or refused, is dropped.


def offer_password(charge_point: ChargePoint, password: str) -> None:
    """Let a password that the charge point is about to be told count beside the present one.

    Raises Refusal for a bad password, and while an earlier one is neither taken nor refused for certain: which of
    three it has then nobody could tell.
    """
    next_hash = hash_password(password, text=has_text_password(charge_point))
    offered = ChargePoint.objects.filter(pk=charge_point.pk, next_password_hash="")
    if offered.update(next_password_hash=next_hash) != 1:
        raise Refusal(
            "it has not yet proven whether it took the last change; that shows when it next connects",
            field="password",
        )
    announce(f"charge-point:{charge_point.pk}")


def take_offered_password(charge_point: ChargePoint, *, by: str, now: datetime) -> None:
    """Let only the offered password count, if there is one. `by` says who offered it, for the event."""
    offered = ChargePoint.objects.filter(pk=charge_point.pk).exclude(next_password_hash="")
    with transaction.atomic():
        if offered.update(password_hash=F("next_password_hash"), next_password_hash=""):
            _tell_of_password(charge_point, "set", by, now)
    announce(f"charge-point:{charge_point.pk}")


def drop_offered_password(charge_point_id: int) -> None:
    """Let only the present password count."""
    ChargePoint.objects.filter(pk=charge_point_id).update(next_password_hash="")
    announce(f"charge-point:{charge_point_id}")


def note_sign_in(
    charge_point: ChargePoint, password_hash: str, security_profile: int, *, now: datetime
) -> None:
    """Note with what a charge point has signed in: the proof of its password (T-029) and of its profile (T-037)."""
    offered = charge_point.next_password_hash
    kept_old = bool(offered) and password_hash == charge_point.password_hash
    if offered and password_hash == offered:
        take_offered_password(charge_point, by=charge_point.cp_id, now=now)
    if security_profile > charge_point.security_profile:
        ChargePoint.objects.filter(pk=charge_point.pk).update(security_profile=security_profile)
    if security_profile or kept_old:
        tell(SignedIn(charge_point.pk, charge_point.cp_id, security_profile, not kept_old, now))


def set_security_profile(
    charge_point: ChargePoint, security_profile: int, *, now: datetime, by: str = ""
) -> None:
    """Set the lowest security profile with which the charge point may connect; lowering it is a person's decision."""
    with transaction.atomic():
        change = from_to(as_stored(charge_point).security_profile, security_profile)
        charge_point.security_profile = security_profile
        charge_point.save(update_fields=["security_profile"])
        if change["from"] != security_profile:
            note_act("security_profile.set", charge_point, by=by, now=now, security_profile=change)
        announce(f"charge-point:{charge_point.pk}")


ACTS = {Registration.ACCEPTED: "charge_point.approved", Registration.REJECTED: "charge_point.rejected"}


def set_registration(
    charge_point: ChargePoint, registration: Registration, *, now: datetime, by: str = "", reason: str = ""
) -> bool:
    """Approve or reject a charge point; return whether that changed anything.

    A connected one is told at once: an approved one is asked to boot again, a rejected one is disconnected.
    """
    with transaction.atomic():
        before = as_stored(charge_point).registration
        known = ChargePoint.objects.filter(pk=charge_point.pk)
        changed = known.exclude(registration=registration).update(registration=registration) == 1
        known.exclude(own_registration="").update(own_registration="")  # now it is what was said here
        charge_point.registration, charge_point.own_registration = registration, ""
        if registration == Registration.ACCEPTED:
            _lift_block(charge_point, by=by, now=now)
        if changed:
            APPROVALS.add(registration)
            if registration in ACTS:
                change = from_to(str(before), str(registration))
                note_act(ACTS[registration], charge_point, by=by, now=now, reason=reason, registration=change)
            announce("fleet", f"charge-point:{charge_point.pk}")
            tell_holder(charge_point.pk, "registration")
    return changed


def _lift_block(charge_point: ChargePoint, *, by: str, now: datetime) -> None:
    """Whoever is approved is meant to connect: an older block of its identity is over."""
    folded = charge_point.cp_id.upper()[:255]
    block = Block.objects.select_for_update().filter(kind=Block.Kind.IDENTITY, folded=folded).first()
    if block is not None:
        block.delete()
        note_act("charge_point.unblocked", charge_point, by=by, now=now, before=block.facts())
        announce("refusals")


def retire_charge_point(charge_point: ChargePoint, *, now: datetime, by: str = "") -> bool:
    """Take a charge point out of service for good; its history stays. Return whether it was in service."""
    with transaction.atomic():
        changed = ChargePoint.objects.filter(pk=charge_point.pk, retired_at=None).update(retired_at=now) == 1
        if changed:
            note_act("charge_point.retired", charge_point, by=by, now=now)
            announce("fleet", f"charge-point:{charge_point.pk}")
            tell_holder(charge_point.pk, "registration")
    return changed


def tell_holder(charge_point_id: int, bell: str) -> None:
    """Ring at the process that holds the charge point, if one does, after the commit."""
    process_id = (
        Connection.objects.filter(charge_point_id=charge_point_id, closed_at=None)
        .order_by("-opened_at")
        .values_list("process_id", flat=True)
        .first()
    )
    if process_id is not None:
        ring(process_group(str(process_id)), bell, charge_point=charge_point_id)
