"""Quiet hours by the clock on the wall, also on the days on which it is put forward or back; digests by the minute."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from alerts.channels.models import Channel
from alerts.notifications.timing import gathered_until, held_until, quiet_until
from tests.support.house import settings_are

ZURICH = "Europe/Zurich"


def channel(**values: Any) -> Channel:
    night = {"zone": ZURICH, "quiet_from": time(22), "quiet_until": time(7)}
    return Channel(**night | values)


def at(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-04 20:59", None),  # 21:59 in Zürich
        ("2026-03-04 21:00", "2026-03-05 06:00"),
        ("2026-03-05 02:00", "2026-03-05 06:00"),
        ("2026-03-05 05:59", "2026-03-05 06:00"),
        ("2026-03-05 06:00", None),
    ],
)
def test_a_night_begins_on_one_day_and_ends_on_the_next(now: str, until: str | None) -> None:
    assert quiet_until(channel(), at(now)) == (at(until) if until else None)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # Clocks are put forward on 2026-03-29 at 01:00 UTC: the night has 8 hours.
        ("2026-03-28 21:00", "2026-03-29 05:00"),
        ("2026-03-29 04:59", "2026-03-29 05:00"),
        ("2026-03-29 05:00", None),
        # They are put back on 2026-10-25 at 01:00 UTC: the night has 10 hours.
        ("2026-10-24 20:00", "2026-10-25 06:00"),
        ("2026-10-25 05:59", "2026-10-25 06:00"),
        ("2026-10-25 06:00", None),
    ],
)
def test_a_night_in_which_clocks_change(now: str, until: str | None) -> None:
    assert quiet_until(channel(), at(now)) == (at(until) if until else None)


@pytest.mark.parametrize(
    ("begin", "end", "now", "until"),
    [
        # Between 02:00 and 03:00 an hour comes twice, at 00:00 and at 01:00 UTC: both are quiet.
        ("01:00", "02:30", "2026-10-25 00:10", "2026-10-25 01:30"),
        ("01:00", "02:30", "2026-10-25 00:40", "2026-10-25 01:30"),
        ("01:00", "02:30", "2026-10-25 01:29", "2026-10-25 01:30"),
        ("02:30", "05:00", "2026-10-25 00:30", "2026-10-25 04:00"),
        # In spring it is skipped: a time in it is as much later.
        ("01:00", "02:30", "2026-03-29 01:29", "2026-03-29 01:30"),
        ("01:00", "02:30", "2026-03-29 01:30", None),
        ("02:30", "05:00", "2026-03-29 01:29", None),
        ("02:30", "05:00", "2026-03-29 01:30", "2026-03-29 03:00"),
        # And hours that lie wholly in it are an hour later.
        ("02:10", "02:50", "2026-03-29 01:10", "2026-03-29 01:50"),
    ],
)
def test_an_hour_that_comes_twice_or_not_at_all(begin: str, end: str, now: str, until: str | None) -> None:
    one = channel(quiet_from=time.fromisoformat(begin), quiet_until=time.fromisoformat(end))
    assert quiet_until(one, at(now)) == (at(until) if until else None)


def test_the_day_is_that_on_which_they_begin() -> None:
    weekend = channel(quiet_days=[4, 5])  # Friday and Saturday night
    assert quiet_until(weekend, at("2026-03-06 23:00")) == at("2026-03-07 06:00")
    assert quiet_until(weekend, at("2026-03-07 03:00")) == at("2026-03-07 06:00")
    assert quiet_until(weekend, at("2026-03-08 23:00")) is None  # Sunday
    assert quiet_until(channel(quiet_days=[]), at("2026-03-06 23:00")) is None


def test_equal_times_are_a_whole_day() -> None:
    sunday = channel(quiet_days=[6], quiet_from=time(0), quiet_until=time(0))
    assert quiet_until(sunday, at("2026-03-08 12:00")) == at("2026-03-08 23:00")
    assert quiet_until(sunday, at("2026-03-09 12:00")) is None


def test_a_channel_without_quiet_hours_is_never_quiet() -> None:
    assert quiet_until(channel(quiet_from=None, quiet_until=None), at("2026-03-05 02:00")) is None


def test_without_a_zone_it_is_that_of_the_house() -> None:
    one = channel(zone="", quiet_from=time(12), quiet_until=time(13))
    assert quiet_until(one, at("2026-03-05 12:30")) == at("2026-03-05 13:00")
    with settings_are(CSMS_TIME_ZONE="Asia/Tokyo"):
        assert quiet_until(one, at("2026-03-05 12:30")) is None
        assert quiet_until(one, at("2026-03-05 03:30")) == at("2026-03-05 04:00")


def test_what_is_gathered_is_told_at_multiples_of_its_minutes() -> None:
    hourly = channel(digest_minutes=60)
    assert gathered_until(hourly, at("2026-03-05 12:00")) == at("2026-03-05 13:00")
    assert gathered_until(hourly, at("2026-03-05 12:59:59")) == at("2026-03-05 13:00")
    assert gathered_until(channel(digest_minutes=45), at("2026-03-05 23:40")) == at("2026-03-06 00:00")
    assert gathered_until(channel(), at("2026-03-05 12:00")) is None


@pytest.mark.parametrize(
    ("severity", "now", "values", "until"),
    [
        ("critical", "2026-03-05 02:00", {}, None),
        ("critical", "2026-03-05 02:00", {"critical_in_quiet": False}, "2026-03-05 06:00"),
        ("warning", "2026-03-05 02:00", {}, "2026-03-05 06:00"),
        ("warning", "2026-03-05 12:00", {"digest_minutes": 30}, "2026-03-05 12:30"),
        ("warning", "2026-03-05 02:00", {"digest_minutes": 30}, "2026-03-05 06:00"),
        ("critical", "2026-03-05 12:00", {"digest_minutes": 30}, None),
        ("info", "2026-03-05 12:00", {}, None),
    ],
)
def test_what_is_held_back(severity: str, now: str, values: dict[str, Any], until: str | None) -> None:
    assert held_until(channel(**values), severity, at(now)) == (at(until) if until else None)


def test_every_moment_of_a_year_is_in_a_night_or_not() -> None:
    """By the wall: hour by hour, also where the hour comes twice."""
    from zoneinfo import ZoneInfo

    zone, now = ZoneInfo(ZURICH), at("2026-01-01 00:00")
    while now.year == 2026:
        quiet = quiet_until(channel(), now)
        assert (quiet is not None) == (now.astimezone(zone).hour in (22, 23, *range(7))), now
        assert quiet is None or now < quiet <= now + timedelta(hours=10)
        now += timedelta(hours=1)
