"""Sessions and energy by hour or day, and by whose they are.

A session belongs to the step of time in which it started, with all its energy and duration, however late it was told;
where it ended is only counted. So the sums of all steps are the sums of all sessions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import (
    Case,
    Count,
    DecimalField,
    Expression,
    F,
    IntegerField,
    Max,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Collate, NullIf

from chargers.models import ChargePoint
from csms.core.time_zones import runs
from transactions.models import Transaction
from transactions.sql import EpochSeconds

NO_CONNECTOR = -1
# By code point, in which order Python compares as well.
_PLAIN = {"postgresql": "C", "sqlite": "BINARY"}

_WIDE = DecimalField(max_digits=40, decimal_places=0)


def _plain(column: str) -> Expression:
    return Collate(column, _PLAIN[connection.vendor])


# What sessions may be grouped by: the parts of a group's key, numbers or texts that are never null.
GROUPS: dict[str, Any] = {
    "none": lambda: (),
    "charge_point": lambda: (F("charge_point_id"),),
    "connector": lambda: (F("charge_point_id"), Coalesce(F("connector_number"), NO_CONNECTOR)),
    "id_token": lambda: (_plain("token_key"),),
    "site": lambda: (_plain("charge_point__site"),),
}
PARTS: dict[str, tuple[type, ...]] = {
    "none": (),
    "charge_point": (int,),
    "connector": (int, int),
    "id_token": (str,),
    "site": (str,),
}

Key = tuple[Any, ...]  # the number of the step, then the parts of the group's key


@dataclass(slots=True)
class Sums:
    """What is summed up for one step and group. Wh and seconds are whole."""

    started: int = 0
    ended: int = 0
    active: int = 0
    wh: int = 0
    seconds: int = 0
    orphans: int = 0
    late: int = 0
    odd: int = 0
    highest_power: Decimal | None = None
    powered_wh: int = 0
    powered_seconds: int = 0

    @property
    def highest_power_w(self) -> int | None:
        """Return the mean power of the one session in which it was highest, in whole W."""
        return None if self.highest_power is None else int(self.highest_power)

    @property
    def mean_power_w(self) -> int | None:
        """Return energy by time in whole W, of the sessions whose both are known; None if there are none."""
        if not self.powered_seconds:
            return None
        return (2 * 3600 * self.powered_wh + self.powered_seconds) // (2 * self.powered_seconds)


def sums(
    transactions: QuerySet[Transaction],
    *,
    edges: Sequence[datetime],
    group: str,
    after: Key | None = None,
    limit: int,
) -> dict[Key, Sums]:
    """Return the first `limit` sums behind a key, in order of the keys; without groups also of steps without sessions.

    `edges` are where the steps begin, and where the last one ends. Two queries.
    """
    powered = Q(energy_wh__isnull=False, duration_seconds__gt=0)
    started = _grouped(transactions, "started_at", edges, group, after).annotate(
        started=Count("pk"),
        active=Count("pk", filter=Q(status=Transaction.Status.ACTIVE)),
        wh=Coalesce(Sum("energy_wh"), 0),
        seconds=Coalesce(Sum("duration_seconds"), 0),
        orphans=Count("pk", filter=Q(orphan=True)),
        late=Count("pk", filter=Q(offline=True)),
        odd=Count("pk", filter=~Q(anomalies=[])),
        # As a decimal: a product with an absurd register would be beyond an integer. Rounded as the mean is.
        highest_power=Max(
            (2 * 3600 * Cast("energy_wh", _WIDE) + Cast("duration_seconds", _WIDE))
            / NullIf(2 * F("duration_seconds"), 0),
            output_field=_WIDE,
        ),
        powered_wh=Coalesce(Sum("energy_wh", filter=powered), 0),
        powered_seconds=Coalesce(Sum("duration_seconds", filter=powered), 0),
    )
    ended = _grouped(transactions, "stopped_at", edges, group, after).annotate(ended=Count("pk"))
    names = ["step", *(f"key_{number}" for number in range(len(PARTS[group])))]
    found: dict[Key, Sums] = {}
    if group == "none":
        first = after[0] + 1 if after else 0
        found = {(step,): Sums() for step in range(first, len(edges) - 1)}
    # Of the first keys of both together, each is among the first of one of them.
    for rows in (started, ended):
        for row in rows.order_by(*names)[:limit]:
            key = tuple(row.pop(name) for name in names)
            one = found.setdefault(key, Sums())
            for name, value in row.items():
                setattr(one, name, value)
    return {key: found[key] for key in sorted(found)[:limit]}


def revenues(
    transactions: QuerySet[Transaction],
    *,
    edges: Sequence[datetime],
    group: str,
    after: Key | None = None,
    keys: Sequence[Key],
) -> dict[Key, list[dict[str, Any]]]:
    """Return what the sessions of each of these keys cost, which follow on `after`, by currency. One query.

    The sums are exact, for amounts are kept as whole numbers.
    """
    if not keys:
        return {}
    names = [f"key_{number}" for number in range(len(PARTS[group]))]
    rows = (
        _grouped(transactions.filter(cost__isnull=False), "started_at", edges, group, after)
        .values("step", *names, currency=F("cost__currency"))
        .annotate(
            sessions=Count("pk"),
            net=Sum("cost__net"),
            tax=Sum("cost__tax"),
            total=Sum("cost__total"),
        )
        .order_by("step", *names, "currency")
    )
    found: dict[Key, list[dict[str, Any]]] = {}
    for row in rows.iterator():
        key = (row.pop("step"), *(row.pop(name) for name in names))
        if key > keys[-1]:
            break
        found.setdefault(key, []).append(row)
    return found


def _grouped(
    transactions: QuerySet[Transaction], column: str, edges: Sequence[datetime], group: str, after: Key | None
) -> Any:
    since = edges[after[0]] if after else edges[0]
    parts = {f"key_{number}": part for number, part in enumerate(GROUPS[group]())}
    rows = transactions.filter(**{f"{column}__gte": since, f"{column}__lt": edges[-1]})
    rows = rows.annotate(step=step_of(column, edges), **parts)
    if after:
        behind = Q()
        for name, value in reversed(list(zip(["step", *parts], after, strict=True))):
            behind = Q(**{f"{name}__gt": value}) | (Q(**{name: value}) & behind if behind else Q())
        rows = rows.filter(behind)
    return rows.order_by().values("step", *parts)


def step_of(column: str, edges: Sequence[datetime]) -> Case:
    """Return the number of the step in which a time lies. Steps are of one length but where clocks are changed."""
    stretches = list(runs(list(edges)))
    ends = [begin for _, begin, _ in stretches[1:]] + [edges[-1]]
    return Case(
        *(
            When(
                **{f"{column}__lt": end},
                then=(EpochSeconds(column) - int(begin.timestamp())) / int(step.total_seconds()) + number,
            )
            for (number, begin, step), end in zip(stretches, ends, strict=True)
        ),
        default=Value(len(edges)),
        output_field=IntegerField(),
    )


def names_of(charge_point_ids: set[int]) -> dict[int, str]:
    """Return the identities of charge points."""
    return dict(ChargePoint.objects.filter(pk__in=charge_point_ids).values_list("pk", "cp_id"))
