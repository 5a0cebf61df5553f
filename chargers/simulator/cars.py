"""What a car takes from an outlet, as a function of its battery: pure, so that the curves can be tested."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from chargers.simulator.hardware import Hardware

AC_EFFICIENCY = 0.90  # the on-board charger loses the rest
DC_EFFICIENCY = 0.95
DC_TAPER_STARTS = 80.0  # percent of charge
DC_TAPER_FLOOR = 0.10  # fraction of full power that is left at 100 %
AC_TAPER_STARTS = 97.0
AC_TAPER_FLOOR = 0.30
MINIMUM_AMPS = 6.0  # IEC 61851-1: below 6 A a car does not charge at all


@dataclass(frozen=True, slots=True)
class Car:
    """A car model: battery in Wh, limits of its on-board charger and of its DC inlet."""

    name: str
    battery_wh: float
    ac_phases: int
    ac_amps: float
    dc_watts: float
    pack_volts: float


CARS: tuple[Car, ...] = (
    Car("small city car", 32_000, 1, 32, 40_000, 350),
    Car("hatchback", 58_000, 3, 16, 100_000, 400),
    Car("family estate", 77_000, 3, 16, 135_000, 400),
    Car("saloon", 82_000, 3, 16, 170_000, 400),
    Car("tourer", 93_000, 3, 32, 230_000, 800),
    Car("delivery van", 68_000, 3, 16, 115_000, 400),
    Car("plug-in hybrid", 13_000, 1, 16, 0, 350),
)


@dataclass(frozen=True, slots=True)
class Draw:
    """What flows now: amps per phase from an AC outlet, or watts at so many volts from a DC one."""

    amps: tuple[float, ...] = ()
    watts: float = 0.0
    volts: float = 0.0

    @property
    def flows(self) -> bool:
        return self.watts > 0 or any(self.amps)


def taper(soc: float, starts: float, floor: float) -> float:
    """Fraction of full power at a state of charge: 1 up to `starts`, then linear down to `floor` at 100 %."""
    if soc >= 100:
        return 0.0
    if soc <= starts:
        return 1.0
    return 1.0 - (1.0 - floor) * (soc - starts) / (100.0 - starts)


@dataclass(frozen=True, slots=True)
class Limit:
    """What a charging schedule leaves of an outlet: amps per phase and phases for AC, watts for DC."""

    amps: float = inf
    phases: int = 3
    watts: float = inf


NO_LIMIT = Limit()


def draw(car: Car, hardware: Hardware, soc: float, limit: Limit = NO_LIMIT) -> Draw:
    """What this car takes from this outlet at this state of charge; never above the limit of either."""
    if hardware.is_dc:
        volts = car.pack_volts * (0.85 + 0.15 * soc / 100)
        most = min(car.dc_watts, hardware.dc_watts) * taper(soc, DC_TAPER_STARTS, DC_TAPER_FLOOR)
        return Draw(watts=min(most, limit.watts), volts=volts)
    if limit.amps < MINIMUM_AMPS:
        return Draw(amps=(0.0,) * hardware.phases)
    wanted = min(car.ac_amps, hardware.amps) * taper(soc, AC_TAPER_STARTS, AC_TAPER_FLOOR)
    amps = min(max(wanted, MINIMUM_AMPS), limit.amps) if wanted else 0.0
    phases = min(car.ac_phases, hardware.phases, limit.phases)
    return Draw(amps=tuple(amps if phase < phases else 0.0 for phase in range(hardware.phases)))


def fits(hardware: Hardware) -> Sequence[Car]:
    """The cars that can charge here at all."""
    return [car for car in CARS if car.dc_watts] if hardware.is_dc else CARS


@dataclass(slots=True)
class Battery:
    """The charge of one car during one visit; `target` is the percentage at which it stops."""

    car: Car
    soc: float
    target: float = 100.0
    _efficiency: float = field(default=AC_EFFICIENCY)

    @classmethod
    def at(cls, car: Car, hardware: Hardware, soc: float, target: float) -> "Battery":
        return cls(car, soc, target, DC_EFFICIENCY if hardware.is_dc else AC_EFFICIENCY)

    @property
    def is_full(self) -> bool:
        return self.soc >= self.target

    def take(self, energy_wh: float) -> None:
        """Store what the outlet delivered, less the losses."""
        self.soc = min(100.0, self.soc + 100.0 * energy_wh * self._efficiency / self.car.battery_wh)
