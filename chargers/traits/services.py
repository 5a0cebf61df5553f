"""What changes traits and aliases; open connections get the new values without reconnecting."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Upper

from chargers.following import Booted
from chargers.models import ChargePoint, Process
from chargers.protocol.versions import IdentityError, identity_from_path
from chargers.services import Refusal, as_stored, find_charge_point, from_to, note_act, tell_holder
from chargers.traits.models import ChargePointTraits, IdentityAlias, ModelTraits
from chargers.traits.selectors import charge_point_of_alias, forget_rules
from chargers.traits.values import BadTrait, checked
from csms.core.audit.services import note as note_any
from csms.core.events.services import record
from csms.core.live import announce, process_group, ring
from csms.core.writer import after_commit

BELL = "traits"


def _checked(traits: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return checked(traits)
    except BadTrait as error:
        raise Refusal(error.text, field=error.field or "traits") from error


def set_charge_point_traits(
    charge_point: ChargePoint, traits: Mapping[str, Any], *, note: str = "", now: datetime, by: str = ""
) -> ChargePointTraits:
    """Say what is peculiar to one charge point, in place of what was said before. Raises Refusal."""
    values = _checked(traits)
    with transaction.atomic():
        before = _said_of(charge_point)
        row, made = ChargePointTraits.objects.update_or_create(
            charge_point=charge_point, defaults={"traits": values, "note": note, "changed_at": now}
        )
        if made or before != (values, note):
            change = from_to(before[0], values)
            note_act("traits.set", charge_point, by=by, now=now, reason=note, traits=change)
        _tell_one(charge_point, values, now)
    return row


def _said_of(charge_point: ChargePoint) -> tuple[dict[str, Any], str]:
    """Return what is said of a charge point, and the note on it; nobody else changes it in this transaction."""
    as_stored(charge_point)  # of which there may be no traits yet that could be locked
    row = ChargePointTraits.objects.filter(charge_point=charge_point).first()
    return (dict(row.traits), row.note) if row is not None else ({}, "")


def remove_charge_point_traits(charge_point: ChargePoint, *, now: datetime, by: str = "") -> bool:
    """Forget what was said of one charge point; return whether anything was."""
    with transaction.atomic():
        before, _ = _said_of(charge_point)
        removed, _ = ChargePointTraits.objects.filter(charge_point=charge_point).delete()
        if removed:
            note_act("traits.removed", charge_point, by=by, now=now, traits=from_to(before, {}))
            _tell_one(charge_point, None, now)
    return removed > 0


def _tell_one(charge_point: ChargePoint, values: Mapping[str, Any] | None, now: datetime) -> None:
    record("cp.traits", charge_point.cp_id, {"traits": values}, occurred_at=now)
    announce(f"charge-point:{charge_point.pk}")
    tell_holder(charge_point.pk, BELL)


def set_model_traits(
    vendor: str,
    model: str = "*",
    firmware: str = "*",
    *,
    traits: Mapping[str, Any],
    note: str = "",
    now: datetime,
    by: str = "",
) -> ModelTraits:
    """Say what is peculiar to all charge points whose boot fits these patterns. Raises Refusal."""
    patterns = {"vendor": vendor.strip(), "model": model.strip(), "firmware": firmware.strip()}
    for name, pattern in patterns.items():
        if not pattern:
            raise Refusal("a pattern is not empty; `*` stands for any text", field=name)
    values = {"traits": _checked(traits), "note": note, "changed_at": now}
    with transaction.atomic():
        same = {f"{name}__iexact": pattern for name, pattern in patterns.items()}
        known = ModelTraits.objects.select_for_update().filter(**same).first()
        before = (known.traits, known.note) if known is not None else None
        row, _ = ModelTraits.objects.update_or_create(
            **same, defaults=values, create_defaults=values | patterns
        )
        if before != (row.traits, note):
            change = from_to(before[0] if before is not None else {}, row.traits)
            _note_model("model_traits.set", row, by, now, reason=note, traits=change)
        _tell_all(row, row.traits, now)
    return row


def _note_model(action: str, row: ModelTraits, by: str, now: datetime, reason: str, **details: Any) -> None:
    if by:
        subject = f"{row.vendor} {row.model} {row.firmware}"
        note_any(action, by=by, subject_type="model", subject=subject, now=now, reason=reason, **details)


def remove_model_traits(row: ModelTraits, *, now: datetime, by: str = "") -> None:
    """Forget what was said of a model."""
    with transaction.atomic():
        _note_model("model_traits.removed", row, by, now, reason="", traits=row.traits)
        _tell_all(row, None, now)
        row.delete()


def _tell_all(row: ModelTraits, values: Mapping[str, Any] | None, now: datetime) -> None:
    patterns = {"vendor": row.vendor, "model": row.model, "firmware": row.firmware}
    record("model.traits", "", {**patterns, "traits": values}, occurred_at=now)
    forget_rules()
    after_commit(forget_rules)  # what was read in between was the old state
    for process_id in Process.objects.filter(ended_at=None).values_list("pk", flat=True):
        ring(process_group(str(process_id)), BELL)


def follow_boot(booted: Booted) -> None:
    """Another model or firmware has other traits."""
    if booted.changes.keys() & {"vendor", "model", "firmware_version"}:
        tell_holder(booted.charge_point_id, BELL)


# --- aliases ----------------------------------------------------------------------------------------------------------


def check_alias(charge_point: ChargePoint, identity: str) -> None:
    """Raise Refusal for an identity that is bad, or taken by another charge point."""
    try:
        identity_from_path(quote(identity, safe=""))
    except IdentityError as error:
        raise Refusal(str(error), field="identity") from error
    known = find_charge_point(identity)
    if known is not None and known.retired_at is None:
        # Its first connection under this identity may have made one; its history stays there.
        raise Refusal(f"{known} is a charge point itself; retire that one first", field="identity")
    other = charge_point_of_alias(identity)
    if other is not None and other.pk != charge_point.pk:
        raise Refusal(f"it is an alias of {other} already", field="identity")


def add_alias(charge_point: ChargePoint, identity: str, *, now: datetime, by: str = "") -> IdentityAlias:
    """Let the charge point connect under another identity, too; idempotent. Raises Refusal."""
    check_alias(charge_point, identity)
    with transaction.atomic():
        alias, made = IdentityAlias.objects.get_or_create(
            identity__iexact=identity,
            defaults={"identity": identity, "charge_point": charge_point, "created_at": now},
        )
        if made:
            note_act("alias.added", charge_point, by=by, now=now, identity=identity)
            record("cp.alias", charge_point.cp_id, {"identity": identity, "added": True}, occurred_at=now)
    return alias


def remove_alias(alias: IdentityAlias, *, now: datetime, by: str = "") -> None:
    """Let nobody connect under this identity any more; an open connection stays open."""
    with transaction.atomic():
        cp_id = alias.charge_point.cp_id
        note_act("alias.removed", alias.charge_point, by=by, now=now, identity=alias.identity)
        record("cp.alias", cp_id, {"identity": alias.identity, "added": False}, occurred_at=now)
        alias.delete()


def alias_of(charge_point: ChargePoint, identity: str) -> IdentityAlias | None:
    """Return the alias of a charge point; case does not matter."""
    folded = charge_point.aliases.alias(folded=Upper("identity")).filter(folded=Upper(Value(identity)))
    found: IdentityAlias | None = folded.first()
    return found
