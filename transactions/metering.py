"""What a transaction delivered, from registers that may jump, fall, restart or contradict each other. Pure.

The register at the end decides: energy = end - start (1.6, 4.10), however the readings between wander. Only when that
difference is impossible, negative or more than the connector can deliver in the time, do the readings between tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

# Added to every span of time: registers and clocks tick in steps of their own.
SLACK = timedelta(minutes=1)
# Energy by the register and energy by the power readings further apart than this differ in their unit.
UNIT_RATIO = 300
UNIT_LEAST_WH = 100
TREMBLE_WH = 10  # a fall by less is rounding, or two readings of one second in the wrong order


class Register(NamedTuple):
    """What the meter said at one moment; `ending` when the charge point calls it the reading of the end."""

    at: datetime
    wh: int | None
    power_w: float | None = None
    ending: bool = False


@dataclass(slots=True)
class Settlement:
    """The register at the end and the energy to be billed, in Wh, with words of ANOMALIES for what was odd."""

    stop_wh: int | None = None
    energy_wh: int | None = None
    words: list[str] = field(default_factory=list)

    def note(self, word: str) -> None:
        if word not in self.words:
            self.words.append(word)


class Step(NamedTuple):
    """Where in a path of registers a step ends that can be believed, and how many Wh flowed on it."""

    place: int
    gained_wh: int


def settle(
    *,
    start_wh: int | None,
    stop_wh: int | None,
    started_at: datetime,
    stopped_at: datetime,
    timed: bool,
    readings: Sequence[Register],
    max_power_w: float,
) -> Settlement:
    """Settle a transaction. `stop_wh` is None when its end carried no usable register.

    `readings` come in the order of their time. Without `timed` the times mean nothing, and nothing is made of them.
    """
    if timed:
        readings = [r for r in readings if started_at - SLACK <= r.at <= stopped_at + SLACK]
    between = [r for r in readings if r.wh is not None and not r.ending]
    told = next((r.wh for r in reversed(readings) if r.ending and r.wh is not None), None)
    out = Settlement(stop_wh)
    if min([wh for wh in (start_wh, stop_wh, *(r.wh for r in readings)) if wh is not None], default=0) < 0:
        out.note("meter_negative")
    if stop_wh is None and told is not None and (start_wh is None or told >= start_wh):
        out.stop_wh = stop_wh = told
    if start_wh is None:
        if stop_wh is None and between:
            out.stop_wh = between[-1].wh
        return out

    most = max_power_w if timed else None
    path = [Register(started_at, start_wh), *between]
    if stop_wh is None:
        if between:
            out.stop_wh = path[_walk(path, most, out)[-1].place].wh
    else:
        path.append(Register(stopped_at, stop_wh))
        total = stop_wh - start_wh
        plain = total >= 0 and _possible(total, path[0], path[-1], most)
        if total < 0:
            out.note("meter_stop_below_start")
        if not plain or _falls(path):
            _walk(path, most, out)
        # Where no restart was seen the end decides; and where no reading tells better, its word says to look at it.
        if (plain and "meter_restarted" not in out.words) or (total >= 0 and not between):
            out.energy_wh = total
    if _units_differ(out.energy_wh, readings):
        out.note("unit_suspected")
    return out


def _falls(path: Sequence[Register]) -> bool:
    values = [r.wh or 0 for r in path]
    return any(later < earlier - TREMBLE_WH for earlier, later in pairwise(values))


def _possible(rise: int, before: Register, after: Register, most: float | None) -> bool:
    """Whether so many Wh can have flowed between two moments."""
    if most is None:
        return True
    hours = (abs(after.at - before.at) + SLACK) / timedelta(hours=1)
    return rise <= most * hours


def last_rise(path: Sequence[Register], max_power_w: float | None) -> datetime | None:
    """Return when the register last stood higher by more than TREMBLE_WH than when it had so risen before.

    So small steps add up, however short the time between two readings. What falls, jumps or restarts counts as it does
    when a transaction is settled; without `max_power_w` nothing is a jump.
    """
    read = [register for register in path if register.wh is not None]
    rose_at, waiting = None, 0
    for step in _walk(read, max_power_w, Settlement()):
        waiting += step.gained_wh
        if waiting > TREMBLE_WH:
            rose_at, waiting = read[step.place].at, 0
    return rose_at


def _walk(path: Sequence[Register], most: float | None, out: Settlement) -> list[Step]:
    """Sum the believable rises of the register into `out`, and return the steps that were believed."""
    values = [r.wh or 0 for r in path]
    highest = list(values)  # the highest and the lowest register from here to the end
    lowest = list(values)
    for at in range(len(values) - 2, -1, -1):
        highest[at] = max(values[at], highest[at + 1])
        lowest[at] = min(values[at], lowest[at + 1])
    steps, here = [Step(0, 0)], 0
    for at in range(1, len(path)):
        rise = values[at] - values[here]
        if -TREMBLE_WH <= rise < 0:
            continue
        if rise < 0:
            last = at == len(path) - 1
            # A register that restarted is low, stays below what it was, and is seen more than once.
            if last or highest[at] >= values[here] or values[at] * 2 > values[here]:
                if not (last and "meter_stop_below_start" in out.words):
                    out.note("meter_fell")
                continue
            out.note("meter_restarted")
            rise = max(0, values[at])
            steps.append(Step(at, rise if _possible(rise, path[here], path[at], most) else 0))
            here = at
        elif not _possible(rise, path[here], path[at], most):
            out.note("meter_jumped")
            if at + 1 < len(path) and values[here] <= lowest[at + 1] < values[at]:
                continue  # and came back
            steps.append(Step(at, 0))
            here = at
        else:
            steps.append(Step(at, rise))
            here = at
    out.energy_wh = sum(step.gained_wh for step in steps)
    return steps


def _units_differ(energy_wh: int | None, readings: Sequence[Register]) -> bool:
    """Whether power and energy tell of different units: kWh called Wh, kW called W, or the reverse (quirk V6)."""
    powers = [(r.at, r.power_w) for r in readings if r.power_w is not None]
    if not energy_wh or len(powers) < 2:
        return False
    wh = sum(
        (earlier[1] + later[1]) / 2 * ((later[0] - earlier[0]) / timedelta(hours=1))
        for earlier, later in pairwise(powers)
    )
    low, high = sorted((wh, float(energy_wh)))
    return high >= UNIT_LEAST_WH and low > 0 and high / low >= UNIT_RATIO
