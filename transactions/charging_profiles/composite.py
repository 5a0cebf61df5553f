"""Which limit follows from several charging profiles: a pure calculation (1.6, 3.13.2).

Of profiles of one purpose the highest stack level that says something at a moment counts; at the same level, the
connector's own goes before that of connector 0. A TxProfile goes before any TxDefaultProfile. Over the purposes the
lowest limit is the result. A profile says something while it is valid and its schedule runs.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

CYCLES = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Step:
    """From `start` seconds on a limit; None = none."""

    start: int
    limit: Decimal | None
    number_phases: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A profile as the calculation needs it. `begin` is the start of its schedule, of a Relative one the charging's."""

    purpose: str
    connector_number: int
    stack_level: int
    begin: datetime
    steps: tuple[Step, ...]
    duration: int | None = None
    cycle: timedelta | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def says(self, moment: datetime) -> Step | None:
        """Return what it says of a moment; None while it says nothing."""
        if (self.valid_from and moment < self.valid_from) or (self.valid_to and moment >= self.valid_to):
            return None
        passed = moment - self.begin
        if passed < timedelta(0):
            return None
        if self.cycle is not None:
            passed %= self.cycle
        seconds = passed.total_seconds()
        if self.duration is not None and seconds >= self.duration:
            return None
        return self.steps[bisect_right(self.steps, seconds, key=_start) - 1]

    def edges(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        """Return the moments at which it may begin to say something else."""
        yield from (edge for edge in (self.valid_from, self.valid_to) if edge is not None)
        offsets = [step.start for step in self.steps] + ([self.duration] if self.duration else [])
        start = self.begin
        if self.cycle is not None and start < begin:
            start += (begin - start) // self.cycle * self.cycle
        while start < end:
            yield from (start + timedelta(seconds=offset) for offset in offsets)
            if self.cycle is None:
                break
            start += self.cycle


def composite(rules: Sequence[Rule], *, connector_number: int, begin: datetime, duration: int) -> list[Step]:
    """Return the limits on a connector from `begin` on, for `duration` seconds; 0 has only those of the whole."""
    here = [rule for rule in rules if rule.connector_number in (0, connector_number)]
    if connector_number == 0:
        here = [rule for rule in here if rule.purpose == "ChargePointMaxProfile"]
    ranked = sorted(here, key=lambda rule: (rule.stack_level, rule.connector_number), reverse=True)
    end = begin + timedelta(seconds=duration)
    edges = {begin} | {edge for rule in here for edge in rule.edges(begin, end) if begin < edge < end}
    steps: list[Step] = []
    for edge in sorted(edges):
        limit, phases = _lowest(ranked, edge)
        start = int((edge - begin).total_seconds())
        if steps and steps[-1].start == start:
            steps.pop()
        if not steps or (steps[-1].limit, steps[-1].number_phases) != (limit, phases):
            steps.append(Step(start, limit, phases))
    return steps


def _lowest(ranked: Sequence[Rule], moment: datetime) -> tuple[Decimal | None, int | None]:
    def top(purpose: str) -> Step | None:
        of_it = (rule for rule in ranked if rule.purpose == purpose)
        return next((said for rule in of_it if (said := rule.says(moment)) is not None), None)

    transaction = top("TxProfile") or top("TxDefaultProfile")
    said = [step for step in (transaction, top("ChargePointMaxProfile")) if step is not None]
    limited = [(step.limit, step.number_phases) for step in said if step.limit is not None]
    return min(limited, key=lambda pair: pair[0], default=(None, None))


CLOCK_TOLERANCE = 5  # seconds by which steps may be apart: clocks differ, and a message takes its time


def difference(
    expected: Sequence[Step], reported: Sequence[Step], *, duration: int, at_most: bool = False
) -> str | None:
    """Return where two courses of limits differ first, in words; "" if nowhere, None if they cannot be compared.

    Stretches without an expected limit are passed over: a charge point has one of its own. With `at_most` only a
    reported limit above the expected one is a difference.
    """
    expected, reported = sorted(expected, key=_start), sorted(reported, key=_start)
    edges = sorted({step.start for step in (*expected, *reported) if step.start < duration})
    compared = False
    for edge, following in zip(edges, [*edges[1:], duration], strict=True):
        ours, theirs = _at(expected, edge), _at(reported, edge)
        if ours is None or theirs is None or following - edge <= CLOCK_TOLERANCE:
            continue
        compared = True
        if theirs > ours or (theirs < ours and not at_most):
            return f"After {edge} s the charge point has {theirs:f}, expected is {ours:f}."
    return "" if compared else None


def _at(steps: Sequence[Step], second: int) -> Decimal | None:
    begun = bisect_right(steps, second, key=_start)
    return steps[begun - 1].limit if begun else None


def _start(step: Step) -> int:
    return step.start
