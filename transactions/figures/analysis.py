"""How the network did in a window: energy and sessions, use, drivers' success, faults and uptime, best and worst.

Energy and sessions are those of the API's aggregates, step by step: of days that are over and did not change since as
they were kept, of the others summed up now. What only history tells comes from the days that were added up. None looks
at readings, reports or messages.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from heapq import nlargest
from itertools import accumulate, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Greatest

from chargers.models import ChargePoint, Connection, Connector, Registration
from transactions.aggregates import step_of
from transactions.figures import days, minutes
from transactions.figures.memory import memory
from transactions.figures.models import ChargePointDay, WholeDay
from transactions.figures.ranking import LISTED, Done, Ranked, Ranking, past
from transactions.figures.sums import NOTHING, SESSIONS, SUMMED, whole
from transactions.figures.whole_days import beside, kept_days, of_charge_points, version
from transactions.models import Transaction
from transactions.sql import EpochSeconds


@dataclass(frozen=True, slots=True)
class Window:
    """What is looked at: whole hours or days of a zone from the first of the edges to the last, perhaps of one site."""

    edges: Sequence[datetime]
    zone: ZoneInfo
    site: str | None = None

    @property
    def since(self) -> datetime:
        """When it begins."""
        return self.edges[0]

    @property
    def until(self) -> datetime:
        """When it ends; that may be yet to come."""
        return self.edges[-1]

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day that it touches."""
        last = self.until - timedelta(microseconds=1)
        return self.since.astimezone(self.zone).date(), last.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Step:
    """One hour or day. Seconds and Wh are of the sessions that started in it; shares are of 0…1, None if unknown."""

    at: datetime
    until: datetime
    sessions: int
    energy_wh: int
    seconds: int
    utilisation: float | None
    plugged: int | None = None
    faults: int | None = None
    uptime: float | None = None


@dataclass(frozen=True, slots=True)
class Funnel:
    """Of the sessions of drivers: how many came so far. Each stage is a part of the one before."""

    plugged: int
    authorised: int
    charged: int
    clean: int
    running: int
    """Left out of all the others, for nobody knows yet how they end."""


class Known:
    """How long connectors were known between edges of a window, or until now.

    Of each step: how many of them are known since a moment in it, and the sum of these moments in seconds of Unix time.
    """

    def __init__(self, edges: Sequence[datetime], rows: Iterable[tuple[int, int, int]]) -> None:
        found = sorted(rows)
        self._since = [edges[min(step, len(edges) - 1)] for step, _, _ in found]
        self._numbers = list(accumulate((number for _, number, _ in found), initial=0))
        self._begun = list(accumulate((begun for _, _, begun in found), initial=0))

    @property
    def number(self) -> int:
        """How many there are."""
        return self._numbers[-1]

    def seconds(self, since: datetime, until: datetime) -> float:
        """Return for how long all of them together were known between two moments."""
        return max(0.0, self._until(until) - self._until(since))

    def _until(self, at: datetime) -> float:
        nth = bisect_left(self._since, at)
        return at.timestamp() * self._numbers[nth] - self._begun[nth]


class Analysis:
    """All of it, each part read when it is first asked for. Fifteen queries at most."""

    def __init__(self, window: Window, *, now: datetime) -> None:
        self.window = window
        self.now = now

    # -- sessions and energy, as the API has them --

    @cached_property
    def _started(self) -> QuerySet[Transaction]:
        rows = Transaction.objects.filter(started_at__gte=self.window.since, started_at__lt=self.window.until)
        return rows if self.window.site is None else rows.filter(charge_point__site=self.window.site)

    @cached_property
    def _kept(self) -> dict[date, WholeDay]:
        """The days of the window that are over and of which nothing changed since they were kept. Two queries."""
        return kept_days(self.window.since, self.window.until, self.window.zone)

    @cached_property
    def _beside(self) -> QuerySet[Transaction]:
        """The sessions of the other days."""
        return self._started.filter(
            beside(self._kept, self.window.since, self.window.until, self.window.zone)
        )

    @cached_property
    def _of_charge_points(self) -> QuerySet[ChargePointDay]:
        return of_charge_points(self._kept, self.window.zone, self.window.site)

    @cached_property
    def _sums(self) -> list[dict[str, int]]:
        """The sums of each step, with how far the drivers came. One query for what is not kept, one for what is."""
        if self.is_daily:
            by_day = self._kept_sums()
            dates = (at.astimezone(self.window.zone).date() for at in self.window.edges[:-1])
            kept = {number: by_day[day] for number, day in enumerate(dates) if day in by_day}
        else:
            kept = self._kept_hours()
        others = self._by_step(self._beside)
        return [
            kept.get(number) or others.get(number, NOTHING) for number in range(len(self.window.edges) - 1)
        ]

    def _by_step(self, sessions: QuerySet[Transaction]) -> dict[int, dict[str, int]]:
        rows: Any = sessions.order_by().values(step=step_of("started_at", self.window.edges))
        return {row["step"]: whole(row) for row in rows.annotate(**SESSIONS)}

    def _kept_hours(self) -> dict[int, dict[str, int]]:
        """The sums of the hours of days that are kept; of a site they are not remembered, for charge points move."""
        window = self.window

        def read() -> dict[int, dict[str, int]]:
            return self._by_step(
                self._started.exclude(beside(self._kept, window.since, window.until, window.zone))
            )

        if window.site is not None:
            return read()
        return memory.find(("hours", window.since, *version(self._kept, window.zone)), read)

    def _kept_sums(self) -> dict[date, dict[str, int]]:
        if self.window.site is None:
            return {day: {name: getattr(row, name) for name in SUMMED} for day, row in self._kept.items()}
        nothing = dict.fromkeys(self._kept, NOTHING)
        rows: Any = self._of_charge_points.values("day")
        return nothing | {
            row["day"]: whole(row) for row in rows.annotate(**{name: Sum(name) for name in SUMMED})
        }

    def _sum(self, name: str) -> int:
        return sum(one[name] for one in self._sums)

    @cached_property
    def _connectors(self) -> Known:
        """The connectors that there are now to be used, and since when their charge points are known. One query."""
        links = Connection.objects.filter(charge_point=OuterRef("charge_point")).order_by("opened_at")
        rows: Any = Connector.objects.filter(
            number__gt=0, charge_point__retired_at=None, charge_point__registration=Registration.ACCEPTED
        )
        if self.window.site is not None:
            rows = rows.filter(charge_point__site=self.window.site)
        # What is noted first: then nobody looks among all connections.
        first = Coalesce(
            F("charge_point__first_seen__at"),
            Subquery(links.values("opened_at")[:1]),
            F("charge_point__created_at"),
        )
        known = rows.order_by().annotate(known=Greatest(first, Value(self.window.since)))
        steps = known.values_list(step_of("known", self.window.edges))
        return Known(self.window.edges, steps.annotate(Count("pk"), begun=Sum(EpochSeconds("known"))))

    @property
    def connectors(self) -> int:
        """How many connectors there are now to be used."""
        return self._connectors.number

    @cached_property
    def _in_service(self) -> QuerySet[ChargePoint]:
        rows = ChargePoint.objects.filter(retired_at=None, registration=Registration.ACCEPTED)
        return rows if self.window.site is None else rows.filter(site=self.window.site)

    @cached_property
    def steps(self) -> list[Step]:
        """The hours or days of the window that have begun; what history tells is known of days alone."""
        by_day = self._days if self.is_daily else {}
        found = []
        for (at, until), one in zip(pairwise(self.window.edges), self._sums, strict=True):
            if at >= self.now:
                break
            passed = self._connectors.seconds(at, min(until, self.now))
            day: dict[str, Any] = by_day.get(at.astimezone(self.window.zone).date(), {})
            found.append(
                Step(
                    at,
                    until,
                    one["started"],
                    one["wh"],
                    one["seconds"],
                    min(1.0, one["seconds"] / passed) if passed else None,
                    day.get("plugged"),
                    day.get("faults"),
                    uptime(day),
                )
            )
        return found

    @property
    def is_daily(self) -> bool:
        """Whether its steps are days."""
        return self.window.edges[1] - self.window.edges[0] > timedelta(hours=2)

    @cached_property
    def sessions(self) -> int:
        """How many sessions started."""
        return self._sum("started")

    @cached_property
    def energy_wh(self) -> int:
        """What those of them delivered that have ended."""
        return self._sum("wh")

    @cached_property
    def seconds(self) -> int:
        """How long those of them lasted that have ended, together."""
        return self._sum("seconds")

    # -- use --

    @cached_property
    def utilisation(self) -> float | None:
        """The time of the sessions that started, by the known time of all connectors; those that run count until now.

        The time of a connector is known since the first connection of its charge point, as it is for the uptime.
        """
        passed = self._connectors.seconds(self.window.since, min(self.window.until, self.now))
        if passed <= 0:
            return None
        so_far = int(self.now.timestamp()) * self._sum("charging") - self._sum("charging_since")
        return min(1.0, max(0.0, (self.seconds + so_far) / passed))

    @cached_property
    def use(self) -> minutes.Use:
        """What connectors said of themselves each minute; of the whole network alone."""
        window, noted = self.window, minutes.Noted()
        for row in self._kept.values():
            noted += minutes.Noted(row.noted, row.noted_connectors, row.noted_occupied, row.noted_charging)
        others = beside(self._kept, window.since, window.until, window.zone, "at")
        return minutes.use(noted + minutes.noted(others))

    # -- drivers --

    @cached_property
    def funnel(self) -> Funnel:
        """How far drivers came. What is known of cars that were plugged in is as old as the days that were added up."""
        plugged = sum(day["plugged"] for day in self._days.values()) if self.is_daily else 0
        running = self._sum("running")
        return Funnel(
            plugged=max(plugged - running, self._sum("known")),
            authorised=self._sum("authorised"),
            charged=self._sum("charged"),
            clean=self._sum("clean_ends"),
            running=running,
        )

    # -- faults and uptime --

    @cached_property
    def _days(self) -> dict[date, dict[str, Any]]:
        first, last = self.window.days
        return days.by_day(first, last, zone=self.window.zone, site=self.window.site)

    @property
    def faults(self) -> int:
        """How often a connector or a station became Faulted, on the days that were added up."""
        return sum(day["faults"] for day in self._days.values())

    @property
    def uptime(self) -> float | None:
        """The share of the known time in which charge points were connected."""
        known = sum(day["known"] for day in self._days.values())
        offline: int = sum(day["offline"] for day in self._days.values())
        return 1 - offline / known if known else None

    @property
    def made_at(self) -> datetime | None:
        """When the newest of these days was added up; None if none was."""
        return max((day["made_at"] for day in self._days.values()), default=None)

    @cached_property
    def missing_days(self) -> int:
        """How many days of the window have begun and were not added up yet; before the house there was none."""
        first, last = self.window.days
        begun = min(last, self.now.astimezone(self.window.zone).date())
        if sum(first <= day <= begun for day in self._days) > (begun - first).days:
            return 0  # whenever the house began
        house = days.first_day(self.window.zone)
        if house is None:
            return 0
        first = max(first, house)
        return max(0, (begun - first).days + 1 - sum(day >= first for day in self._days))

    @cached_property
    def _troubles(self) -> list[days.Troubled]:
        window = self.window
        first, last = window.days

        def read() -> list[days.Troubled]:
            return days.troubles(first, last, zone=window.zone, site=window.site)

        # Of a site they depend on which charge points are there; and of a day that is gone nothing tells its troubles.
        if window.site is not None or self.missing_days:
            return read()
        made = tuple((day, row["made_at"]) for day, row in sorted(self._days.items()))
        return memory.find(("troubles", window.zone.key, made), read)

    @cached_property
    def most_faults(self) -> list[tuple[str, int]]:
        """The charge points that became faulted most often, and how often."""
        return self._worst("faults")

    @cached_property
    def longest_offline(self) -> list[tuple[str, int]]:
        """The charge points that were without a connection for longest, and for how many seconds."""
        return self._worst("offline")

    def _worst(self, name: str) -> list[tuple[str, int]]:
        some = nlargest(LISTED, self._troubles, key=lambda row: (getattr(row, name), -row.charge_point_id))
        names = self._troubled_names
        return [(names[row.charge_point_id], getattr(row, name)) for row in some if getattr(row, name)]

    @cached_property
    def _troubled_names(self) -> dict[int, str]:
        pks = [row.charge_point_id for row in self._troubles]
        return dict(ChargePoint.objects.filter(pk__in=pks).values_list("pk", "cp_id"))

    # -- charge points --

    @cached_property
    def _done(self) -> Done:
        done = past(self._kept, self.window.zone, self.window.site)
        return Done(done, self._beside, self._in_service)

    @cached_property
    def _ranking(self) -> Ranking:
        return self._done.ranking()

    @property
    def idle(self) -> int:
        """How many charge points in service had no session at all."""
        return self._ranking.idle

    @property
    def top(self) -> list[Ranked]:
        """The charge points that delivered most."""
        return self._ranking.top

    @property
    def bottom(self) -> list[Ranked]:
        """The charge points in service that delivered least, those without a session first."""
        return self._ranking.bottom

    def every_charge_point(self) -> list[Ranked]:
        """Return all charge points in service or with a session in the window, by identity."""
        return self._done.every_charge_point()


def uptime(day: dict[str, Any]) -> float | None:
    """Return the share of the known time of a day in which charge points were connected."""
    return 1 - day["offline"] / day["known"] if day.get("known") else None
