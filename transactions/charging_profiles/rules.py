"""What a charging profile must be like before it is sent; each rule names the field and says a sentence."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from transactions.charging_profiles.limits import Limits
from transactions.charging_profiles.params import ChargingProfile, Schedule

Problem = tuple[str, str]
"""The field, from the profile on, and what is wrong with it."""


def profile_problems(profile: ChargingProfile, *, now: datetime) -> Iterator[Problem]:
    """Find what contradicts itself in a profile."""
    if profile.kind == "Recurring" and profile.recurrency is None:
        yield "recurrency", "a Recurring profile needs its recurrence, Daily or Weekly"
    if profile.kind != "Recurring" and profile.recurrency is not None:
        yield "recurrency", f"only a Recurring profile has a recurrence, and this one is {profile.kind}"
    if profile.kind == "Relative" and profile.schedule.start is not None:
        yield "schedule.start", "a Relative schedule begins with the charging; leave its start empty"
    if profile.kind != "Relative" and profile.schedule.start is None:
        yield "schedule.start", f"{_article(profile.kind)} schedule needs its start"
    if profile.purpose == "ChargePointMaxProfile" and profile.kind == "Relative":
        yield "kind", "a ChargePointMaxProfile belongs to no charging from whose start it could count"
    if profile.purpose == "TxProfile":
        # 1.6, 7.8: not to be used when the purpose is TxProfile.
        for name in ("valid_from", "valid_to"):
            if getattr(profile, name) is not None:
                yield name, "a TxProfile is valid as long as its transaction; leave it empty"
    if profile.valid_to is not None:
        if profile.valid_from is not None and profile.valid_from >= profile.valid_to:
            yield "valid_to", "the end of the validity is not after its beginning"
        elif profile.valid_to <= now:
            yield "valid_to", "the validity is over already"
    yield from _schedule_problems(profile.schedule)


def _schedule_problems(schedule: Schedule) -> Iterator[Problem]:
    starts = [period.start_period for period in schedule.periods]
    if starts[0] != 0:
        yield "schedule.periods.0.start_period", "the first period starts at 0"
    for number, (one, other) in enumerate(pairwise(starts), 1):
        if other <= one:
            yield (
                f"schedule.periods.{number}.start_period",
                f"it does not start after the one before, at {one} s",
            )
    if schedule.duration is not None and starts[-1] >= schedule.duration:
        last = f"schedule.periods.{len(starts) - 1}.start_period"
        yield last, f"it starts when the schedule is over, after {schedule.duration} s"


def place_problems(profile: ChargingProfile, connector_number: int) -> Iterator[Problem]:
    """Find what is wrong with the place of a profile (S16-50)."""
    if profile.purpose == "ChargePointMaxProfile" and connector_number != 0:
        yield "connector_id", "a ChargePointMaxProfile is of the whole charge point, connector 0"
    if profile.purpose == "TxProfile" and connector_number == 0:
        yield "connector_id", "a TxProfile is of the connector on which its transaction runs, not of 0"


def limit_problems(profile: ChargingProfile, limits: Limits) -> Iterator[Problem]:
    """Find what is beyond what the charge point can take (S16-52)."""
    level, most, units = limits.max_stack_level, limits.max_periods, limits.units
    if level is not None and profile.stack_level > level:
        yield "stack_level", f"the charge point takes at most {level} ({limits.stack_level_source})"
    if most is not None and len(profile.schedule.periods) > most:
        yield (
            "schedule.periods",
            f"the charge point takes at most {most} periods (ChargingScheduleMaxPeriods)",
        )
    if units and profile.schedule.unit not in units:
        yield (
            "schedule.unit",
            f"the charge point takes only {', '.join(sorted(units))} ({limits.units_source})",
        )


def hints(profile: ChargingProfile, limits: Limits) -> list[str]:
    """Return what else to try when a charge point rejects a profile that breaks no rule (quirk C3)."""
    tries = []
    if profile.stack_level > 0:
        known = limits.max_stack_level == profile.stack_level
        why = " (some reject the highest that they report)" if known else ""
        tries.append(f"stack level {profile.stack_level - 1} or 0{why}")
    if len(limits.units) != 1:
        tries.append(f"{'A' if profile.schedule.unit == 'W' else 'W'} instead of {profile.schedule.unit}")
    if profile.kind != "Relative" and profile.purpose != "ChargePointMaxProfile":
        tries.append("the kind Relative")
    if any(period.limit == 0 for period in profile.schedule.periods):
        tries.append("the least current of 6 A instead of the limit 0")
    if profile.schedule.unit == "A" and any(p.limit not in COMMON_AMPERES for p in profile.schedule.periods):
        tries.append("a limit of 6, 8, 10, 13, 16 or 32 A")
    return tries


def next_try(
    profile: ChargingProfile, limits: Limits, *, alone: bool, now: datetime
) -> ChargingProfile | None:
    """Return a profile of the same limits that a charge point which rejected this one may take; None if there is none.

    Levels mean nothing while a profile is `alone`, the only one of its purpose at its connector. A schedule of one
    period that has begun means the same from the start of charging on.
    """
    level, schedule = profile.stack_level, profile.schedule
    if level > 0 and alone:
        lower = level - 1 if level == limits.max_stack_level else 0
        return profile.model_copy(update={"stack_level": lower})
    constant = len(schedule.periods) == 1 and schedule.duration is None
    begun = schedule.start is not None and schedule.start <= now
    if profile.kind == "Absolute" and profile.purpose != "ChargePointMaxProfile" and constant and begun:
        relative = schedule.model_copy(update={"start": None})
        return profile.model_copy(update={"kind": "Relative", "schedule": relative})
    return None


COMMON_AMPERES = frozenset({6, 8, 10, 13, 16, 32})


def _article(kind: str) -> str:
    return f"an {kind}" if kind == "Absolute" else f"a {kind}"
