"""Hours and days of time zones, where clocks are changed and where calendars skip a day."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from csms.core.time_zones import days, find_zone, hours, midnight, runs

BERLIN, SYDNEY_LIKE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def lengths(edges: list[datetime]) -> list[float]:
    return [(end - begin) / timedelta(hours=1) for begin, end in zip(edges, edges[1:], strict=False)]


def test_days_have_as_many_hours_as_clocks_give_them() -> None:
    assert lengths(days(at("2026-03-28T12:00"), at("2026-03-30T12:00"), BERLIN)) == [24, 23, 24]
    assert lengths(days(at("2026-10-24T12:00"), at("2026-10-26T12:00"), BERLIN)) == [24, 25, 24]
    assert lengths(days(at("2026-04-04T00:00"), at("2026-04-05T20:00"), SYDNEY_LIKE)) == [24, 24.5, 24]


def test_a_day_that_begins_at_one_and_a_day_that_never_was() -> None:
    # Clocks in Sao Paulo went from midnight to one o'clock.
    assert midnight(datetime(2018, 11, 4).date(), ZoneInfo("America/Sao_Paulo")) == at("2018-11-04T03:00")
    # Samoa went from the 29th to the 31st.
    edges = days(at("2011-12-29T12:00"), at("2011-12-31T12:00"), ZoneInfo("Pacific/Apia"))
    assert lengths(edges) == [24, 24, 24]
    assert edges == sorted(set(edges))


def test_hours_are_whole_on_the_clock_on_the_wall() -> None:
    kolkata = hours(at("2026-03-04T00:00"), at("2026-03-04T02:00"), ZoneInfo("Asia/Kolkata"))
    assert kolkata == [at("2026-03-03T23:30") + timedelta(hours=hour) for hour in range(4)]
    # At two the clock goes back to half past one: one hour and a half of "one o'clock".
    assert lengths(hours(at("2026-04-04T13:00"), at("2026-04-04T17:00"), SYDNEY_LIKE)) == [1, 1, 0.5, 1, 1]


@pytest.mark.parametrize("edge", ["2026-03-04T00:00", "2026-03-04T01:00"])
def test_a_window_that_ends_on_an_edge_has_nothing_behind_it(edge: str) -> None:
    assert hours(at(edge) - timedelta(hours=1), at(edge), find_zone("UTC"))[-1] == at(edge)


def test_runs_tell_where_the_length_changes() -> None:
    edges = days(at("2026-03-28T12:00"), at("2026-03-31T12:00"), BERLIN)
    assert [(number, step / timedelta(hours=1)) for number, _, step in runs(edges)] == [
        (0, 24),
        (1, 23),
        (2, 24),
    ]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "Nowhere",
        "Europe",
        "../UTC",
        "/etc/localtime",
        "Europe//Berlin\x00",
        "é",
        "C:",
        "~root",
        "x" * 9999,
    ],
)
def test_what_is_no_zone_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no such time zone"):
        find_zone(key)


def test_zones_of_every_form_are_found() -> None:
    for key in (
        "UTC",
        "Europe/Berlin",
        "America/Argentina/Buenos_Aires",
        "Etc/GMT+5",
        "America/Port-au-Prince",
    ):
        assert find_zone(key).key == key
