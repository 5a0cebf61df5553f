"""Sampled values of either version become one neutral reading: energy, power, current, voltage, state of charge."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
CURRENT = "Current.Import"
VOLTAGE = "Voltage"
SOC = "SoC"

# How a unit becomes ours: Wh, W, A, V, percent. Compared without regard to case; an unknown unit is not guessed at.
FACTORS: dict[str, dict[str, int]] = {
    ENERGY: {"": 1, "wh": 1, "kwh": 1000, "mwh": 1_000_000},
    POWER: {"": 1, "w": 1, "kw": 1000, "va": 1, "kva": 1000},
    CURRENT: {"": 1, "a": 1},
    VOLTAGE: {"": 1, "v": 1},
    SOC: {"": 1, "percent": 1, "%": 1},
}
LINES = ("L1", "L2", "L3")
# A figure beyond these is a broken meter or a broken frame; it stays in the raw samples only.
LIMITS = {ENERGY: 10**13, POWER: 10**8, CURRENT: 10**5, VOLTAGE: 10**5, SOC: 100}


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled value in neutral words; `phase` and `location` are empty when absent (outlet, all phases)."""

    measurand: str
    value: Decimal
    unit: str
    phase: str
    location: str
    context: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The main figures of one moment. Wh are whole; W, A, V and percent are floats; None = not reported."""

    context: str = ""
    energy_wh: int | None = None
    power_w: float | None = None
    current_a: float | None = None
    voltage_v: float | None = None
    soc_percent: float | None = None


def scaled(measurand: str, value: str, unit: str) -> Decimal | None:
    """Return a value in our unit, exactly; None when it is no finite number, out of range, or of an unknown unit."""
    factor = FACTORS[measurand].get(unit.strip().casefold())
    if factor is None:
        return None
    try:
        number = Decimal(value.strip().strip("\"'"))
    except InvalidOperation:
        return None
    limit = Decimal(LIMITS[measurand]) / factor
    # Compared before it is computed with: 1e999999999 is a number to Decimal, and its double an error.
    if not number.is_finite() or not -limit <= number <= limit:
        return None
    return number * factor


def read_samples16(sampled_values: Iterable[Mapping[str, Any]]) -> Reading:
    """Read the sampled values of one 1.6 MeterValue.

    Absent fields have the defaults of 1.6, 7.44 (S16-10): measurand Energy.Active.Import.Register, unit Wh, location
    Outlet. Values at another place than the outlet, and signed data, are kept raw but are no figures of the outlet.
    """
    totals: dict[str, Decimal] = {}
    phases: dict[str, dict[str, Decimal]] = {}
    context = ""
    for item in sampled_values:
        measurand = item.get("measurand", ENERGY)
        context = context or item.get("context", "")
        if (
            measurand not in FACTORS
            or item.get("location", "Outlet") not in ("Outlet", "EV")
            or item.get("format", "Raw") == "SignedData"
        ):
            continue
        value = scaled(measurand, item["value"], item.get("unit", ""))
        if value is None:
            continue
        phase = item.get("phase", "")
        if not phase:
            totals.setdefault(measurand, value)
        else:
            # "L1-N" is the phase L1 measured against N; "L1-L2" is a voltage between phases and no phase.
            line = phase.removesuffix("-N")
            if line in LINES:
                phases.setdefault(measurand, {}).setdefault(line, value)
    return Reading(
        context="" if context == "Sample.Periodic" else context[:32],
        energy_wh=_whole(_total(ENERGY, totals, phases)),
        power_w=_float(_power(totals, phases)),
        current_a=_float(totals.get(CURRENT, max(phases[CURRENT].values()) if CURRENT in phases else None)),
        voltage_v=_float(totals.get(VOLTAGE, _mean(phases.get(VOLTAGE, {})))),
        soc_percent=_float(totals.get(SOC)),
    )


def _total(
    measurand: str, totals: dict[str, Decimal], phases: dict[str, dict[str, Decimal]]
) -> Decimal | None:
    if measurand in totals:
        return totals[measurand]
    lines = phases.get(measurand)
    return sum(lines.values(), Decimal(0)) if lines else None


def _power(totals: dict[str, Decimal], phases: dict[str, dict[str, Decimal]]) -> Decimal | None:
    reported = _total(POWER, totals, phases)
    if reported is not None:
        return reported
    # Some stations report currents and voltages only (quirk V9): the sum of the products of the phases.
    currents, voltages = phases.get(CURRENT, {}), phases.get(VOLTAGE, {})
    voltage = totals.get(VOLTAGE, _mean(voltages))
    if not currents or voltage is None:
        return None
    return sum((amps * voltages.get(line, voltage) for line, amps in currents.items()), Decimal(0))


def _mean(values: dict[str, Decimal]) -> Decimal | None:
    return sum(values.values(), Decimal(0)) / len(values) if values else None


def _float(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value), 3)


def _whole(value: Decimal | None) -> int | None:
    return None if value is None else int(value.to_integral_value())
