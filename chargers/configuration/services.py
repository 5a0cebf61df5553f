"""What keeps the configuration of charge points: reports, changes that were told, and what is desired."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from chargers.commands.effects import note_effect
from chargers.configuration.models import (
    ConfigurationChange,
    ConfigurationKey,
    ConfigurationReading,
    DesiredValue,
)
from chargers.configuration.selectors import clean, fold, same, speaks_addresses
from chargers.configuration.support import note_profiles
from chargers.device_model.addresses import ADDRESS_MAX, is_address, read_address
from chargers.models import ChargePoint, Command, Connector
from chargers.protocol.redaction import MASK, is_secret
from chargers.services import Refusal, as_stored, from_to, note_act
from csms.core.audit.services import note
from csms.core.events.services import record, record_all
from csms.core.live import announce
from csms.core.writer import current_batch

NAME_MAX, VALUE_MAX = 50, 500  # 1.6, 6.11: CiString50Type and CiString500Type
ATTRIBUTE_MAX = 2500  # 2.0.1, 2.46: characters of the value of an attribute, whose name is an address
KEYS_MAX = 2000  # of one charge point; the longest lists of real ones have some hundred
ATTRIBUTES_MAX = 20_000  # of one charge point of 2.x, whose device model has some thousand
CONNECTORS_MAX = 128  # a charge point that says to have more is not believed


class ReportedKey(TypedDict):
    """A key as a charge point reports it."""

    name: str
    value: str | None
    readonly: bool


class Report(TypedDict):
    """What an answer tells of the configuration, in our words."""

    reported: list[ReportedKey]
    unknown: list[str]
    connectors: int | None
    keys_at_once: int | None
    feature_profiles: list[str] | None
    lacking: dict[str, str] | None
    """Commands of profiles that it does not list -> the profile; None when it told no list."""


# --- what charge points report ----------------------------------------------------------------------------------------


def record_configuration(
    charge_point: ChargePoint, report: Report, *, whole: bool, command_id: UUID, now: datetime
) -> None:
    """Store what a charge point answered when it was asked for keys; `whole` = for all of them."""
    keys = {row.folded: row for row in ConfigurationKey.objects.filter(charge_point=charge_point)}
    seen: list[int] = []
    for told in report["reported"]:
        row = keys.get(fold(told["name"]))
        if row is not None and _is_as_before(row, told):
            seen.append(row.pk)
        elif row is not None or len(keys) < KEYS_MAX:  # an answer may have a key twice, in different case
            keys[fold(told["name"])] = _store(charge_point, row, told, now)
    for name in report["unknown"][:KEYS_MAX]:
        keys[fold(name)] = _store_unknown(charge_point, keys.get(fold(name)), name, now)
    # The first report has hundreds, and one statement for each would let all others wait.
    ConfigurationKey.objects.bulk_create([row for row in keys.values() if row._state.adding], batch_size=500)
    ConfigurationKey.objects.filter(pk__in=seen).update(reported_at=now)
    _store_reading(charge_point, report, whole, now)
    if report["connectors"] is not None:
        _discover_connectors(charge_point, report["connectors"])
    if report["lacking"] is not None:
        note_profiles(charge_point, report["lacking"])
    announce(f"charge-point:{charge_point.pk}")


def _kept(told: ReportedKey) -> str | None:
    # T-028: a charge point should not tell its secrets, and if it does they are not stored.
    return None if told["value"] is None or is_secret(told["name"]) else clean(told["value"])


def _is_as_before(row: ConfigurationKey, told: ReportedKey) -> bool:
    return (
        row.told_by is None
        and row.known
        and (row.value, row.readonly, row.name) == (_kept(told), told["readonly"], told["name"].strip()[:255])
    )


def _store(
    charge_point: ChargePoint, row: ConfigurationKey | None, told: ReportedKey, now: datetime
) -> ConfigurationKey:
    """Return the row of a key as it was reported, stored unless it is new."""
    name, value = told["name"].strip()[:255], _kept(told)
    if row is None:
        row = ConfigurationKey(charge_point=charge_point, folded=fold(name))
    took = row.told_value is not None and value is not None and same(value, row.told_value)
    known_before = not row._state.adding
    if known_before and value != row.value and not is_secret(name):
        change = Change(name, row.value, value, row.told_by if took else None)
        record_changes(charge_point, [change], now)
    row.name, row.value, row.readonly, row.known, row.reported_at = name, value, told["readonly"], True, now
    if row.told_by is not None and not row.needs_reboot:
        _note_read_back(row, took, now)
        row.told_by = row.told_value = None
    if known_before:
        row.save()
    return row


def _note_read_back(row: ConfigurationKey, took: bool, now: datetime) -> None:
    # C2, C11: that it took a value is not that it has it.
    command = Command.objects.filter(pk=row.told_by).first() if row.told_by else None
    if command is not None and row.value is not None:
        text = f"It now reports {row.value!r}." if took else f"It reports {row.value!r} instead."
        note_effect(command, text, kind="configuration", now=now)


def _store_unknown(
    charge_point: ChargePoint, row: ConfigurationKey | None, name: str, now: datetime
) -> ConfigurationKey:
    """Return the row of a key that is not known there, stored unless it is new."""
    if row is None:
        row = ConfigurationKey(charge_point=charge_point, folded=fold(name), name=name.strip()[:255])
    elif row.known and row.value is not None:
        record_changes(charge_point, [Change(row.name, row.value, None)], now)
    row.value, row.readonly, row.known, row.reported_at = None, None, False, now
    if not row._state.adding:
        row.save()
    return row


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that changed its value, and by which command, if by one; of a `secret` one the values are None."""

    name: str
    old: str | None
    new: str | None
    command_id: UUID | None = None
    secret: bool = False


def record_changes(charge_point: ChargePoint, changes: Sequence[Change], now: datetime) -> None:
    """Keep what changed, and tell the world, in few statements."""
    ConfigurationChange.objects.bulk_create(
        [
            ConfigurationChange(
                charge_point=charge_point,
                name=one.name,
                old_value=one.old,
                new_value=one.new,
                at=now,
                command_id=one.command_id,
            )
            for one in changes
        ],
        batch_size=500,
    )
    facts = [
        {
            "key": one.name,
            "old_value": one.old,
            "new_value": one.new,
            "command_id": str(one.command_id) if one.command_id else None,
            "secret": one.secret,
        }
        for one in changes
    ]
    if current_batch() is None:
        record_all("cp.configuration", [(charge_point.cp_id, fact) for fact in facts], occurred_at=now)
    else:  # the writer collects them with those of all other messages
        for fact in facts:
            record("cp.configuration", charge_point.cp_id, fact, occurred_at=now)


def _store_reading(charge_point: ChargePoint, report: Report, whole: bool, now: datetime) -> None:
    values: dict[str, Any] = {"read_at": now} if whole else {}
    if report["keys_at_once"] is not None:
        values["keys_at_once"] = report["keys_at_once"]
    if report["feature_profiles"] is not None:
        values["feature_profiles"] = report["feature_profiles"]
    if values:
        ConfigurationReading.objects.update_or_create(charge_point=charge_point, defaults=values)


def _discover_connectors(charge_point: ChargePoint, number: int) -> None:
    """S16-24: connectors are numbered from 1 without gaps; one that has not reported yet is there all the same."""
    there = set(Connector.objects.filter(charge_point=charge_point).values_list("number", flat=True))
    if not 0 < number <= CONNECTORS_MAX or not set(range(1, number + 1)) - there:
        return
    Connector.objects.bulk_create(
        [Connector(charge_point=charge_point, number=n) for n in range(1, number + 1) if n not in there],
        ignore_conflicts=True,
    )
    announce("fleet")


def forget_other_versions(charge_point_id: int, *, addressed: bool) -> None:
    """Note that a charge point speaks another version now: what the other one calls otherwise is not known there.

    `addressed` = its settings are attributes of variables from now on. History and what is desired stay. Idempotent.
    """
    keys = ConfigurationKey.objects.filter(charge_point_id=charge_point_id, known=True)
    others = keys.filter(attribute="") if addressed else keys.exclude(attribute="")
    others.update(known=False, told_value=None, told_by=None, needs_reboot=False, refused_value=None)


def note_restart(charge_point_id: int) -> bool:
    """Note that what waited for a restart of a charge point counts now; return whether anything did. Idempotent."""
    waited = ConfigurationKey.objects.filter(charge_point_id=charge_point_id, needs_reboot=True)
    return waited.update(needs_reboot=False) > 0


# --- changes that were told -------------------------------------------------------------------------------------------


def note_change(command: Command, key: str, value: str | None, *, reboot: bool, now: datetime) -> None:
    """Note that a charge point took a change; `value` is None for a secret. What it reports then is read back."""
    row = _row_of(command, key)
    row.known, row.needs_reboot, row.refused_value = True, reboot, None
    if value is None:
        change = Change(row.name, None, None, command.pk, secret=True)
        record_changes(command.charge_point, [change], now)
        row.set_at = now
    else:
        row.told_value, row.told_by = value, command.pk
    row.save()
    announce(f"charge-point:{command.charge_point_id}")


def note_refused_change(command: Command, key: str, value: str | None, *, known: bool, now: datetime) -> None:
    """Note that a charge point refused a change, or (`known` false) does not know the key."""
    row = _row_of(command, key)
    if known:
        row.refused_value = value
    else:
        row.known, row.reported_at = False, now
    row.save()
    announce(f"charge-point:{command.charge_point_id}")


def _row_of(command: Command, key: str) -> ConfigurationKey:
    address = read_address(key) if speaks_addresses(command.charge_point) else None
    row, _ = ConfigurationKey.objects.get_or_create(
        charge_point=command.charge_point,
        folded=fold(key),
        defaults={"name": key.strip()[:255], "attribute": address.attribute if address else ""},
    )
    return row


# --- what is desired --------------------------------------------------------------------------------------------------


def _checked(values: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    wishes: dict[str, tuple[str, str]] = {}
    for name, value in values.items():
        folded = fold(name)
        if is_address(name):
            if read_address(name) is None or len(name.strip()) > ADDRESS_MAX:
                raise Refusal(f"{name!r} is no address of a variable", field="values")
        elif not folded or len(name.strip()) > NAME_MAX:
            raise Refusal(f"the name of a key has 1 to {NAME_MAX} characters: {name!r}", field="values")
        most = ATTRIBUTE_MAX if is_address(name) else VALUE_MAX
        if len(value.strip()) > most:
            raise Refusal(f"{name}: a value has at most {most} characters", field="values")
        if is_secret(folded):
            raise Refusal(f"{name} is a secret, which is set but not kept", field="values")
        if folded in wishes:
            raise Refusal(f"{name} is there twice; the case of letters does not count", field="values")
        wishes[folded] = (name.strip(), value.strip())
    return wishes


def _as_said(rows: Iterable[DesiredValue]) -> dict[str, str]:
    return {row.name: row.value for row in rows}


def _kept_apart(rows: Iterable[DesiredValue]) -> dict[str, tuple[str, str]]:
    return {row.name: (row.value, row.sealed) for row in rows}


def _seal(wishes: Sequence[DesiredValue], before: Iterable[DesiredValue], blind: Collection[str]) -> None:
    """Seal the values of what can only be set, and keep those that come back as they are shown. Raises Refusal."""
    known = {row.folded: row for row in before if row.sealed}
    for wish in wishes:
        shown = known.get(wish.folded)
        if shown is not None and wish.value == MASK:
            wish.value, wish.sealed, wish.by, wish.at = MASK, shown.sealed, shown.by, shown.at
        elif wish.folded in blind and wish.value == MASK:
            raise Refusal(f"{wish.name}: {MASK} stands for a secret, and none is known", field="values")
        elif shown is not None or wish.folded in blind:
            wish.seal()


def _blind(wishes: Iterable[DesiredValue], **where: Any) -> set[str]:
    """Return, folded, which of these some of the charge points say can only be set."""
    folded = [wish.folded for wish in wishes]
    write_only = ConfigurationKey.Mutability.WRITE_ONLY
    keys = ConfigurationKey.objects.filter(mutability=write_only, folded__in=folded, **where)
    return set(keys.values_list("folded", flat=True))


def seal_desired(charge_point: ChargePoint, folded: Collection[str]) -> None:
    """Seal what is desired of settings of which is known since now that they can only be set. Idempotent."""
    of_model = Q(charge_point=None, vendor=charge_point.vendor, model=charge_point.model)
    theirs = DesiredValue.objects.filter(
        Q(charge_point=charge_point) | of_model, folded__in=folded, sealed=""
    )
    for wish in theirs.select_for_update():
        wish.seal()
        wish.save(update_fields=["value", "sealed"])


def _replace(rows: Any, wishes: Iterable[DesiredValue]) -> None:
    with transaction.atomic():
        rows.delete()
        DesiredValue.objects.bulk_create(wishes)


def desire_of_charge_point(
    charge_point: ChargePoint, values: Mapping[str, str], *, by: str, now: datetime
) -> None:
    """Replace what is desired of a charge point itself. Idempotent. Raises Refusal for a bad name or value."""
    wishes = [
        DesiredValue(charge_point=charge_point, folded=folded, name=name, value=value, by=by[:150], at=now)
        for folded, (name, value) in _checked(values).items()
    ]
    own = DesiredValue.objects.filter(charge_point=charge_point)
    with transaction.atomic():
        as_stored(charge_point)  # nothing may be desired yet that could be locked
        before = list(own)
        _seal(wishes, before, _blind(wishes, charge_point=charge_point))
        _replace(own, wishes)
        if _kept_apart(before) != _kept_apart(wishes):
            change = from_to(_as_said(before), _as_said(wishes))
            note_act("desired_configuration.set", charge_point, by=by, now=now, values=change)
    announce(f"charge-point:{charge_point.pk}")


def desire_of_model(vendor: str, model: str, values: Mapping[str, str], *, by: str, now: datetime) -> None:
    """Replace what is desired of all charge points of a model. Idempotent. Raises Refusal for a bad name or value."""
    wishes = [
        DesiredValue(vendor=vendor, model=model, folded=folded, name=name, value=value, by=by[:150], at=now)
        for folded, (name, value) in _checked(values).items()
    ]
    theirs = DesiredValue.objects.filter(charge_point=None, vendor=vendor, model=model)
    with transaction.atomic():
        before = list(theirs.select_for_update())
        of_model = {"charge_point__vendor": vendor, "charge_point__model": model}
        _seal(wishes, before, _blind(wishes, **of_model))
        _replace(theirs, wishes)
        if by and _kept_apart(before) != _kept_apart(wishes):  # without, the house did it by itself
            note(
                "desired_configuration.set",
                by=by,
                subject_type="model",
                subject=f"{vendor} {model}",
                now=now,
                values=from_to(_as_said(before), _as_said(wishes)),
            )
    announce("fleet")
