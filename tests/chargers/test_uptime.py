"""The arithmetic of uptime: what lies between connections was offline, what lies before the first is unknown."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargers.history.uptime import Outage, Span, measure, outages, outages_within

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
FAR = 200


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def span(opened: float, closed: float | None) -> Span:
    return Span(at(opened), None if closed is None else at(closed), uuid4())


def times(found: list[Outage]) -> list[tuple[float, float | None]]:
    def seconds(moment: datetime) -> float:
        return (moment - NOON).total_seconds()

    return [
        (seconds(o.went_offline_at), o.came_online_at and seconds(o.came_online_at))  # type: ignore[misc]
        for o in found
    ]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], []),
        ([(0, None)], []),
        ([(0, 10)], [(10, None)]),
        ([(0, 10), (15, None)], [(10, 15)]),
        ([(15, None), (0, 10)], [(10, 15)]),  # in whatever order they come
        ([(0, 10), (10, 20)], [(20, None)]),  # a newer one took over at that very moment
        ([(0, 10), (5, 20), (30, None)], [(20, 30)]),  # or a little earlier
        ([(0, 20), (5, 10), (30, None)], [(20, 30)]),  # one inside another
        ([(0, None), (5, 10), (20, 30)], []),  # nothing ends while one is open
        ([(10, 9), (20, None)], [(10, 20)]),  # closed by a process whose clock is behind
        ([(0, 10), (10, 10), (20, None)], [(10, 20)]),
    ],
)
def test_outages_are_what_no_connection_covers(
    spans: list[tuple[float, float | None]], expected: list[tuple[float, float | None]]
) -> None:
    assert times(list(outages(span(*one) for one in spans))) == expected


def test_an_outage_names_the_connection_that_ended_last() -> None:
    long, inside = span(0, 20), span(5, 10)
    [outage] = outages([long, inside])
    assert outage.prior is long


def test_outages_of_a_window_are_whole_and_touch_it() -> None:
    spans = [span(0, 10), span(20, 30), span(40, 50), span(60, 70)]
    assert times(outages_within(spans, since=at(20), until=at(40))) == [(30, 40)]
    assert times(outages_within(spans, since=at(19), until=at(41))) == [(10, 20), (30, 40)]
    assert times(outages_within(spans, since=at(65), until=at(71))) == [(70, None)]
    assert times(outages_within(spans, since=at(65), until=at(70))) == []


def test_what_goes_on_counts_up_to_now_and_what_was_before_is_unknown() -> None:
    found = measure([span(10, 30)], since=at(0), until=at(100), horizon=at(50))
    assert (found.online, found.offline, found.unknown) == tuple(timedelta(seconds=s) for s in (20, 20, 60))
    assert (found.outages, found.longest, found.share) == (1, timedelta(seconds=20), Decimal("0.5"))


def test_one_that_never_connected_is_unknown() -> None:
    found = measure([], since=at(0), until=at(10), horizon=at(10))
    assert (found.online, found.offline, found.unknown) == (timedelta(0), timedelta(0), timedelta(seconds=10))
    assert (found.share, found.outages) == (None, 0)


@pytest.mark.parametrize(
    ("closed", "share"),
    [(None, "1.000000"), (999_999.9, "0.999999"), (1, "0.000001"), (0.5, "0.000000")],
)
def test_the_share_is_rounded_down_so_that_one_means_always(closed: float | None, share: str) -> None:
    found = measure([span(0, closed)], since=at(0), until=at(1_000_000), horizon=at(1_000_000))
    assert str(found.share) == share


def test_a_window_in_the_future_knows_nothing() -> None:
    found = measure([span(0, None)], since=at(20), until=at(30), horizon=at(10))
    assert (found.unknown, found.share, found.outages) == (timedelta(seconds=10), None, 0)


@st.composite
def histories(draw: st.DrawFn) -> list[Span]:
    moments = st.integers(0, FAR)
    closed = draw(st.lists(st.tuples(moments, moments), max_size=8))
    still_open = draw(st.lists(moments, max_size=2))
    return [span(*one) for one in closed] + [span(one, None) for one in still_open]


@given(histories(), st.integers(-10, FAR), st.integers(1, FAR), st.integers(0, FAR + 10))
def test_second_by_second_it_comes_to_the_same(
    spans: list[Span], since: int, length: int, horizon: int
) -> None:
    until = since + length
    online = offline = unknown = longest = run = count = 0
    first = min((one.opened for one in spans), default=None)
    for second in range(since, until):
        moment = at(second)
        covered = any(one.opened <= moment and (one.closed is None or moment < one.closed) for one in spans)
        if second >= horizon or first is None or moment < first:
            unknown += 1
            run = 0
        elif covered:
            online += 1
            run = 0
        else:
            offline += 1
            # A connection of no length lies between two outages, and so divides them.
            if run == 0 or any(one.opened == moment for one in spans):
                count, run = count + 1, 0
            run += 1
            longest = max(longest, run)
    found = measure(spans, since=at(since), until=at(until), horizon=at(horizon))
    assert [found.online, found.offline, found.unknown, found.longest] == [
        timedelta(seconds=s) for s in (online, offline, unknown, longest)
    ]
    assert found.outages == count


@given(histories(), st.permutations(range(10)))
def test_outages_follow_each_other_and_order_does_not_matter(spans: list[Span], order: list[int]) -> None:
    found = list(outages(spans))
    shuffled = [spans[i] for i in order if i < len(spans)]
    assert times(found) == times(list(outages(shuffled)))
    ends = [outage.came_online_at for outage in found]
    assert None not in ends[:-1]
    assert all(o.came_online_at is None or o.went_offline_at < o.came_online_at for o in found)
    assert all(
        a.came_online_at < b.went_offline_at or b.went_offline_at == a.came_online_at  # type: ignore[operator]
        for a, b in zip(found, found[1:], strict=False)
    )
