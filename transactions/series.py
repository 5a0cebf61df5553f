"""Readings thinned to steps of time: for each step the least, the mean, the greatest and the last value.

Steps begin at multiples of their length since 1970 (UTC), so that two series of one length fit together, and are
those of the time when it was measured. Arithmetic is decimal: what is said is what the charge point said.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from django.db.models import Count, DecimalField, F, Max, Min, QuerySet, Sum, Window
from django.db.models.functions import Cast, RowNumber

from chargers.models import ChargePoint
from csms.core.ids import uuid7_floor
from transactions.claims import CLOCK_TOLERANCE
from transactions.models import MeterValue
from transactions.numbers import EXACT, number_of, unit_of
from transactions.sampled import Wanted, label_of
from transactions.sql import EpochSeconds

POINTS_MAX = 2000  # of one series
SERIES_MAX = 40
READINGS_MAX = 100_000  # of one request
STEP = 2000  # readings in memory at a time
LATEST = timedelta(days=1)  # what comes so long after the window is still looked for

# The columns of a reading: unit, and whether they are whole numbers.
FIGURES = {"power_w": "W", "energy_wh": "Wh", "current_a": "A", "voltage_v": "V", "soc_percent": "Percent"}


class TooMuch(Exception):
    """What was asked for is more than is answered; `field` is what to ask for otherwise."""

    def __init__(self, field: str, code: str, text: str) -> None:
        super().__init__(text)
        self.field, self.code = field, code


# --- units ------------------------------------------------------------------------------------------------------------

# Compared without regard to case: unit -> ours, and the power of ten between them.
UNITS = {
    "wh": ("Wh", 0),
    "kwh": ("Wh", 3),
    "mwh": ("Wh", 6),
    "w": ("W", 0),
    "kw": ("W", 3),
    "varh": ("varh", 0),
    "kvarh": ("varh", 3),
    "var": ("var", 0),
    "kvar": ("var", 3),
    "vah": ("VAh", 0),
    "kvah": ("VAh", 3),
    "va": ("VA", 0),
    "kva": ("VA", 3),
    "a": ("A", 0),
    "v": ("V", 0),
    "percent": ("Percent", 0),
    "%": ("Percent", 0),
    "hz": ("Hz", 0),
    "celsius": ("Celsius", 0),
    "celcius": ("Celsius", 0),  # 1.6 spells it so, too
}
# By the first words of the measurand: what is meant where no unit is given (1.6, 7.44 has it for energy alone).
ABSENT = {
    "Energy.Reactive": "varh",
    "Energy.Apparent": "VAh",
    "Energy": "Wh",
    "Power.Reactive": "var",
    "Power.Active": "W",
    "Power.Offered": "W",
    "Current": "A",
    "Voltage": "V",
    "SoC": "Percent",
    "Frequency": "Hz",
    "Temperature": "Celsius",
}


class Scale(NamedTuple):
    """How a value becomes one of our unit: ten to the `power` times as many."""

    unit: str
    power: int


@lru_cache(2048)
def scale_of(measurand: str, unit: str, multiplier: int) -> Scale:
    """Return the scale of a unit as written; an unknown one stays as it is. `multiplier` is that of 2.x."""
    word = unit.strip()
    if not word:
        word = next((ours for begin, ours in ABSENT.items() if measurand.startswith(begin)), "")
    ours, power = UNITS.get(word.casefold(), (word, 0))
    return Scale(ours, power + multiplier)


# --- series -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Point:
    """What was measured within one step."""

    low: Decimal
    high: Decimal
    last: Decimal
    last_at: datetime
    total: Decimal
    count: int = 1

    def add(self, value: Decimal, at: datetime) -> None:
        """Take another value in; of two of one time the later told counts as the last."""
        self.low, self.high = min(self.low, value), max(self.high, value)
        if at >= self.last_at:
            self.last, self.last_at = value, at
        self.total = EXACT.add(self.total, value)
        self.count += 1

    @property
    def mean(self) -> Decimal:
        """Return the mean, to six places behind the point."""
        return mean_of(self.total, self.count)


def mean_of(total: Decimal, count: int) -> Decimal:
    """Return the mean, to six places behind the point."""
    return EXACT.quantize(EXACT.divide(total, Decimal(count)), Decimal("1e-6"))


class Kind(NamedTuple):
    """What a series is of; `figure` is a name of FIGURES or empty."""

    connector_id: int
    figure: str
    measurand: str
    phase: str
    location: str
    unit: str


@dataclass(slots=True)
class Series:
    """The points of one kind by the number of their step; `units` counts values by unit as written and power of ten."""

    kind: Kind
    points: dict[int, Point] = field(default_factory=dict)
    units: dict[tuple[str, int], int] = field(default_factory=dict)
    unusable: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """The steps of a series: how many seconds each is long, the numbers of the first and of the one after the last."""

    every: int
    first: int
    end: int

    def begin(self, step: int) -> datetime:
        """Return when a step begins."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=step * self.every)


# What is chosen where the caller does not choose.
STEPS = (60, 300, 900, 3600, 6 * 3600, 86400, 7 * 86400)


def span_of(since: datetime, until: datetime, every: int | None) -> Span:
    """Return the steps from `since` to `until`, the latter included. Raises TooMuch."""
    first, last = int(since.timestamp()), int(until.timestamp())
    spans = [Span(step, first // step, last // step + 1) for step in ((every,) if every else STEPS)]
    for span in spans:
        if span.end - span.first <= POINTS_MAX:
            return span
    shortest = -(-(last - first + 1) // (POINTS_MAX - 1))
    raise TooMuch(
        "every",
        "too_many_points",
        f"These would be {spans[-1].end - spans[-1].first} points, and a series has at most {POINTS_MAX}: ask for "
        f"steps of {shortest} seconds or more, or for a part of the time.",
    )


def readings_measured(charge_point: ChargePoint, *, since: datetime, until: datetime) -> QuerySet[MeterValue]:
    """Return the readings that a charge point took from `since` until before `until`, and told soon enough."""
    # By receipt there is an index. A believed time is never far ahead of the receipt.
    return MeterValue.objects.filter(
        charge_point=charge_point,
        pk__gte=uuid7_floor(since - CLOCK_TOLERANCE),
        pk__lt=uuid7_floor(until + LATEST),
        sampled_at__gte=since,
        sampled_at__lt=until,
    )


def extent(readings: QuerySet[MeterValue]) -> tuple[datetime, datetime] | None:
    """Return the times of the first and of the last of the readings, None if there are none. Raises TooMuch."""
    few = readings.order_by()[: READINGS_MAX + 1]
    found = few.aggregate(count=Count("pk"), first=Min("sampled_at"), last=Max("sampled_at"))
    if found["count"] > READINGS_MAX:
        raise TooMuch(
            "from",
            "too_many_readings",
            f"These are more than {READINGS_MAX} readings; ask for a shorter time.",
        )
    return (found["first"], found["last"]) if found["count"] else None


def figure_series(readings: QuerySet[MeterValue], figure: str, span: Span) -> list[Series]:
    """Return the series of a column, by connector. One query."""
    # Floats are summed as decimals of the three places that they are rounded to; registers are whole numbers.
    places = Cast(figure, DecimalField(max_digits=30, decimal_places=3))
    exact = F(figure) if figure == "energy_wh" else places
    together = [F("connector_number"), F("step")]
    rows = (
        readings.filter(**{f"{figure}__isnull": False})
        .annotate(step=EpochSeconds("sampled_at") / span.every)
        .annotate(
            nth=Window(RowNumber(), partition_by=together, order_by=("-sampled_at", "-pk")),
            low=Window(Min(figure), partition_by=together),
            high=Window(Max(figure), partition_by=together),
            total=Window(Sum(exact), partition_by=together),
            count=Window(Count(figure), partition_by=together),
        )
        .filter(nth=1)
        .values_list("connector_number", "step", "low", "high", figure, "sampled_at", "total", "count")
    )
    found: dict[int, Series] = {}
    for connector, step, low, high, last, at, total, count in rows:
        series = found.setdefault(connector, Series(Kind(connector, figure, "", "", "", FIGURES[figure])))
        least, greatest, newest = (Decimal(str(value)) for value in (low, high, last))
        series.points[step] = Point(least, greatest, newest, at, Decimal(total), count)
    return [found[connector] for connector in sorted(found)]


def sample_series(readings: QuerySet[MeterValue], wanted: Wanted, span: Span) -> list[Series]:
    """Return the series of the sampled values that match, by connector, labels and unit. Raises TooMuch.

    The readings are taken in steps of STEP, so that only the points are kept in memory.
    """
    found: dict[Kind, Series] = {}
    for connector, at, samples in _in_steps(readings):
        step = int(at.timestamp()) // span.every
        if not span.first <= step < span.end:  # it came after the span had been reckoned
            continue
        for item in wanted.among(samples):
            unit, multiplier = unit_of(item)
            measurand = label_of(item, "measurand")
            scale = scale_of(measurand, unit, multiplier)
            kind = Kind(
                connector, "", measurand, label_of(item, "phase"), label_of(item, "location"), scale.unit
            )
            series = found.get(kind)
            if series is None:
                if len(found) == SERIES_MAX:
                    raise TooMuch(
                        "measurand",
                        "too_many_series",
                        f"These would be more than {SERIES_MAX} series; ask for fewer measurands, or for one phase.",
                    )
                series = found[kind] = Series(kind)
            number = None if item.get("format") == "SignedData" else number_of(item.get("value"))
            if number is None:
                series.unusable += 1
                continue
            value = EXACT.scaleb(number, scale.power)
            series.units[unit, scale.power] = series.units.get((unit, scale.power), 0) + 1
            if (point := series.points.get(step)) is None:
                series.points[step] = Point(value, value, value, at, value)
            else:
                point.add(value, at)
    return sorted(found.values(), key=lambda series: series.kind)


def _in_steps(readings: QuerySet[MeterValue]) -> Iterator[tuple[int, datetime, list[dict[str, Any]]]]:
    rows = readings.order_by("pk").values_list("pk", "connector_number", "sampled_at", "samples")
    some = list(rows[:STEP])
    while some:
        for _, connector, at, samples in some:
            yield connector, at, orjson.loads(samples)
        some = list(rows.filter(pk__gt=some[-1][0])[:STEP]) if len(some) == STEP else []
