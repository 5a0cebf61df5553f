"""The limits of one connector as a chart: what the charge point said, what we expect, what each profile says."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from console.pages import page
from console.views.charge_point import charge_point_or_404
from transactions.charging_profiles.courses import Course, Kind, courses

BEFORE, AFTER = timedelta(hours=1), timedelta(hours=24)
POINTS_MAX = 2000  # of one course; a profile that changes every minute has 1500


def _name(course: Course) -> str:
    if course.kind is Kind.REPORTED:
        return _("As it reported")
    if course.kind is Kind.EXPECTED:
        return _("By all known profiles")
    profile = course.profile
    assert profile is not None
    words = {"number": profile.profile_id, "purpose": profile.purpose, "level": profile.stack_level}
    return _("%(purpose)s %(number)s, level %(level)s") % words


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _figure(limit: Decimal | None) -> float | None:
    return None if limit is None or not limit.is_finite() else float(limit)


def figures(found: list[Course], *, now: datetime) -> dict[str, Any]:
    """Return what the chart draws: each course a stepped line, those of ours dashed."""
    units = [course.unit for course in found]
    return {
        "unit": units[0] if units else "A",
        "decimals": 1,
        "from": _milliseconds(now - BEFORE),
        "to": _milliseconds(now + AFTER),
        "marks": [{"at": _milliseconds(now), "label": _("now")}],
        "empty": _("No limit is known for the next day: no profile is installed, and it was not asked."),
        "series": [
            {
                "label": _name(course),
                "kind": "step",
                "unit": course.unit,
                "dash": course.kind is Kind.PROFILE,
                "points": [
                    [_milliseconds(max(at, now - BEFORE)), _figure(limit)]
                    for at, limit in course.points[-POINTS_MAX:]
                ],
            }
            for course in found
        ],
    }


@page
def chart(request: HttpRequest, cp_id: str, connector: int) -> JsonResponse:
    """Return the limits of a connector from an hour ago until a day from now."""
    found, now = charge_point_or_404(cp_id), timezone.now()
    if connector >= 2**31:
        connector = 0
    return JsonResponse(figures(courses(found.pk, connector, begin=now - BEFORE, end=now + AFTER), now=now))
