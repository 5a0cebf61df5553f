"""Times as chargers write them and as OCPP wants them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargers.protocol.times import format_time, parse_time, time_oddity

TEN = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-21T10:00:00Z", TEN),
        ("2026-11-21T12:00:00+02:00", TEN),
        ("2026-11-21t10:00:00z", TEN),
        ("2026-11-21T04:30:00.000-05:30", TEN),
        ("2026-11-21T10:00:00.123456789Z", TEN + timedelta(microseconds=123456)),
        ("2026-11-21T10:00:00.5Z", TEN + timedelta(milliseconds=500)),
        ("2026-11-21T09:59:60Z", TEN),
    ],
)
def test_t_060_every_form_of_rfc_3339_is_read(text, instant):
    assert parse_time(text) == instant
    assert parse_time(text).tzinfo is UTC
    assert time_oddity(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T12:00:00+02",
        "2026-11-21T12:00:00+0200",
        "2026-11-21T10:00:00",
        "2026-11-21 10:00:00",
        "2026-11-21T10:00Z",
    ],
)
def test_v4_odd_forms_are_read_and_reported(text):
    assert parse_time(text) == TEN
    assert time_oddity(text)


def test_v4_a_time_without_a_zone_is_utc_and_says_so():
    assert time_oddity("2026-11-21T10:00:00") == "has no time zone, read as UTC"


@pytest.mark.parametrize(
    "text",
    [
        "222222017-10-27T19:10:11Z",
        "1000000",
        "1970-01-01T00:00:00Z",
        "2019-12-31T23:59:59Z",
        "2101-01-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-21T24:00:01Z",
        "2026-11-21T10:00:00+24:00",
        "2026-11-21T10:00:00+02:60",
        "2026-11-21",
        "٢٠٢٦-11-21T10:00:00Z",
        "",
        None,
        5,
    ],
)
def test_v4_what_cannot_be_believed_is_none(text):
    assert parse_time(text) is None
    if isinstance(text, str):
        assert time_oddity(text)


def test_t_060_times_go_out_as_utc_with_three_digits():
    assert format_time(datetime(2026, 11, 21, 10, 0, 0, 123999, UTC)) == "2026-11-21T10:00:00.123Z"
    east = timezone(timedelta(hours=2))
    assert format_time(datetime(2026, 11, 21, 12, 0, tzinfo=east)) == "2026-11-21T10:00:00.000Z"
    with pytest.raises(ValueError):
        format_time(datetime(2026, 11, 21))


@given(st.datetimes(datetime(2020, 1, 2), datetime(2100, 12, 30), timezones=st.just(UTC)))
def test_what_we_write_we_read(when):
    assert parse_time(format_time(when)) == when.replace(microsecond=when.microsecond // 1000 * 1000)


@given(st.text() | st.from_regex(r"[0-9]{1,9}-[0-9]{2}-[0-9]{2}T[0-9:.]{0,20}[Z+-][0-9:]{0,6}"))
def test_any_text_is_read_or_not_but_never_raises(text):
    found = parse_time(text)
    assert found is None or 2020 <= found.year <= 2100
    time_oddity(text)
