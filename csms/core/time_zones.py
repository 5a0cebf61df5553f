"""Hours and days as people in a time zone count them, as moments; clocks that are put forward or back included."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@lru_cache(64)
def find_zone(key: str) -> ZoneInfo:
    """Return a zone by its name, such as `Europe/Berlin`. Raises ValueError for anything else."""
    try:
        # The first part of the name is a folder for ZoneInfo, which must not be asked for just any.
        if (
            not key.isascii()
            or not key.replace("/", "").replace("_", "").replace("-", "").replace("+", "").isalnum()
        ):
            raise ValueError(key)
        return ZoneInfo(key)
    except (ValueError, KeyError, OSError) as error:
        raise ValueError("There is no such time zone; names are as in Europe/Berlin.") from error


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins, in UTC; where midnight is skipped, that is the first moment after it."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def days(since: datetime, until: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return where the days begin that touch the time from `since` until before `until`, and where the last ends."""
    day, edges = since.astimezone(zone).date(), list[datetime]()
    while not edges or edges[-1] < until:
        edge = midnight(day, zone)
        if not edges or edge > edges[-1]:  # a day may be skipped altogether, at the date line
            edges.append(edge)
        day += DAY
    return edges


def hours(since: datetime, until: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return where the hours begin that touch the time from `since` until before `until`, and where the last ends.

    An hour that comes twice, when the clock is put back, is two hours.
    """
    since = since.astimezone(UTC)
    edges = [since - _into_hour(since, zone)]
    while edges[-1] < until:
        edges.append(edges[-1] + HOUR - _into_hour(edges[-1], zone))
    return edges


def _into_hour(moment: datetime, zone: ZoneInfo) -> timedelta:
    local = moment.astimezone(zone)
    return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def runs(edges: list[datetime]) -> Iterator[tuple[int, datetime, timedelta]]:
    """Yield the edges by runs of equal steps: the number of the first step, where it begins, how long each is."""
    step = timedelta(0)
    for number, (begin, end) in enumerate(pairwise(edges)):
        if end - begin != step:
            step = end - begin
            yield number, begin, step
