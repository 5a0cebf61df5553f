"""Which charge points a bulk job is for, and what would become of them if it began now."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Value
from django.db.models.functions import Upper

from chargers.commands.ordering import CommandRefused
from chargers.commands.sending import why_not
from chargers.models import ChargePoint
from chargers.selectors import charge_points_where
from csms.core.refusals import BadField

TARGETS_MAX = 10_000
NAMED = 20  # identities in a sentence or a sample
AT_ONCE = 500  # identities in a query
# What `why_not` asks of each: a column that is not among them costs a query for each charge point.
STANDING = ("registration", "provisioning", "certificate_ended")
COLUMNS = ("cp_id", "retired_at", *STANDING, "connection_id", "protocol")


class BadChoice(BadField):
    """Targets that cannot be: the text says why, `field` which part of the choice is wrong."""


def chosen_by_id(cp_ids: Sequence[str]) -> list[ChargePoint]:
    """Return the charge points of these identities, in the order given; case does not matter.

    Raises BadChoice, with the names, for those that nobody knows or that are given twice.
    """
    if len(cp_ids) > TARGETS_MAX:
        raise BadChoice("cp_ids", f"There are {len(cp_ids)}; a job has at most {TARGETS_MAX}.")
    known: dict[str, ChargePoint] = {}
    # PostgreSQL refuses to compare with some of what is not printable.
    sane = [cp_id for cp_id in cp_ids if cp_id.isprintable()]
    for start in range(0, len(sane), AT_ONCE):
        part = sane[start : start + AT_ONCE]
        known |= {row.cp_id: row for row in _rows().filter(cp_id__in=part)}
        # What a database makes of letters beyond ASCII it must say itself.
        if rest := [
            cp_id.upper() if cp_id.isascii() else Upper(Value(cp_id)) for cp_id in part if cp_id not in known
        ]:
            found = _rows().alias(folded=Upper("cp_id")).filter(folded__in=rest)
            known |= {row.cp_id.upper(): row for row in found}
    chosen = {cp_id: known.get(cp_id) or known.get(cp_id.upper()) for cp_id in cp_ids}
    if unknown := [cp_id for cp_id, row in chosen.items() if row is None]:
        raise BadChoice("cp_ids", f"Nobody knows {_listed(unknown)}.")
    rows = [row for cp_id in cp_ids if (row := chosen[cp_id]) is not None]
    if twice := [cp_id for cp_id, number in Counter(row.cp_id for row in rows).items() if number > 1]:
        raise BadChoice("cp_ids", f"Given more than once: {_listed(twice)}.")
    return rows


def chosen_by_conditions(conditions: Mapping[str, Any]) -> list[ChargePoint]:
    """Return the charge points in service that meet the conditions now, by identity.

    Raises BadChoice if there are none, or too many.
    """
    rows = charge_points_where(_rows(), **conditions)
    chosen = list(rows.order_by("cp_id")[: TARGETS_MAX + 1])
    if not chosen:
        raise BadChoice("filter", "No charge point meets it.")
    if len(chosen) > TARGETS_MAX:
        raise BadChoice("filter", f"{rows.count()} charge points meet it; a job has at most {TARGETS_MAX}.")
    return chosen


def _rows() -> QuerySet[ChargePoint]:
    return ChargePoint.objects.only(*COLUMNS)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(repr(name) for name in names[:NAMED]) + more


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why some of the charge points could not be commanded now: a code, how many, and the first of them."""

    code: str
    count: int
    sample: list[str]


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of a job if it began now."""

    total: int
    possible: int
    obstacles: list[Obstacle]
    sample: list[str]


def preview(charge_points: Sequence[ChargePoint], type: str, *, may_wait: bool) -> Preview:
    """Look ahead, without a query. What the command's own checks would say of each is not known before."""
    refusals: dict[str, list[str]] = {}
    for charge_point in charge_points:
        refusal: CommandRefused | None = why_not(charge_point, type, may_wait=may_wait)
        if refusal is not None:
            refusals.setdefault(refusal.code, []).append(charge_point.cp_id)
    return Preview(
        total=len(charge_points),
        possible=len(charge_points) - sum(map(len, refusals.values())),
        obstacles=[Obstacle(code, len(ids), ids[:NAMED]) for code, ids in sorted(refusals.items())],
        sample=[row.cp_id for row in charge_points[:NAMED]],
    )
