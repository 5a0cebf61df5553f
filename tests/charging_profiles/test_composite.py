"""Which limit follows from several profiles: by example, and against a calculation second by second."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactions.charging_profiles.composite import CYCLES, Rule, Step, composite, difference

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def steps(*pairs: tuple[int, float | None]) -> list[Step]:
    return [Step(start, None if limit is None else Decimal(str(limit))) for start, limit in pairs]


def rule(
    purpose: str, *pairs: tuple[int, float], connector: int = 0, level: int = 0, **values: object
) -> Rule:
    values.setdefault("begin", NOON)
    return Rule(purpose, connector, level, steps=tuple(steps(*pairs)), **values)  # type: ignore[arg-type]


def limits(*rules: Rule, connector: int = 1, duration: int = 7200, begin: datetime = NOON) -> list[Step]:
    return composite(rules, connector_number=connector, begin=begin, duration=duration)


MAX, DEFAULT, TX = "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"


# --- by example -------------------------------------------------------------------------------------------------------


def test_without_a_profile_there_is_no_limit():
    assert limits() == steps((0, None))


def test_the_highest_level_that_says_something_counts():
    low = rule(DEFAULT, (0, 32), level=0)
    high = rule(DEFAULT, (0, 10), level=1, begin=NOON + timedelta(seconds=600), duration=600)
    assert limits(low, high) == steps((0, 32), (600, 10), (1200, 32))


def test_at_one_level_the_connectors_own_goes_before_that_of_all():
    assert limits(rule(DEFAULT, (0, 32)), rule(DEFAULT, (0, 10), connector=1)) == steps((0, 10))
    assert limits(rule(DEFAULT, (0, 32)), rule(DEFAULT, (0, 10), connector=2)) == steps((0, 32))
    assert limits(rule(DEFAULT, (0, 32), level=1), rule(DEFAULT, (0, 10), connector=1)) == steps((0, 32))


def test_a_tx_profile_goes_before_a_default_profile_of_any_level():
    assert limits(rule(DEFAULT, (0, 10), level=9), rule(TX, (0, 16), connector=1)) == steps((0, 16))


def test_the_lowest_over_the_purposes_is_the_result():
    whole = rule(MAX, (0, 20), (3600, 12))
    assert limits(whole, rule(TX, (0, 16), connector=1)) == steps((0, 16), (3600, 12))


def test_the_whole_charge_point_has_only_its_own_limit():
    assert limits(rule(MAX, (0, 20)), rule(DEFAULT, (0, 10)), connector=0) == steps((0, 20))


def test_validity_bounds_a_profile():
    valid = rule(
        DEFAULT, (0, 10), valid_from=NOON + timedelta(seconds=60), valid_to=NOON + timedelta(seconds=120)
    )
    assert limits(valid) == steps((0, None), (60, 10), (120, None))


def test_a_daily_profile_comes_again_and_not_before_its_start():
    daily = rule(DEFAULT, (0, 10), (3600, 16), duration=7200, cycle=CYCLES["Daily"])
    tomorrow = NOON + timedelta(days=1)
    assert limits(daily, begin=tomorrow - timedelta(hours=1), duration=5 * 3600) == steps(
        (0, None), (3600, 10), (7200, 16), (10800, None)
    )
    assert limits(daily, begin=NOON - timedelta(hours=1)) == steps((0, None), (3600, 10))


def test_a_zero_is_a_limit():
    assert limits(rule(MAX, (0, 20)), rule(TX, (0, 0), connector=1)) == steps((0, 0))


# --- second by second -------------------------------------------------------------------------------------------------

SECONDS = 40
offsets = st.integers(-SECONDS, SECONDS).map(lambda seconds: NOON + timedelta(seconds=seconds))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    starts = sorted({0, *draw(st.lists(st.integers(1, 30), max_size=3))})
    purpose = draw(st.sampled_from([MAX, DEFAULT, TX]))
    return Rule(
        purpose=purpose,
        connector_number=0 if purpose == MAX else draw(st.sampled_from([0, 1, 2])),
        stack_level=draw(st.integers(0, 2)),
        begin=draw(offsets),
        steps=tuple(Step(start, Decimal(draw(st.integers(0, 320))) / 10) for start in starts),
        duration=draw(st.none() | st.integers(1, 40)),
        cycle=draw(st.none() | st.integers(5, 40).map(lambda s: timedelta(seconds=s))),
        valid_from=draw(st.none() | offsets),
        valid_to=draw(st.none() | offsets),
    )


def naive(known: list[Rule], connector: int, moment: datetime) -> Decimal | None:
    """The limit at one moment, from the words of the specification."""

    def of(purpose: str) -> Decimal | None:
        here = [
            (one.stack_level, one.connector_number, one.says(moment))
            for one in known
            if one.purpose == purpose and one.connector_number in (0, connector)
        ]
        saying = [(level, number, said.limit) for level, number, said in here if said is not None]
        best = max(saying, key=lambda each: each[:2], default=None)
        return best[2] if best else None

    transaction = None
    if connector:
        transaction = of(TX) if of(TX) is not None else of(DEFAULT)
    both = [limit for limit in (transaction, of(MAX)) if limit is not None]
    return min(both, default=None)


@given(
    st.lists(rules(), max_size=5, unique_by=lambda r: (r.purpose, r.stack_level, r.connector_number)),
    st.integers(0, 2),
)
def test_the_course_of_limits_is_that_of_each_second(known: list[Rule], connector: int):
    course = limits(*known, connector=connector, duration=SECONDS)
    assert course[0].start == 0
    assert all(one.start < other.start for one, other in zip(course, course[1:], strict=False))
    for second in range(SECONDS):
        here = [step for step in course if step.start <= second][-1].limit
        assert here == naive(known, connector, NOON + timedelta(seconds=second)), second


@given(st.lists(rules(), max_size=4), rules())
def test_one_more_profile_of_the_whole_never_raises_a_limit(known: list[Rule], more: Rule):
    without_whole = [one for one in known if one.purpose != MAX]
    whole = Rule(MAX, 0, 0, NOON, more.steps)
    before, after = limits(*without_whole), limits(*without_whole, whole)
    for second in (0, 10, 20, 30):
        low = [step for step in after if step.start <= second][-1].limit
        high = [step for step in before if step.start <= second][-1].limit
        assert low is not None
        assert high is None or low <= high


# --- compared with what a charge point says ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "at_most", "verdict"),
    [
        (steps((0, 16)), steps((0, 16)), False, ""),
        (steps((0, 16)), steps((0, 16), (600, 16)), False, ""),
        (steps((0, 16), (600, 8)), steps((0, 16), (603, 8)), False, ""),  # clocks differ
        (
            steps((0, 16), (600, 8)),
            steps((0, 16)),
            False,
            "After 600 s the charge point has 16, expected is 8.",
        ),
        (steps((0, 16)), steps((0, "15.9")), False, "After 0 s the charge point has 15.9, expected is 16."),
        (steps((0, 16)), steps((0, 10)), True, ""),
        (steps((0, 16)), steps((0, 20)), True, "After 0 s the charge point has 20, expected is 16."),
        (steps((0, None)), steps((0, 32)), False, None),
        (steps((0, 16)), [], False, None),
    ],
)
def test_differences_are_found(ours: list[Step], theirs: list[Step], at_most: bool, verdict: str | None):
    assert difference(ours, theirs, duration=3600, at_most=at_most) == verdict
