"""The limits of a connector over a stretch of time, one course beside the other: those that the charge point reported,
those that follow from the profiles we know of, and those of each profile by itself.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from transactions.charging_profiles.composite import Rule, composite
from transactions.charging_profiles.models import CompositeSchedule, InstalledProfile
from transactions.charging_profiles.selectors import composite_schedules, exact, profiles_in_force

Point = tuple[datetime, Decimal | None]
"""From a moment on a limit; None = none."""


class Kind(Enum):
    """Whose limits they are."""

    REPORTED = "reported"
    EXPECTED = "expected"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class Course:
    """How one limit goes. `unit` is W or A; `points` are in order, the last is where the course ends."""

    kind: Kind
    unit: str
    points: list[Point]
    profile: InstalledProfile | None = None


def connectors_with_limits(charge_point_id: int) -> list[int]:
    """Return the connectors that have a profile or told of their limits, 0 (the charge point) first. Two queries."""
    profiles = InstalledProfile.objects.filter(
        charge_point_id=charge_point_id,
        status=InstalledProfile.Status.INSTALLED,
        connector_number__isnull=False,
    )
    told = (
        composite_schedules(charge_point_id).order_by("-pk")[:50].values_list("connector_number", flat=True)
    )
    known = profiles.order_by().values_list("connector_number", flat=True).distinct()[:50]
    return sorted({number for number in (*told, *known) if number is not None})


def courses(charge_point_id: int, connector_number: int, *, begin: datetime, end: datetime) -> list[Course]:
    """Return the courses of a connector's limits between two moments. Four queries."""
    known = list(profiles_in_force(charge_point_id, connector_number, begin=begin))
    found = []
    told = (
        composite_schedules(charge_point_id)
        .filter(connector_number=connector_number)
        .exclude(periods=[])
        .order_by("-pk")
        .first()
    )
    if told is not None and (reported := _reported(told, begin, end)):
        found.append(Course(Kind.REPORTED, told.unit, reported))
    units = {row.terms.schedule.unit for row, _ in known}
    if len(units) == 1:  # limits in W and in A do not go together: nobody here knows the voltage
        seconds = int((end - begin).total_seconds())
        steps = composite(
            [rule for _, rule in known], connector_number=connector_number, begin=begin, duration=seconds
        )
        points: list[Point] = [(begin + timedelta(seconds=step.start), step.limit) for step in steps]
        found.append(Course(Kind.EXPECTED, units.pop(), _closed(points, end)))
    for row, rule in known:
        found.append(Course(Kind.PROFILE, row.terms.schedule.unit, _alone(rule, begin, end), row))
    return found


def _reported(told: CompositeSchedule, begin: datetime, end: datetime) -> list[Point]:
    start = told.schedule_start or told.received_at
    over = min(end, start + timedelta(seconds=told.duration or told.asked_duration))
    if over <= begin:
        return []
    points: list[Point] = [
        (start + timedelta(seconds=period["start_period"]), _told(period["limit"])) for period in told.periods
    ]
    return _closed([point for point in sorted(points, key=lambda point: point[0]) if point[0] < over], over)


def _told(limit: object) -> Decimal | None:
    try:
        found = exact(limit)
    except ArithmeticError:  # a word where a figure should be
        return None
    return found if found.is_finite() else None


def _alone(rule: Rule, begin: datetime, end: datetime) -> list[Point]:
    edges = {begin} | {edge for edge in rule.edges(begin, end) if begin < edge < end}
    points: list[Point] = []
    for edge in sorted(edges):
        said = rule.says(edge)
        limit = None if said is None else said.limit
        if not points or points[-1][1] != limit:
            points.append((edge, limit))
    return _closed(points, end)


def _closed(points: list[Point], end: datetime) -> list[Point]:
    return [*points, (end, points[-1][1])] if points else []
