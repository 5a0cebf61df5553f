"""Sampled values of either version become one neutral reading: energy, power, current, voltage, state of charge."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from math import sqrt
from typing import Any, NamedTuple

from transactions.numbers import EXACT, is_plain, number_of, unit_of

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
CURRENT = "Current.Import"
VOLTAGE = "Voltage"
SOC = "SoC"
BETWEEN = "Voltage between phases"  # not a name of OCPP: our own for a voltage of which the phase is "L1-L2"

# How a unit becomes ours: Wh, W, A, V, percent. Compared without regard to case; an unknown unit is not guessed at.
FACTORS: dict[str, dict[str, int]] = {
    ENERGY: {"": 1, "wh": 1, "kwh": 1000, "mwh": 1_000_000},
    POWER: {"": 1, "w": 1, "kw": 1000, "va": 1, "kva": 1000},
    CURRENT: {"": 1, "a": 1},
    VOLTAGE: {"": 1, "v": 1},
    SOC: {"": 1, "percent": 1, "%": 1},
}
# "L1-N" is the phase L1 measured against N. N itself, and what is measured between phases, belongs to no phase.
LINE_OF = {"": "", "L1": "L1", "L2": "L2", "L3": "L3", "L1-N": "L1", "L2-N": "L2", "L3-N": "L3"}
PAIRS = ("L1-L2", "L2-L3", "L3-L1")
# A figure beyond these is a broken meter or a broken frame; it stays in the raw samples only.
LIMITS = {ENERGY: 10**13, POWER: 10**8, CURRENT: 10**5, VOLTAGE: 10**5, SOC: 100}

Value = Decimal | float


class Reading(NamedTuple):
    """The main figures of one moment. Wh are whole; W, A, V and percent are floats; None = not reported."""

    context: str = ""
    energy_wh: int | None = None
    power_w: float | None = None
    current_a: float | None = None
    voltage_v: float | None = None
    soc_percent: float | None = None
    power_derived: bool = False  # current by voltage, since no power was reported
    unused: tuple[str, ...] = ()  # measurands of values that are no number, or beyond belief


class Figure(NamedTuple):
    """What a sample's labels make of it: a figure of the outlet, of one line or of all (""), and its scale.

    A value is multiplied by `factor` and by ten to the `power`, which 2.x tells apart from the unit.
    """

    measurand: str
    line: str
    factor: int
    limit: int
    power: int = 0


@lru_cache(2048)
def figure_of(measurand: str, unit: str, phase: str, location: str, format: str) -> Figure | None:
    """Return which figure of the outlet the labels name; None for all that is kept raw only.

    Remembered: a charge point labels its samples the same way all its life.
    """
    factor = FACTORS.get(measurand, {}).get(unit.strip().casefold())
    line = LINE_OF.get(phase)
    if measurand == VOLTAGE and phase in PAIRS:
        measurand, line = BETWEEN, phase
    if factor is None or line is None or location not in ("Outlet", "EV") or format == "SignedData":
        return None
    return Figure(measurand, line, factor, LIMITS[VOLTAGE if measurand == BETWEEN else measurand])


def scaled(figure: Figure, value: str) -> Value | None:
    """Return a value in our unit; None when it is no finite number or out of range.

    Energy is exact (an int or a Decimal); the rest are physical figures and floats.
    """
    factor, limit = figure.factor, figure.limit
    try:
        if figure.measurand != ENERGY:
            number: Value = float(value)
        else:
            number = int(value) if value.isdecimal() else Decimal(value)
        # Compared before it is multiplied, where a Decimal of absurd size would overflow; NaN fails every comparison.
        if not -limit <= number <= limit or not -limit <= number * factor <= limit:
            return None
    except (ValueError, InvalidOperation):
        bare = value.strip().strip("\"'")  # quirk V10: blanks and quotes round the number
        return scaled(figure, bare) if bare != value else None
    return number * factor


@lru_cache(2048)
def figure201(measurand: str, unit: str, multiplier: int, phase: str, location: str) -> Figure | None:
    """Return the same for labels of 2.x, which has a power of ten beside the unit."""
    figure = figure_of(measurand, unit, phase, location, "Raw")
    return None if figure is None else figure._replace(power=multiplier)


def in_our_unit(figure: Figure, value: Any) -> Value | None:
    """Return a number of 2.x in our unit; None when it is none or out of range.

    Energy is exactly what its text says; so is what is no ordinary number of JSON. The rest are floats, as in 1.6.
    """
    if figure.measurand != ENERGY and not figure.power and is_plain(value):
        plain = float(value) * figure.factor
        return plain if -figure.limit <= plain <= figure.limit else None
    number = number_of(value)
    if number is None:
        return None
    if figure.power or figure.factor != 1:
        number = EXACT.multiply(EXACT.scaleb(number, figure.power), figure.factor)
    return number if -figure.limit <= number <= figure.limit else None


Labelled = tuple[str, str, Figure | None, Value | None]
"""A sampled value whose labels are read: its context, its measurand, the figure it is of, and its value in our unit.

No figure: it is kept raw only. No value: it is no number, or beyond belief.
"""


def _labelled16(item: Mapping[str, Any]) -> Labelled:
    get = item.get
    measurand = get("measurand", ENERGY)
    figure = figure_of(
        measurand, get("unit", ""), get("phase", ""), get("location", "Outlet"), get("format", "Raw")
    )
    return get("context", ""), measurand, figure, None if figure is None else scaled(figure, item["value"])


def _labelled201(item: Mapping[str, Any]) -> Labelled:
    get = item.get
    measurand = get("measurand", ENERGY)
    figure = figure201(measurand, *unit_of(item), get("phase", ""), get("location", "Outlet"))
    return (
        get("context", ""),
        measurand,
        figure,
        None if figure is None else in_our_unit(figure, get("value")),
    )


def read_samples16(sampled_values: Iterable[Mapping[str, Any]], *, times: Decimal | None = None) -> Reading:
    """Read the sampled values of one 1.6 MeterValue.

    Absent fields have the defaults of 1.6, 7.44 (S16-10): measurand Energy.Active.Import.Register, unit Wh, location
    Outlet. Values at another place than the outlet, and signed data, are kept raw but are no figures of the outlet.
    `times` corrects energy and power of a charge point that is known for wrong units (quirk V6).
    """
    return read_samples(map(_labelled16, sampled_values), times=times)


def read_samples201(sampled_values: Iterable[Mapping[str, Any]], *, times: Decimal | None = None) -> Reading:
    """Read the sampled values of one moment of 2.0.1 (2.46), whose defaults are those of 1.6; energy is exact.

    A value is one whether or not it is signed, too (`signedMeterValue` stands beside it).
    """
    return read_samples(map(_labelled201, sampled_values), times=times)


def read_samples(items: Iterable[Labelled], *, times: Decimal | None = None) -> Reading:
    """Make one reading of sampled values of any version; `times` corrects energy and power (quirk V6)."""
    totals: dict[str, Value] = {}
    phases: dict[str, dict[str, Value]] = {}
    context = ""
    unused: tuple[str, ...] = ()
    for of, measurand, figure, value in items:
        context = context or of
        if figure is None:
            continue
        if value is None:
            unused += (measurand,)
            continue
        if times is not None and figure.measurand in (ENERGY, POWER):
            value = Decimal(value) * times
            if abs(value) > figure.limit:
                unused += (figure.measurand,)
                continue
        if not figure.line:
            totals.setdefault(figure.measurand, value)
        else:
            phases.setdefault(figure.measurand, {}).setdefault(figure.line, value)
    currents = phases.get(CURRENT)
    voltage = _voltage(totals, phases)
    power = _total(POWER, totals, phases)
    derived = power is None and (CURRENT in totals or currents is not None) and voltage is not None
    return Reading(
        context="" if context == "Sample.Periodic" else context[:32],
        energy_wh=_whole(_total(ENERGY, totals, phases)),
        power_w=_figure(_product(totals, phases, voltage) if derived else power),
        current_a=_figure(totals.get(CURRENT, max(currents.values()) if currents else None)),
        voltage_v=_figure(voltage),
        soc_percent=_figure(totals.get(SOC)),
        power_derived=derived,
        unused=unused,
    )


def _total(measurand: str, totals: dict[str, Value], phases: dict[str, dict[str, Value]]) -> Value | None:
    if measurand in totals:
        return totals[measurand]
    lines = phases.get(measurand)
    return _sum(lines.values()) if lines else None


def _voltage(totals: dict[str, Value], phases: dict[str, dict[str, Value]]) -> Value | None:
    """Return the voltage of a phase against N: the mean of the phases, else that between them by the root of 3."""
    if VOLTAGE in totals:
        return totals[VOLTAGE]
    if VOLTAGE in phases:
        return _mean(phases[VOLTAGE])
    return _mean(phases[BETWEEN]) / sqrt(3) if BETWEEN in phases else None


def _product(totals: dict[str, Value], phases: dict[str, dict[str, Value]], voltage: Any) -> float:
    """Return the power of a station that reports currents and voltages only (quirk V9): their products, summed up."""
    currents = phases.get(CURRENT)
    if currents is None:
        return float(totals[CURRENT]) * float(voltage)
    voltages = phases.get(VOLTAGE, {})
    return sum(float(amps) * float(voltages.get(line, voltage)) for line, amps in currents.items())


def _sum(values: Iterable[Value]) -> Value:
    total: Any = 0
    for value in values:
        total += value
    return total  # type: ignore[no-any-return]


def _mean(values: dict[str, Value]) -> float:
    return float(_sum(values.values())) / len(values)


def _figure(value: Value | None) -> float | None:
    return None if value is None else round(float(value), 3)


def _whole(value: Value | None) -> int | None:
    return None if value is None else round(value)
