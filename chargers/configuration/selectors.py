"""What charge points are set to beside what is desired, and the history of both."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet

from chargers.configuration.models import (
    BootReport,
    ConfigurationChange,
    ConfigurationKey,
    ConfigurationReading,
    DesiredValue,
)
from chargers.device_model.models import Variable
from chargers.models import ChargePoint
from chargers.protocol.redaction import is_secret
from chargers.protocol.times import parse_time
from chargers.protocol.versions import OCPP_2X

WRITE_ONLY = ConfigurationKey.Mutability.WRITE_ONLY


class Drift(models.TextChoices):
    """How a key stands to what is desired."""

    NOT_DESIRED = "", "Nothing is desired"
    IN_SYNC = "in_sync", "As desired"
    DIFFERS = "differs", "Differs"
    READONLY = "readonly", "Differs, and is read-only"
    REJECTED = "rejected", "Differs, and the change was refused"
    NOT_SUPPORTED = "not_supported", "The charge point does not know the key"
    NEEDS_REBOOT = "needs_reboot", "Changed; counts after the next boot"
    SET = "set", "Was set; it cannot be read"
    UNKNOWN = "unknown", "Has not been reported"


@dataclass(frozen=True, slots=True)
class KeyState:
    """A key of a charge point: what it reported, what is desired, and how the two stand."""

    name: str
    value: str | None
    readonly: bool | None
    known: bool
    reported_at: datetime | None
    desired: str | None
    desired_of: str
    """"charge_point", "model" or ""."""
    drift: Drift
    mutability: str = ""
    """In OCPP's words; "" in 1.6, and while it was not told."""
    variable: Variable | None = None
    """What was told of the values that it takes; None in 1.6, and while nothing was."""
    to_set: str | None = field(default=None, repr=False)
    """What is desired, also where nobody may see that; None where nothing is, or it cannot be unsealed."""
    blind: bool = False
    """Whether nobody may see what it is set to: it can only be set, or another of its model says that of its own."""


def secret_names(charge_point_id: int, names: Iterable[str]) -> set[str]:
    """Return, folded, which of these have values that nobody may see: by their name, or since they can only be set."""
    folded = {fold(name) for name in names}
    blind = ConfigurationKey.objects.filter(
        charge_point_id=charge_point_id,
        folded__in=folded,
        mutability=WRITE_ONLY,
    )
    return {name for name in folded if is_secret(name)} | set(blind.values_list("folded", flat=True))


def speaks_addresses(charge_point: ChargePoint) -> bool:
    """Return whether its settings are attributes of variables, named by addresses, as from OCPP 2.0.1 on."""
    return charge_point.protocol in OCPP_2X


def fold(name: str) -> str:
    """Return the name as keys are compared: without regard to case (CiString) and surrounding blanks."""
    return name.strip().casefold()[:255]


def clean(value: str) -> str:
    """Return a value without the blanks and quotes in which some charge points wrap it."""
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1].strip()
    return value


def same(one: str, other: str, data_type: str = "") -> bool:
    """Whether two values mean the same, by OCPP 2.x's word for their type.

    Without one, `True` is `true`, and blanks between parts of a list say nothing.
    """
    match data_type:
        case "string":
            return one.strip() == other.strip()
        case "MemberList":
            return set(_plain(one)) == set(_plain(other))
        case "integer" | "decimal" if (number := _number(one)) is not None:
            return number == _number(other)
        case "dateTime" if (moment := parse_time(one.strip())) is not None:
            return moment == parse_time(other.strip())
    return _plain(one) == _plain(other)


def _plain(value: str) -> list[str]:
    return [part.strip() for part in clean(value).casefold().split(",")]


def _number(value: str) -> Decimal | None:
    try:
        number = Decimal(clean(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def desired_values(charge_point: ChargePoint) -> dict[str, DesiredValue]:
    """Return what is desired of a charge point, by folded name; its own goes before that of its model."""
    of_model = Q(charge_point=None, vendor=charge_point.vendor, model=charge_point.model)
    rows = DesiredValue.objects.filter(Q(charge_point=charge_point) | of_model)
    ordered = sorted(rows, key=lambda row: row.charge_point_id is not None)
    return {row.folded: row for row in ordered}


def configuration(charge_point: ChargePoint) -> list[KeyState]:
    """Return every key that a charge point reported or that is desired of it, by name."""
    rows = ConfigurationKey.objects.filter(charge_point=charge_point)
    if speaks_addresses(charge_point):
        rows = rows.select_related("variable")
    keys = {row.folded: row for row in rows}
    desired = desired_values(charge_point)
    return [_state(keys.get(name), desired.get(name)) for name in sorted(keys.keys() | desired.keys())]


def _state(key: ConfigurationKey | None, wish: DesiredValue | None) -> KeyState:
    of = "" if wish is None else "model" if wish.charge_point_id is None else "charge_point"
    return KeyState(
        name=key.name if key is not None else wish.name if wish is not None else "",
        value=key.value if key is not None else None,
        readonly=key.readonly if key is not None else None,
        known=key is None or key.known,
        reported_at=key.reported_at if key is not None else None,
        desired=None if wish is None else wish.value,
        desired_of=of,
        drift=_drift(key, wish),
        mutability=key.mutability if key is not None else "",
        variable=key.variable if key is not None else None,
        to_set=None if wish is None else wish.wanted,
        blind=(key is not None and key.mutability == WRITE_ONLY) or (wish is not None and wish.sealed != ""),
    )


def _drift(key: ConfigurationKey | None, wish: DesiredValue | None) -> Drift:
    if wish is None:
        return Drift.NOT_DESIRED
    if key is None:
        return Drift.UNKNOWN
    if not key.known:
        return Drift.NOT_SUPPORTED
    wanted = wish.wanted
    if wanted is None:
        return Drift.UNKNOWN
    kind = key.variable.data_type if key.variable is not None else ""
    if key.needs_reboot and key.told_value is not None and same(key.told_value, wanted, kind):
        return Drift.NEEDS_REBOOT
    if key.value is None and key.set_at is not None and (key.mutability == WRITE_ONLY or wish.sealed):
        return Drift.SET if key.set_at >= wish.at else Drift.UNKNOWN
    if key.value is not None and same(key.value, wanted, kind):
        return Drift.IN_SYNC
    if key.readonly:
        return Drift.READONLY
    if key.refused_value is not None and same(key.refused_value, wanted, kind):
        return Drift.REJECTED
    return Drift.UNKNOWN if key.value is None else Drift.DIFFERS


def needs_reboot(charge_point: ChargePoint) -> bool:
    """Return whether a change that the charge point took counts only after its next boot."""
    return ConfigurationKey.objects.filter(charge_point=charge_point, needs_reboot=True).exists()


def reading(charge_point: ChargePoint) -> ConfigurationReading | None:
    """Return when and how the configuration was read; None before anything was."""
    return ConfigurationReading.objects.filter(charge_point=charge_point).first()


def changes(charge_point: ChargePoint) -> QuerySet[ConfigurationChange]:
    """Return what changed in the configuration of a charge point."""
    return ConfigurationChange.objects.filter(charge_point=charge_point)


def boots(charge_point: ChargePoint) -> QuerySet[BootReport]:
    """Return the boots that told other facts than the one before."""
    return BootReport.objects.filter(charge_point=charge_point)


def is_sealed(charge_point: ChargePoint, name: str) -> bool:
    """Return whether what is desired of a setting is kept as what nobody may see."""
    of_model = Q(charge_point=None, vendor=charge_point.vendor, model=charge_point.model)
    rows = DesiredValue.objects.filter(Q(charge_point=charge_point) | of_model, folded=fold(name))
    return rows.exclude(sealed="").exists()


def wishes_of_model(vendor: str, model: str) -> dict[str, str]:
    """Return what is desired of a model: key -> value."""
    rows = DesiredValue.objects.filter(charge_point=None, vendor=vendor, model=model)
    return {row.name: row.value for row in rows}


def wishes_of_models(models: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, str]]:
    """Return what is desired of models, by vendor and model. One query."""
    found: dict[tuple[str, str], dict[str, str]] = {model: {} for model in models}
    vendors, names = {vendor for vendor, _ in found}, {name for _, name in found}
    # Of each vendor every one of the names may be among them, and is left out if it was not asked for.
    rows = DesiredValue.objects.filter(charge_point=None, vendor__in=vendors, model__in=names)
    for row in rows.order_by("folded"):
        if (row.vendor, row.model) in found:
            found[row.vendor, row.model][row.name] = row.value
    return found


def models_with_wishes() -> QuerySet[DesiredValue]:
    """Return one row for each model of which something is desired."""
    earlier = DesiredValue.objects.filter(
        charge_point=None, vendor=OuterRef("vendor"), model=OuterRef("model"), pk__lt=OuterRef("pk")
    )
    return DesiredValue.objects.filter(~Exists(earlier), charge_point=None)


def read_number(text: str | None) -> int | None:
    """Return the whole number in a value, without the blanks and quotes round it; None if there is none."""
    found = re.fullmatch(r'[\s"\']*([0-9]{1,9})[\s"\']*', text or "")
    return int(found[1]) if found else None


def reported_number(charge_point_id: int, key: str) -> int | None:
    """Return the whole number that a charge point last reported as the value of a key; None if it did not."""
    return read_number(reported_value(charge_point_id, key))


def reported_value(charge_point_id: int, key: str) -> str | None:
    """Return what a charge point last reported as the value of a key; None where it did not, or is not to be kept."""
    return reported_values(charge_point_id, [key])[0]


def reported_values(charge_point_id: int, keys: Sequence[str]) -> list[str | None]:
    """Return the same of several keys, in their order. One query."""
    folded = [fold(key) for key in keys]
    rows = ConfigurationKey.objects.filter(charge_point_id=charge_point_id, folded__in=folded)
    values = {name: clean(value) for name, value in rows.values_list("folded", "value") if value is not None}
    return [values.get(name) for name in folded]
