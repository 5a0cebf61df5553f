"""The deviation ledger: what charge points do otherwise than the standard, counted by model and firmware.

Counted in memory, by the writer's thread and after the commit; stored now and then, with what was counted meanwhile.
The raw frame is in the frame log, and each entry names an example.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast

from django.db import connection
from django.db.models import Count, Field
from prometheus_client import Counter

from chargers.models import ChargePoint
from chargers.traits.models import Deviation
from chargers.traits.selectors import Make
from csms.core.writer import after_commit

DEVIATIONS = Counter("csms_ocpp_deviations_total", "Deviations from the standard.", ["rule"])
RULES_SHOWN = 64  # series of that counter; further rules share one

PENDING_MAX = 50_000  # kinds that wait in memory, each of one charge point
STORED_AT_ONCE = 5000
KINDS_MAX = 300  # of one make; whoever invents more shares one entry
ROWS_MAX = 20_000
OTHER = "other deviations, too many to list"


class Kind(NamedTuple):
    """One kind of deviation of one charge point."""

    charge_point_id: int
    action: str
    field: str
    rule: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How often it was seen, and the newest example."""

    count: int
    first_at: datetime
    last_at: datetime
    frame_id: str

    def plus(self, later: "Tally") -> "Tally":
        """Return both together."""
        return Tally(self.count + later.count, self.first_at, later.last_at, later.frame_id)


@lru_cache(4096)
def field_and_rule(note: str) -> tuple[str, str]:
    """Return where a note saw a deviation, without indexes, and what it saw, without the charger's own values."""
    place, colon, what = note.partition(": ")
    if not colon or " " in place.strip("'"):
        place, what = "", note
    field = re.sub(r"\[[0-9]+\]", "", place.strip("'"))
    what = re.sub(r"'.*'…?", "…", what, flags=re.DOTALL)
    what = re.sub(r"^-?[0-9][0-9.eE+-]* (?=characters|items|is |read )", "… ", what)
    what = re.sub(r"(the number|cut from) -?[0-9.eE+-]+", r"\1 …", what)
    return field[:150], what[:200]


class Ledger:
    """What was counted and not stored yet. Used by the writer's thread alone."""

    def __init__(self) -> None:
        self._pending: dict[Kind, Tally] = {}
        self._shown: set[str] = set()

    def count(
        self,
        charge_point_id: int,
        action: str,
        notes: Iterable[str],
        verdict: str,
        frame_id: str,
        at: datetime,
    ) -> None:
        """Count the deviations that one frame had."""
        for note in notes:
            field, rule = field_and_rule(note)
            self._count_rule(rule)
            kind = Kind(charge_point_id, action[:64], field, rule, verdict)
            seen = self._pending.get(kind)
            if seen is None and len(self._pending) >= PENDING_MAX:
                kind = Kind(charge_point_id, "", "", OTHER, verdict)
                seen = self._pending.get(kind)
                if seen is None and len(self._pending) >= 2 * PENDING_MAX:
                    continue
            tally = Tally(1, at, at, frame_id)
            self._pending[kind] = seen.plus(tally) if seen else tally

    def _count_rule(self, rule: str) -> None:
        if rule not in self._shown:
            if len(self._shown) >= RULES_SHOWN:
                rule = "other"
            else:
                self._shown.add(rule)
        DEVIATIONS.labels(rule).inc()

    @property
    def pending(self) -> bool:
        """Whether there is anything to store."""
        return bool(self._pending)

    def taken(self) -> dict[Kind, Tally]:
        """Return some of what waits; it waits on until `stored` says that it has been committed."""
        return dict(list(self._pending.items())[:STORED_AT_ONCE])

    def stored(self, taken: dict[Kind, Tally]) -> None:
        """Forget what was stored, but not what was counted since."""
        for kind, tally in taken.items():
            now = self._pending.pop(kind, None)
            if now is not None and now.count > tally.count:
                self._pending[kind] = Tally(now.count - tally.count, tally.last_at, now.last_at, now.frame_id)


LEDGER = Ledger()


def store(taken: dict[Kind, Tally]) -> None:
    """Add counts to the stored ones: four queries, however many charge points they are from."""
    charge_points = {
        pk: (cp_id, Make(vendor[:100], model[:100], firmware[:100]))
        for pk, cp_id, vendor, model, firmware in ChargePoint.objects.filter(
            pk__in={kind.charge_point_id for kind in taken}
        ).values_list("pk", "cp_id", "vendor", "model", "firmware_version")
    }
    rows: dict[str, tuple[tuple[str, ...], Tally, str]] = {}
    for kind, tally in taken.items():
        if kind.charge_point_id in charge_points:
            cp_id, make = charge_points[kind.charge_point_id]
            _put(rows, (*make, kind.action, kind.field, kind.rule, kind.verdict), tally, cp_id)
    rows = _bounded(rows)
    columns = [
        cast("Field[Any, Any]", Deviation._meta.get_field(name))
        for name in (
            *("vendor", "model", "firmware", "action", "field", "rule", "verdict", "key"),
            *("count", "first_at", "last_at", "last_cp_id", "last_frame_id"),
        )
    ]
    values = [
        (*what, key, tally.count, tally.first_at, tally.last_at, cp_id, tally.frame_id)
        for key, (what, tally, cp_id) in sorted(
            rows.items()
        )  # always in one order, so that none waits in a ring
    ]
    names = ", ".join(f'"{column.column}"' for column in columns)
    table = f'"{Deviation._meta.db_table}"'
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(columns))}) "  # noqa: S608 - names from the model
            f'ON CONFLICT ("key") DO UPDATE SET "count" = {table}."count" + excluded."count", '
            '"last_at" = excluded."last_at", "last_cp_id" = excluded."last_cp_id", '
            '"last_frame_id" = excluded."last_frame_id"',
            [
                [
                    column.get_db_prep_save(value, connection)
                    for column, value in zip(columns, row, strict=True)
                ]
                for row in values
            ],
        )


def _put(rows: dict[str, Any], what: tuple[str, ...], tally: Tally, cp_id: str) -> None:
    key = hashlib.sha256("\x1f".join(what).encode()).hexdigest()[:32]
    seen = rows.get(key)
    rows[key] = (what, seen[1].plus(tally) if seen else tally, cp_id)


def _bounded(rows: dict[str, tuple[tuple[str, ...], Tally, str]]) -> dict[str, Any]:
    """Let what would be too many kinds of one make, or too many in all, share an entry."""
    known = set(Deviation.objects.filter(key__in=rows).values_list("key", flat=True))
    if len(known) == len(rows):
        return rows
    listed = {
        Make(vendor, model, firmware): count
        for vendor, model, firmware, count in Deviation.objects.values_list(
            "vendor", "model", "firmware"
        ).annotate(count=Count("pk"))
    }
    room = ROWS_MAX - sum(listed.values())
    bounded: dict[str, Any] = {}
    for key, (what, tally, cp_id) in rows.items():
        make = Make(*what[:3])
        if key not in known and (listed.get(make, 0) >= KINDS_MAX or room <= 0):
            _put(bounded, (*(make if room > 0 else ("", "", "")), "", "", OTHER, what[-1]), tally, cp_id)
            continue
        if key not in known:
            listed[make] = listed.get(make, 0) + 1
            room -= 1
        _put(bounded, what, tally, cp_id)
    return bounded


def store_pending() -> None:
    """Store what was counted so far; in the writer's thread, which counts it."""
    if LEDGER.pending:
        taken = LEDGER.taken()
        store(taken)
        after_commit(partial(LEDGER.stored, taken))
