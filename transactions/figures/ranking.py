"""Which charge points did most and least: in days that are kept, which a process remembers, and in the others."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from heapq import nsmallest
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import BigIntegerField, Count, QuerySet, Sum
from django.db.models.functions import Cast

from chargers.models import ChargePoint
from transactions.figures.memory import memory
from transactions.figures.models import WholeDay
from transactions.figures.whole_days import of_charge_points, version
from transactions.models import Transaction

LISTED = 10
RECENT = 2
"""The newest days, which change most: sessions end after midnight, and what was stored in a charger is told late."""

Sums = tuple[int, int, int]
"""Sessions, Wh and seconds of one charge point."""
NOTHING: Sums = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Ranked:
    """What one charge point did in the window."""

    cp_id: str
    sessions: int
    energy_wh: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """Both ends of the network, and how many charge points in service had no session at all."""

    top: list[Ranked]
    bottom: list[Ranked]
    idle: int


class Past:
    """What charge points did in days that are kept, and who of them did most and least."""

    def __init__(self, sums: Mapping[int, Sums]) -> None:
        self.sums = sums
        self.most = sorted(sums, key=lambda pk: _most(pk, sums[pk]))
        self.least = sorted(sums, key=lambda pk: _least(pk, sums[pk]))

    def __len__(self) -> int:
        return len(self.sums)


def _most(pk: int, sums: Sums) -> tuple[int, int, int]:
    sessions, wh, _ = sums
    return -wh, -sessions, pk


def _least(pk: int, sums: Sums) -> tuple[int, int, int]:
    sessions, wh, _ = sums
    return wh, sessions, pk


def _first(order: Callable[[int, Sums], tuple[int, int, int]], sums: Mapping[int, Sums]) -> list[int]:
    return [pk for _, _, pk in nsmallest(LISTED, (order(pk, its) for pk, its in sums.items()))]


def past(kept: Mapping[date, WholeDay], zone: ZoneInfo, site: str | None) -> Past:
    """Return what charge points did in days that are kept; at most two queries, none if it is remembered.

    Of the charge points of a site nothing is remembered: they are few, and may move to another.
    """
    if site is not None:
        return Past(_kept_sums(kept, zone, site))

    def made() -> Past:
        days = sorted(kept)
        older, newer = ({day: kept[day] for day in some} for some in (days[:-RECENT], days[-RECENT:]))
        sums = memory.find(("older", *version(older, zone)), lambda: _kept_sums(older, zone))
        return Past({**sums, **_added(sums, _kept_sums(newer, zone))})

    return memory.find(("past", *version(kept, zone)), made)


def _kept_sums(kept: Mapping[date, WholeDay], zone: ZoneInfo, site: str | None = None) -> dict[int, Sums]:
    rows = of_charge_points(kept, zone, site).values_list("charge_point_id")
    return _whole(rows.annotate(Sum("started"), Sum("wh"), Sum("seconds")))


def _whole(rows: Iterable[tuple[Any, ...]]) -> dict[int, Sums]:
    return {pk: (sessions, int(wh or 0), int(seconds or 0)) for pk, sessions, wh, seconds in rows}


def _added(to: Mapping[int, Sums], more: Mapping[int, Sums]) -> dict[int, Sums]:
    """Return the sums of those who have more, with it."""
    found = {}
    for pk, (sessions, wh, seconds) in more.items():
        before = to.get(pk, NOTHING)
        found[pk] = before[0] + sessions, before[1] + wh, before[2] + seconds
    return found


class Done:
    """What each charge point did: in days that are kept, and in sessions that are summed up now."""

    def __init__(
        self, past: Past, sessions: QuerySet[Transaction], in_service: QuerySet[ChargePoint]
    ) -> None:
        self._past = past
        self._sessions = sessions
        self._in_service = in_service

    @cached_property
    def _now(self) -> dict[int, Sums]:
        """The sums of the charge points that have sessions which are summed up now. One query."""
        rows: Any = self._sessions.order_by().values_list("charge_point_id")
        # Whole numbers: PostgreSQL would make decimals of these.
        wh, seconds = (Cast(Sum(column), BigIntegerField()) for column in ("energy_wh", "duration_seconds"))
        more = _whole(rows.annotate(Count("pk"), wh=wh, its_seconds=seconds))
        return _added(self._past.sums, more)

    @cached_property
    def _here(self) -> set[int]:
        """The charge points in service. One query."""
        return set(self._in_service.order_by().values_list("pk", flat=True))

    def _of(self, pk: int) -> Sums:
        return self._now.get(pk) or self._past.sums.get(pk, NOTHING)

    def ranking(self) -> Ranking:
        """Return the first and the last. Three queries."""
        now, here, past = self._now, self._here, self._past
        idle = here.difference(past.sums, now)
        # Who has nothing now stands among the others as before: the first of each order, and all who have, suffice.
        most = islice((pk for pk in past.most if pk not in now), LISTED)
        least = islice((pk for pk in past.least if pk in here and pk not in now), LISTED)
        top = _first(_most, {pk: past.sums[pk] for pk in most} | now)
        bottom = _first(
            _least,
            dict.fromkeys(nsmallest(LISTED, idle), NOTHING)
            | {pk: past.sums[pk] for pk in least}
            | {pk: sums for pk, sums in now.items() if pk in here},
        )
        names = dict(ChargePoint.objects.filter(pk__in={*top, *bottom}).values_list("pk", "cp_id"))
        return Ranking(self._ranked(top, names), self._ranked(bottom, names), len(idle))

    def every_charge_point(self) -> list[Ranked]:
        """Return all charge points in service or with a session, by identity. Three queries."""
        found = self._here.union(self._past.sums, self._now)
        names = dict(ChargePoint.objects.values_list("pk", "cp_id"))  # of those, and of any that came since
        return sorted(self._ranked(found, names), key=lambda row: row.cp_id)

    def _ranked(self, pks: Iterable[int], names: Mapping[int, str]) -> list[Ranked]:
        return [Ranked(names[pk], *self._of(pk)) for pk in pks]
