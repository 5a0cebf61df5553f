"""Silences: what they match, when they hold, and how recurring ones go on."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from time import monotonic, thread_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import REGISTRY

from alerts.silences import services
from alerts.silences.matching import checked, matches
from alerts.silences.models import Silence
from alerts.silences.selectors import in_force, state_of
from alerts.silences.services import create_silence, move_on
from alerts.silences.windows import Windows
from alerts.silences.windows import checked as checked_recurrence
from csms.core.audit.models import AuditEntry
from csms.core.refusals import BadField, NotNow
from tests.alerts.cast import DAY, HOUR, MINUTE
from tests.api.cast import NOON

LABELS = {"site": "Depot 7", "rule": "charge-point-offline", "label:power": "50"}


def matcher(name: str, op: str, value: str) -> dict[str, str]:
    return {"name": name, "op": op, "value": value}


@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        ([("site", "=", "Depot 7")], True),
        ([("site", "=", "depot 7")], False),
        ([("site", "!=", "Depot 8")], True),
        ([("site", "!=", "Depot 7")], False),
        ([("site", "=~", "Depot *")], True),
        ([("site", "=~", "Depot [78]")], True),
        ([("site", "=~", "Depot ??")], False),
        ([("site", "=~", "(a+)+$")], False),
        ([("label:power", "=", "50"), ("rule", "=~", "charge-*")], True),
        ([("label:power", "=", "50"), ("rule", "=", "clock-off")], False),
        ([("model", "=", "")], True),
        ([("model", "!=", "")], False),
    ],
)
def test_all_matchers_must_hold(matchers: list[tuple[str, str, str]], expected: bool) -> None:
    assert matches([matcher(*each) for each in matchers], LABELS) is expected


@pytest.mark.parametrize(
    "given",
    [
        [],
        "site",
        {},
        [{"name": "site"}],
        [matcher("", "=", "x")],
        [matcher("site", "~", "x")],
        [matcher("site", "=", "x" * 201)],
        [matcher("site", "=", "a\x00b")],
        [matcher("site", "=~", "*a*b*c*d*e*f*")],
        [matcher("site", "=~", "*"), matcher("model", "=~", "**")],
        [matcher("site", "=", "x")] * 11,
        [{"name": "site", "op": "=", "value": 7}],
    ],
)
def test_matchers_that_cannot_be_are_refused(given: Any) -> None:
    with pytest.raises(BadField) as refused:
        checked(given)
    assert refused.value.field == "matchers"


@pytest.mark.parametrize(
    "given",
    [
        [("x", "=", "")],
        [("x", "=", " ")],
        [("Site", "!=", "Golf")],
        [("cp_id", "!=", "no"), ("model", "=", "")],
        [("rule", "=~", "?*")],
        [("rule", "=~", "[!x]*"), ("x", "=~", "[]a]*")],
        [("rule", "=~", "[a-z]*"), ("x", "=~", "")],
    ],
)
def test_one_matcher_at_least_must_name_something(given: list[tuple[str, str, str]]) -> None:
    matchers = [matcher(*each) for each in given]
    with pytest.raises(BadField, match="One at least must name what is to be quiet") as refused:
        checked(matchers)
    assert refused.value.field == "matchers"
    for positive in (
        matcher("site", "=", "Golf"),
        matcher("rule", "=~", "charge-*"),
        matcher("x", "=~", "[a]b"),
    ):
        assert checked([*matchers, positive])[-1] == positive


def test_the_worst_pattern_is_soon_compared() -> None:
    begun = monotonic()
    assert not matches([matcher("site", "=~", "*a*a*a*a*ab")], {"site": "a" * 200})
    assert monotonic() - begun < 1


# --- windows ----------------------------------------------------------------------------------------------------------


def local(recurrence: str, zone: str = "Europe/Berlin", lasts: timedelta = HOUR) -> list[str]:
    """The first windows of what begins on Saturday, 28 March 2026, at 2:30 in Berlin; in UTC."""
    windows = Windows(datetime(2026, 3, 28, 1, 30, tzinfo=UTC), lasts, recurrence, zone)
    found = [begin for begin, _ in zip(windows.all(), range(4), strict=False)]
    return [f"{begin:%d.%m. %H:%M}" for begin, _ in found]


def test_windows_keep_to_the_clock_of_their_zone() -> None:
    # On the 29th there is no 2:30 in Berlin; from then on it is an hour earlier in UTC.
    assert local("FREQ=DAILY") == ["28.03. 01:30", "29.03. 01:30", "30.03. 00:30", "31.03. 00:30"]
    assert local("FREQ=DAILY", "UTC") == ["28.03. 01:30", "29.03. 01:30", "30.03. 01:30", "31.03. 01:30"]
    assert local("FREQ=WEEKLY;BYDAY=SA,SU;COUNT=3") == ["28.03. 01:30", "29.03. 01:30", "04.04. 00:30"]
    assert local("FREQ=MONTHLY;BYDAY=-1SA") == [
        "28.03. 01:30",
        "25.04. 00:30",
        "30.05. 00:30",
        "27.06. 00:30",
    ]
    assert local("FREQ=DAILY;UNTIL=20260330T003000Z") == ["28.03. 01:30", "29.03. 01:30", "30.03. 00:30"]
    assert local("FREQ=DAILY;UNTIL=20260330T002959Z") == ["28.03. 01:30", "29.03. 01:30"]
    assert local("") == ["28.03. 01:30"]


@pytest.mark.parametrize(
    ("day", "begin", "end", "recurrence", "expected"),
    [
        # Through the night in which clocks go back, and on its own day in the year of the first one.
        ((2026, 10, 31), 22, 28, "FREQ=YEARLY;BYMONTH=10;BYDAY=-1SA", ("30.10. 20:00", "31.10. 03:00")),
        ((2026, 10, 23), 22, 28, "FREQ=WEEKLY;BYDAY=FR,SA", ("24.10. 20:00", "25.10. 03:00")),
        ((2026, 10, 23), 22, 26.5, "FREQ=DAILY", ("24.10. 20:00", "25.10. 01:30")),  # both hours of two
        ((2026, 3, 27), 22, 28, "FREQ=DAILY", ("28.03. 21:00", "29.03. 02:00")),
        ((2026, 3, 28), 1, 2.5, "FREQ=DAILY", ("29.03. 00:00", "29.03. 01:30")),  # 2:30 is 3:30
        ((2026, 3, 28), 2.25, 2.75, "FREQ=DAILY", ("29.03. 01:15", "29.03. 01:45")),
        ((2026, 3, 28), 2.5, 3.25, "FREQ=DAILY", ("29.03. 01:30", "29.03. 02:15")),  # never without a length
    ],
)
def test_windows_end_by_the_clock_of_their_zone(
    day: tuple[int, int, int], begin: float, end: float, recurrence: str, expected: tuple[str, str]
) -> None:
    midnight = datetime(*day, tzinfo=ZoneInfo("Europe/Berlin"))
    first, over = ((midnight + hours * HOUR).astimezone(UTC) for hours in (begin, end))
    windows = list(islice(Windows(first, over - first, recurrence, "Europe/Berlin").all(), 2))
    assert windows[0] == (first, over)
    assert tuple(f"{moment:%d.%m. %H:%M}" for moment in windows[1]) == expected


def test_a_first_window_across_a_change_stays_as_it_was_given() -> None:
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # the second 2:30 of that night
    windows = Windows(second, HOUR, "FREQ=DAILY;COUNT=2", "Europe/Berlin")
    assert list(windows.all()) == [(second, second + HOUR), (second + DAY, second + DAY + HOUR)]
    back = Windows(second - HOUR, HOUR, "FREQ=DAILY;COUNT=2", "Europe/Berlin")  # from 2:30 until 2:30
    assert list(back.all()) == [(second - HOUR, second), (second + DAY, second + DAY + HOUR)]


def test_the_window_that_is_now_or_next_is_found_though_they_overlap() -> None:
    daily = Windows(NOON, 30 * HOUR, "FREQ=DAILY;COUNT=3")
    assert daily.after(NOON - HOUR) == (NOON, NOON + 30 * HOUR)
    assert daily.after(NOON + 30 * HOUR) == (NOON + DAY, NOON + 54 * HOUR)
    assert daily.last() == NOON + 78 * HOUR
    assert daily.after(NOON + 78 * HOUR) is None


@pytest.mark.parametrize(
    "recurrence",
    [
        "nonsense",
        "FREQ=HOURLY",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYHOUR=3",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=367",
        "FREQ=DAILY;COUNT=5001",
        "FREQ=DAILY;COUNT=2;UNTIL=20270101T000000Z",
        "FREQ=DAILY;UNTIL=tomorrow",
        "FREQ=DAILY;UNTIL=20269999T000000Z",
        "FREQ=DAILY;BYDAY=XX",
        "FREQ=DAILY;BYMONTH=13",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=4,6;BYMONTHDAY=31,-31",
        "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=DAILY\nDTSTART:20260101T000000Z",
        "FREQ=DAILY;EXDATE=20260101",
        "FREQ=MONTHLY;BYDAY=+10MO,+11TU",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=MONTHLY;BYDAY=0MO",
        "FREQ=YEARLY;BYDAY=-54SU",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=6SU",
        "FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=2MO",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=DAILY;BYDAY=MO,",
        "RRULE:",
    ],
)
def test_a_recurrence_that_cannot_be_is_refused_at_once(recurrence: str) -> None:
    begun = monotonic()
    with pytest.raises(BadField) as refused:
        checked_recurrence(recurrence)
    assert refused.value.field == "recurrence"
    assert monotonic() - begun < 1


@pytest.mark.parametrize(
    "recurrence",
    ["FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29", "FREQ=MONTHLY;INTERVAL=12;BYMONTH=4"],
)
def test_days_that_never_come_are_soon_found_never_to(recurrence: str) -> None:
    begun = thread_time()
    windows = Windows(datetime(2027, 3, 1, tzinfo=UTC), HOUR, recurrence)
    assert windows.last() is None
    assert windows.after(NOON) is None
    assert thread_time() - begun < 2  # it takes some ten times as long to look until the year 9999


def test_windows_of_any_year_are_at_their_days() -> None:
    for text, days in (
        ("FREQ=YEARLY;BYDAY=53MO", ["31.12. 01:30"]),  # of 2029
        ("FREQ=MONTHLY;BYDAY=5SU,-1SU;UNTIL=20260601", ["29.03. 01:30", "26.04. 00:30", "31.05. 00:30"]),
        ("FREQ=DAILY;UNTIL=99991231T235959Z", ["28.03. 01:30", "29.03. 01:30"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["29.02. 01:30", "29.02. 01:30"]),
    ):
        assert local(text)[: len(days)] == days
    late = Windows(datetime(9980, 2, 28, tzinfo=UTC), HOUR, "FREQ=DAILY;COUNT=2")
    assert late.last() == datetime(9980, 2, 29, 1, tzinfo=UTC)


def test_a_recurrence_is_kept_as_the_standard_writes_it() -> None:
    assert checked_recurrence(" rrule:freq=weekly;byday=mo,tu ") == "FREQ=WEEKLY;BYDAY=MO,TU"


# --- in rows ----------------------------------------------------------------------------------------------------------


def a_silence(**values: Any) -> Silence:
    values = {
        "matchers": [matcher("site", "=", "Depot")],
        "starts_at": NOON,
        "ends_at": NOON + HOUR,
        "comment": "works",
        "by": "alice",
        "now": NOON,
    } | values
    return create_silence(**values)


@pytest.mark.django_db
def test_a_window_that_recurs_goes_on_from_row_to_row() -> None:
    row = a_silence(recurrence="FREQ=DAILY;COUNT=3", zone="Europe/Berlin")
    held = []
    for step in range(80):
        now = NOON + step * HOUR
        move_on(now=now)
        held += [step] if in_force(now) else []
    assert held == [0, 24, 48]
    row.refresh_from_db()
    assert row.over_at == NOON + 2 * DAY + HOUR
    assert state_of(row, NOON + 80 * HOUR) == "over"


@pytest.mark.django_db
def test_one_that_cannot_be_asked_keeps_no_other_waiting(
    caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    lost, good = a_silence(recurrence="FREQ=DAILY"), a_silence(recurrence="FREQ=DAILY")
    Silence.objects.filter(pk=lost.pk).update(zone="Europe/Left_the_data")
    before = not_moved()
    with django_capture_on_commit_callbacks(execute=True):
        move_on(now=NOON + DAY)
    assert in_force(NOON + DAY) == [good]
    assert str(lost.pk) in str([vars(record) for record in caplog.records])
    assert not_moved() == before + 1


def not_moved() -> float:
    return REGISTRY.get_sample_value("csms_silences_not_moved_total") or 0


@pytest.mark.django_db
def test_one_that_nobody_moved_on_for_long_finds_its_next_window() -> None:
    row = a_silence(recurrence="FREQ=DAILY")
    move_on(now=NOON + 400 * DAY + MINUTE)
    assert in_force(NOON + 400 * DAY + MINUTE) == [row]
    assert row.over_at - NOON < timedelta(days=3654)
    row.refresh_from_db()
    assert state_of(row, NOON + 400 * DAY + MINUTE) == "active"
    assert state_of(row, NOON + 400 * DAY + 2 * HOUR) == "waiting"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("comment", {"comment": " "}),
        ("comment", {"comment": "x" * 501}),
        ("comment", {"comment": "a\x00"}),
        ("ends_at", {"ends_at": NOON}),
        ("ends_at", {"ends_at": NOON + 367 * DAY}),
        ("ends_at", {"starts_at": NOON - DAY, "ends_at": NOON}),
        ("zone", {"zone": "Europe/Nowhere"}),
        ("zone", {"zone": "../../etc/passwd"}),
        ("recurrence", {"recurrence": "FREQ=DAILY;UNTIL=20200101T000000Z"}),
        ("matchers", {"matchers": []}),
    ],
)
def test_a_silence_that_cannot_be_is_refused(field: str, values: dict[str, Any]) -> None:
    with pytest.raises(BadField) as refused:
        a_silence(**values)
    assert refused.value.field == field
    assert not Silence.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_the_first_window_is_one_of_the_recurrence() -> None:
    times = {
        "starts_at": NOON,
        "ends_at": NOON + HOUR,
        "zone": "Europe/Berlin",
    }  # a Wednesday, 13:00 in Berlin
    with pytest.raises(BadField, match=r"would begin at 2026-03-10 13:00\.") as refused:
        a_silence(recurrence="FREQ=WEEKLY;BYDAY=TU", **times)
    assert refused.value.field == "starts_at"
    assert not Silence.objects.exists()
    row = a_silence(recurrence="FREQ=WEEKLY;BYDAY=TU,WE", **times)
    assert (row.window_from, row.window_to) == (NOON, NOON + HOUR)


@pytest.mark.django_db
def test_there_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "SILENCES_MAX", 1)
    a_silence()
    with pytest.raises(NotNow) as refused:
        a_silence()
    assert refused.value.code == "too_many"
    assert a_silence(now=NOON + 2 * HOUR, starts_at=NOON + 2 * HOUR, ends_at=NOON + 3 * HOUR)
