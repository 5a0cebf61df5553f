"""The energy meter of one connector: integrates what flows into a register that never runs backwards."""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from chargers.simulator.cars import Draw
from chargers.simulator.hardware import NOMINAL_VOLTS, Hardware

Sample = dict[str, Any]

VOLTAGE_BAND = 0.035  # of nominal: the walk of the grid voltage stays inside
VOLTAGE_STEP = 0.9  # volts between two looks, at most
CURRENT_NOISE = 0.01  # a car takes up to 1 % less than it might, never more


@dataclass(frozen=True, slots=True)
class Phase:
    volts: float
    amps: float

    @property
    def watts(self) -> float:
        return self.volts * self.amps


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the meter: register in whole Wh; one `Phase` per AC phase, or a single one for DC."""

    energy_wh: int
    phases: tuple[Phase, ...]
    is_dc: bool
    soc: float | None = None
    celsius: float | None = None

    @property
    def watts(self) -> float:
        return sum(phase.watts for phase in self.phases)


class Meter:
    """Integrates energy at one connector; the register is absolute and persists over sessions."""

    def __init__(self, hardware: Hardware, register_wh: float, rng: random.Random) -> None:
        self._hardware = hardware
        self._register_wh = register_wh
        self._rng = rng
        poles = 1 if hardware.is_dc else hardware.phases
        self._grid = [NOMINAL_VOLTS + rng.uniform(-3, 3) for _ in range(poles)]
        self._phases = tuple(Phase(0.0 if hardware.is_dc else volts, 0.0) for volts in self._grid)

    @property
    def energy_wh(self) -> int:
        return int(self._register_wh)

    def restart(self) -> None:
        """Set the register back to zero, as a meter that counts per session does (quirk V7)."""
        self._register_wh = 0.0

    def run(self, flow: Draw, seconds: float) -> float:
        """Let so much flow for so long (simulated seconds, not negative); return the energy in Wh."""
        self._phases = self._dc(flow) if self._hardware.is_dc else self._ac(flow)
        energy_wh = sum(phase.watts for phase in self._phases) * max(seconds, 0.0) / 3600
        self._register_wh += energy_wh
        return energy_wh

    def read(self, soc: float | None = None, celsius: float | None = None) -> Reading:
        return Reading(self.energy_wh, self._phases, self._hardware.is_dc, soc, celsius)

    def _dc(self, flow: Draw) -> tuple[Phase, ...]:
        if not flow.watts:
            return (Phase(0.0, 0.0),)
        return (Phase(flow.volts, flow.watts * self._slack() / flow.volts),)

    def _ac(self, flow: Draw) -> tuple[Phase, ...]:
        amps = flow.amps or (0.0,) * self._hardware.phases
        return tuple(
            Phase(self._voltage(i), amp * self._slack() if amp else 0.0) for i, amp in enumerate(amps)
        )

    def _voltage(self, phase: int) -> float:
        band = NOMINAL_VOLTS * VOLTAGE_BAND
        volts = self._grid[phase] + self._rng.uniform(-VOLTAGE_STEP, VOLTAGE_STEP)
        self._grid[phase] = min(max(volts, NOMINAL_VOLTS - band), NOMINAL_VOLTS + band)
        return self._grid[phase]

    def _slack(self) -> float:
        return 1.0 - self._rng.uniform(0, CURRENT_NOISE)


def _energy(reading: Reading) -> list[Sample]:
    return [{"value": str(reading.energy_wh), "unit": "Wh", "location": "Outlet"}]


def _power(reading: Reading) -> list[Sample]:
    total: Sample = {"value": f"{reading.watts:.1f}", "unit": "W", "location": "Outlet"}
    return [total, *_per_phase(reading, "W", "", lambda phase: phase.watts, 1)]


def _current(reading: Reading) -> list[Sample]:
    return _per_phase(reading, "A", "", lambda phase: phase.amps, 2, total_for_dc=True)


def _voltage(reading: Reading) -> list[Sample]:
    return _per_phase(reading, "V", "-N", lambda phase: phase.volts, 1, total_for_dc=True)


def _soc(reading: Reading) -> list[Sample]:
    return (
        [] if reading.soc is None else [{"value": f"{reading.soc:.0f}", "unit": "Percent", "location": "EV"}]
    )


def _temperature(reading: Reading) -> list[Sample]:
    if reading.celsius is None:
        return []
    return [{"value": f"{reading.celsius:.1f}", "unit": "Celsius", "location": "Body"}]


def _per_phase(
    reading: Reading,
    unit: str,
    suffix: str,
    of: Callable[[Phase], float],
    digits: int,
    total_for_dc: bool = False,
) -> list[Sample]:
    if reading.is_dc:
        value = f"{of(reading.phases[0]):.{digits}f}"
        return [{"value": value, "unit": unit, "location": "Outlet"}] if total_for_dc else []
    return [
        {"value": f"{of(phase):.{digits}f}", "unit": unit, "phase": f"L{i}{suffix}", "location": "Outlet"}
        for i, phase in enumerate(reading.phases, start=1)
    ]


MEASURANDS: dict[str, Callable[[Reading], list[Sample]]] = {
    "Energy.Active.Import.Register": _energy,
    "Power.Active.Import": _power,
    "Current.Import": _current,
    "Voltage": _voltage,
    "SoC": _soc,
    "Temperature": _temperature,
}


def sampled_values(reading: Reading, wanted: Collection[str], context: str) -> list[Sample]:
    """The `sampledValue` list of OCPP 1.6 for the wanted measurands; those not in MEASURANDS are skipped."""
    return [
        {**sample, "measurand": measurand, "context": context}
        for measurand in wanted
        if measurand in MEASURANDS
        for sample in MEASURANDS[measurand](reading)
    ]
