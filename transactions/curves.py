"""The readings of one transaction, and its curves: power, energy, state of charge, voltage, current, by phase if so.

Thinned to POINTS_MAX points of a series at most: of each stretch its least and its greatest value stay, at their own
times, so that no peak is lost. Where readings stayed away for longer than they usually do, the curve has a gap.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import orjson

from transactions.models import MeterValue, Transaction
from transactions.numbers import EXACT, number_of, unit_of
from transactions.sampled import label_of
from transactions.samples import ENERGY
from transactions.series import scale_of

READINGS_MAX = 20_000  # the newest of a transaction
POINTS_MAX = 1500  # of one series
GAP_FACTOR, GAP_LEAST = 3, 120.0  # times the usual distance of readings; seconds

Value = tuple[float, float]  # seconds since 1970, value
Point = tuple[float, float | None]
Gap = tuple[datetime, datetime]

COLUMNS = ("power_w", "energy_wh", "soc_percent", "voltage_v", "current_a")
MEASURANDS = {
    "Power.Active.Import": "power_w",
    "Current.Import": "current_a",
    "Voltage": "voltage_v",
}
# Of these the value of all phases is shown beside each one's: it is their sum, or what was told as that.
SUMMED = {"power_w"}


@dataclass(frozen=True, slots=True)
class Curve:
    """One figure of one phase; `phase` is empty for all together. A value of None begins a gap."""

    figure: str
    phase: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """All curves of a transaction, of how many readings, and whether older ones were left out."""

    curves: tuple[Curve, ...]
    readings: int
    cut: bool

    def of(self, figure: str) -> list[Curve]:
        """Return the curves of a figure."""
        return [curve for curve in self.curves if curve.figure == figure]


class Reading(NamedTuple):
    """One reading, in the units of MeterValue."""

    sampled_at: datetime
    context: str
    power_w: float | None
    energy_wh: int | None
    soc_percent: float | None
    voltage_v: float | None
    current_a: float | None


@dataclass(frozen=True, slots=True)
class Readings:
    """The newest readings of a transaction, the gaps between all, how many, and whether older ones were left out."""

    newest: tuple[Reading, ...]
    gaps: tuple[Gap, ...]
    count: int
    cut: bool


def readings(transaction: Transaction, *, newest: int = 0) -> Readings:
    """Read when a transaction was measured, and what was measured in its newest readings. One query."""
    rows = MeterValue.objects.filter(transaction=transaction).order_by("-pk")
    found = list(rows.values_list(*Reading._fields)[: READINGS_MAX + 1])
    cut = len(found) > READINGS_MAX
    shown = sorted(map(Reading._make, found[:newest]), key=lambda reading: reading.sampled_at, reverse=True)
    moments = sorted(row[0] for row in found[:READINGS_MAX])
    usual = _gap_from([moment.timestamp() for moment in moments])
    gaps = tuple(
        (earlier, later) for earlier, later in pairwise(moments) if (later - earlier).total_seconds() > usual
    )
    return Readings(tuple(shown), gaps, len(moments), cut)


def curves(transaction: Transaction) -> Curves:
    """Read and thin the curves of a transaction. One query."""
    rows = MeterValue.objects.filter(transaction=transaction).order_by("-pk")
    found = list(rows.values_list("sampled_at", *COLUMNS, "samples")[: READINGS_MAX + 1])
    cut = len(found) > READINGS_MAX
    found = sorted(found[:READINGS_MAX], key=lambda row: row[0])
    series: dict[tuple[str, str], list[Value]] = {}
    for at, *figures, samples in found:
        seconds = at.timestamp()
        for figure, value in zip(COLUMNS, figures, strict=True):
            if value is not None:
                series.setdefault((figure, ""), []).append((seconds, float(value)))
        for figure, phase, value in _phases(samples):
            series.setdefault((figure, phase), []).append((seconds, value))
    times = [row[0].timestamp() for row in found]
    usual = _gap_from(times)
    _from_the_start(transaction, series, cut=cut)
    shown = tuple(
        Curve(figure, phase, tuple(with_gaps(thinned(values), usual, times)))
        for (figure, phase), values in sorted(series.items())
        if phase or figure in SUMMED or not _has_phases(figure, series)
    )
    return Curves(shown, len(found), cut)


def _has_phases(figure: str, series: dict[tuple[str, str], list[Value]]) -> bool:
    return any(name == figure and phase for name, phase in series)


def _from_the_start(
    transaction: Transaction, series: dict[tuple[str, str], list[Value]], *, cut: bool
) -> None:
    """Make of registers what was delivered since the start; the curve begins at nothing and ends at what is billed."""
    start = transaction.meter_start_wh
    registers = series.pop(("energy_wh", ""), [])
    if start is None:
        return
    energy = [(at, max(0.0, wh - start)) for at, wh in registers]
    if not cut:
        energy.insert(0, (transaction.started_at.timestamp(), 0.0))
    if transaction.stopped_at is not None and transaction.energy_wh is not None:
        energy.append((transaction.stopped_at.timestamp(), float(transaction.energy_wh)))
    if len(energy) > 1:
        series["energy_wh", ""] = sorted(energy)


def _phases(samples: str) -> Iterator[tuple[str, str, float]]:
    """Yield figure, phase and value in our unit of what was measured by phase."""
    for item in orjson.loads(samples):
        measurand = label_of(item, "measurand")
        figure = MEASURANDS.get(measurand)
        phase = label_of(item, "phase").removesuffix("-N")
        if figure is None or not phase or item.get("format") == "SignedData" or measurand == ENERGY:
            continue
        if label_of(item, "location") not in ("Outlet", "EV"):
            continue
        number = number_of(item.get("value"))
        if number is not None:
            yield figure, phase, float(EXACT.scaleb(number, scale_of(measurand, *unit_of(item)).power))


def _gap_from(times: Sequence[float]) -> float:
    """Return the distance from which on two readings have a gap between them."""
    steps = [later - earlier for earlier, later in pairwise(times) if later > earlier]
    return max(GAP_LEAST, GAP_FACTOR * median(steps)) if steps else GAP_LEAST


def thinned(values: Sequence[Value], most: int = POINTS_MAX) -> list[Value]:
    """Return the values, of each of many stretches only the least and the greatest; the first and the last always."""
    if len(values) <= most:
        return list(values)
    inner = values[1:-1]
    stretches = (most - 2) // 2
    kept = [values[0]]
    for nth in range(stretches):
        stretch = inner[len(inner) * nth // stretches : len(inner) * (nth + 1) // stretches]
        low, high = min(stretch, key=_value), max(stretch, key=_value)
        kept += sorted({low, high})
    return [*kept, values[-1]]


def _value(value: Value) -> float:
    return value[1]


def with_gaps(values: Sequence[Value], gap: float, times: Iterable[float]) -> list[Point]:
    """Put a None between two values where no reading at all came for longer than `gap` seconds."""
    quiet = [(earlier + later) / 2 for earlier, later in pairwise(sorted(times)) if later - earlier > gap]
    points: list[Point] = [*values, *((middle, None) for middle in quiet)]
    if not values:
        return []
    return sorted(
        (point for point in points if values[0][0] <= point[0] <= values[-1][0]), key=lambda point: point[0]
    )
