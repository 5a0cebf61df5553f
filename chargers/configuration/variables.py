"""What charge points of OCPP 2.x are set to: the values of their variables, each under its address."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chargers.commands.effects import note_effect
from chargers.configuration.models import ConfigurationKey
from chargers.configuration.selectors import fold, same
from chargers.configuration.services import ATTRIBUTES_MAX, Change, record_changes, seal_desired
from chargers.device_model.addresses import ACTUAL, read_address
from chargers.device_model.models import Variable
from chargers.models import ChargePoint, Command
from chargers.protocol.redaction import is_secret
from csms.core.live import announce
from csms.core.upserts import AT_ONCE, upsert

Mutability = ConfigurationKey.Mutability
UNIQUE = ("charge_point", "folded")


@dataclass(frozen=True, slots=True)
class Told:
    """What a charge point told of one attribute; None where it told nothing."""

    name: str
    """Its address, as `str(Address)` writes it."""
    value: str | None
    variable: Variable | None = None
    mutability: str | None = None
    persistent: bool | None = None
    constant: bool | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of values that were told: how many found no room, and how many are not there any more."""

    left_out: int
    gone: int


def record_values(
    charge_point: ChargePoint,
    told: Iterable[Told],
    *,
    unknown: Collection[str] = (),
    whole: bool = False,
    now: datetime,
) -> Kept:
    """Store what a charge point told of its variables; `unknown` = addresses that it does not know.

    If it told the `whole` of them, what is missing there is not known there any more (S2-51). Idempotent.
    """
    latest = {fold(one.name): one for one in told}
    missing = {fold(name): name for name in unknown if fold(name) not in latest}
    rows = _rows(charge_point, None if whole else [*latest, *missing])
    if whole:
        missing |= {
            row.folded: row.name for row in rows.values() if row.attribute and row.folded not in latest
        }
    gone = sum(rows[folded].known for folded in missing if folded in rows)
    room = ATTRIBUTES_MAX - ConfigurationKey.objects.filter(charge_point=charge_point).count()
    book = _Book(charge_point, now)
    for folded, one in latest.items():
        book.take(rows.get(folded) or _new_row(charge_point, one.name), one)
    for folded, name in missing.items():
        book.miss(rows.get(folded) or _new_row(charge_point, name))
    left_out = book.keep(room)
    announce(f"charge-point:{charge_point.pk}")
    return Kept(left_out, gone)


def stop_waiting(charge_point: ChargePoint, names: Collection[str]) -> None:
    """Note that what was changed cannot be read back: the charge point keeps these to itself. Idempotent."""
    waits = ConfigurationKey.objects.filter(
        charge_point=charge_point, folded__in=[fold(name) for name in names]
    )
    waits.filter(needs_reboot=False).update(told_by=None, told_value=None)


def _rows(charge_point: ChargePoint, names: list[str] | None) -> dict[str, ConfigurationKey]:
    keys = ConfigurationKey.objects.filter(charge_point=charge_point).select_related("variable")
    if names is None:
        return {row.folded: row for row in keys}
    return {
        row.folded: row
        for n in range(0, len(names), AT_ONCE)
        for row in keys.filter(folded__in=names[n : n + AT_ONCE])
    }


def _new_row(charge_point: ChargePoint, name: str) -> ConfigurationKey:
    return ConfigurationKey(charge_point=charge_point, name=name, folded=fold(name))


REPORTED = (
    "name",
    "variable",
    "attribute",
    "mutability",
    "readonly",
    "persistent",
    "constant",
    "value",
    "known",
    "reported_at",
)
ORDERED = ("told_value", "told_by", "needs_reboot")
"""What is known of a change that was told. Where a report says nothing new of it, it is not written: the change may
have been answered while the report was taken over."""
COMPARED = (*(name for name in REPORTED if name not in ("variable", "reported_at")), "variable_id")


class _Book:
    """Rows as one message changes them, stored together in the end."""

    def __init__(self, charge_point: ChargePoint, now: datetime) -> None:
        self.charge_point = charge_point
        self.now = now
        self.new: list[ConfigurationKey] = []
        self.changed: list[ConfigurationKey] = []
        self.settled: list[ConfigurationKey] = []
        self.same: list[int] = []
        self.history: list[Change] = []
        self.blind: list[str] = []
        self.read_back: dict[UUID, list[tuple[str, str, bool]]] = defaultdict(list)

    def take(self, row: ConfigurationKey, told: Told) -> None:
        """Set what was told of an attribute."""
        before, old, fresh = _state(row), row.value, row._state.adding
        blind = row.mutability == Mutability.WRITE_ONLY
        row.name, row.variable = told.name, told.variable or row.variable
        row.known = True
        if told.mutability is not None:
            row.mutability, row.persistent, row.constant = told.mutability, told.persistent, told.constant
            row.readonly = told.mutability == Mutability.READ_ONLY
        secret = is_secret(row.name) or row.mutability == Mutability.WRITE_ONLY
        row.value = None if secret else told.value
        if row.mutability == Mutability.WRITE_ONLY and not blind:
            self.blind.append(row.folded)
        if not fresh and not secret and row.value != old and row.mutability != Mutability.READ_ONLY:
            # What the charge point alone sets, such as a temperature, has no history here.
            by = row.told_by if self._took(row) else None
            self.history.append(Change(row.name, old, row.value, by))
        if row.told_by is not None and not row.needs_reboot and row.value is not None:
            self.read_back[row.told_by].append((row.name, row.value, self._took(row)))
            row.told_by = row.told_value = None
        self._sort(row, before)

    def miss(self, row: ConfigurationKey) -> None:
        """Note that an attribute is not known there."""
        before = _state(row)
        if row.known and row.value is not None and row.mutability != Mutability.READ_ONLY:
            self.history.append(Change(row.name, row.value, None))
        row.known, row.value, row.told_by, row.told_value, row.needs_reboot = False, None, None, None, False
        self._sort(row, before)

    def _sort(self, row: ConfigurationKey, before: tuple[list[object], list[object]]) -> None:
        address = read_address(row.name)
        row.attribute = ACTUAL if address is None else address.attribute
        row.reported_at = self.now
        reported, ordered = _state(row)
        if row._state.adding:
            self.new.append(row)
        elif ordered != before[1]:
            self.settled.append(row)
        elif reported != before[0]:
            self.changed.append(row)
        else:
            self.same.append(row.pk)

    @staticmethod
    def _took(row: ConfigurationKey) -> bool:
        kind = row.variable.data_type if row.variable else ""
        return row.told_value is not None and row.value is not None and same(row.value, row.told_value, kind)

    def keep(self, room: int) -> int:
        """Store it all in few statements; return how many new ones found no room."""
        upsert([*self.new[: max(room, 0)], *self.changed], unique=UNIQUE, update=REPORTED)
        upsert(self.settled, unique=UNIQUE, update=(*REPORTED, *ORDERED))
        if self.blind:
            seal_desired(self.charge_point, self.blind)
        if self.history:
            record_changes(self.charge_point, self.history, self.now)
        for n in range(0, len(self.same), AT_ONCE):
            ConfigurationKey.objects.filter(pk__in=self.same[n : n + AT_ONCE]).update(reported_at=self.now)
        for command in Command.objects.filter(pk__in=self.read_back):
            note_effect(command, _seen(self.read_back[command.pk]), kind="configuration", now=self.now)
        return len(self.new) - max(min(len(self.new), room), 0)


def _state(row: ConfigurationKey) -> tuple[list[object], list[object]]:
    return [getattr(row, name) for name in COMPARED], [getattr(row, name) for name in ORDERED]


def _seen(read_back: list[tuple[str, str, bool]]) -> str:
    """Say what was read back after a change: that it took a value is not that it has it (C2, C11)."""
    if len(read_back) == 1:
        [(_, value, took)] = read_back
        return f"It now reports {value!r}." if took else f"It reports {value!r} instead."
    others = [f"{name} {value!r}" for name, value, took in read_back if not took]
    if not others:
        return f"It now reports all {len(read_back)} values."
    return f"Of {len(read_back)} values it reports others: {', '.join(others[:10])}."
