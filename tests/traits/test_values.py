"""Traits as values, budgets and clocks: pure, without a database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from chargers.budget import BURST_SECONDS, Bucket, Budgets
from chargers.protocol.clock import SkewMeter
from chargers.traits.ledger import field_and_rule
from chargers.traits.shapes import TraitsBody
from chargers.traits.values import DEFAULTS, NAMES, BadTrait, checked, merged, zone_of

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def test_what_is_said_later_prevails_and_what_is_not_said_stays():
    traits = merged(({"energy_factor": "1000", "leniency": "strict"}, {"leniency": "tolerant"}))
    assert (traits.energy_factor, traits.leniency) == (Decimal(1000), "tolerant")
    assert merged(()) is DEFAULTS
    assert merged(({"max_stack_level": 3}, {"max_stack_level": None})).max_stack_level is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"leniency": "lax"}, "leniency"),
        ({"energy_factor": "0"}, "energy_factor"),
        ({"energy_factor": "-1"}, "energy_factor"),
        ({"energy_factor": "many"}, "energy_factor"),
        ({"call_timeout": -1}, "call_timeout"),
        ({"upload_url_max": 10**9}, "upload_url_max"),
        ({"naive_time_zone": "Mars/Olympus"}, "naive_time_zone"),
        ({"naive_time_zone": "+25:00"}, "naive_time_zone"),
        ({"naive_time_zone": "../../etc/passwd"}, "naive_time_zone"),
        ({"only_version": "ocpp2.0"}, "only_version"),
        ([], ""),
    ],
)
def test_a_bad_trait_is_refused_by_name(given: object, field: str):
    with pytest.raises(BadTrait) as refused:
        checked(given)
    assert refused.value.field == field


def test_zones_are_offsets_or_names():
    winter = datetime(2026, 1, 1)
    assert zone_of("") is None
    assert zone_of("-03:30").utcoffset(winter) == -timedelta(hours=3, minutes=30)
    assert zone_of("Europe/Berlin").utcoffset(winter) == timedelta(hours=1)


def test_the_api_knows_every_trait():
    assert tuple(TraitsBody().fields) == NAMES


@pytest.mark.parametrize(
    ("note", "field", "rule"),
    [
        ("meterValue[3].sampledValue[12].unit: 'Hz' is not in OCPP 1.6, kept as text",
         "meterValue.sampledValue.unit", "… is not in OCPP 1.6, kept as text"),
        ("info: 731 characters, at most 50 are allowed, kept whole", "info",
         "… characters, at most 50 are allowed, kept whole"),
        ("connectorId: '1' read as the number 1", "connectorId", "… read as the number …"),
        ("timestamp: 'it's 1970' is not a date and time, kept as text", "timestamp",
         "… is not a date and time, kept as text"),
        ("an empty frame", "", "an empty frame"),
        ("'status': given twice, the last one was read", "status", "given twice, the last one was read"),
    ],
)  # fmt: skip
def test_a_note_without_the_values_is_a_kind_of_deviation(note: str, field: str, rule: str):
    assert field_and_rule(note) == (field, rule)


# --- clocks -----------------------------------------------------------------------------------------------------------


def heard(meter: SkewMeter, messages: list[tuple[float, float]]) -> float | None:
    """Let a meter hear messages: when they come, and what they claim, in seconds."""
    for came, claimed in messages:
        claim = (NOON + timedelta(seconds=claimed)).isoformat()
        meter.hear({"timestamp": claim}, came, NOON + timedelta(seconds=came))
    return meter.seconds


def test_a_clock_that_keeps_its_distance_is_measured():
    assert heard(SkewMeter(), [(0, 3600), (10, 3610), (60, 3660)]) == 3600


def test_two_messages_are_no_proof():
    assert heard(SkewMeter(), [(0, 3600), (10, 3610)]) is None


def test_one_odd_time_among_many_changes_nothing():
    steady = [(10 * n, 10 * n - 30) for n in range(6)]
    assert heard(SkewMeter(), [*steady, (70, 99_999)]) == -30


def test_a_replay_runs_away_from_its_arrivals_and_says_nothing():
    assert heard(SkewMeter(), [(2 * n, -86_400 + 60 * n) for n in range(50)]) is None


def test_after_a_replay_the_live_messages_are_heard():
    replay = [(2 * n, -86_400 + 60 * n) for n in range(10)]
    assert heard(SkewMeter(), [*replay, *((100 + 30 * n, 100 + 30 * n) for n in range(7))]) == 0


def test_a_clock_that_is_set_right_is_followed():
    wrong = [(10 * n, 10 * n + 900) for n in range(7)]
    assert heard(SkewMeter(), [*wrong, *((100 + 10 * n, 100 + 10 * n) for n in range(7))]) == 0


def test_the_same_skew_is_news_once_an_hour():
    meter = SkewMeter()
    assert not meter.is_news(0.0)
    meter.seconds = 59.6
    assert meter.is_news(0.0)
    meter.seconds = 60.4
    assert not meter.is_news(100.0)
    assert meter.is_news(4000.0)
    meter.seconds = 63.0
    assert meter.is_news(4001.0)


def test_a_burst_counts_once_and_nonsense_never():
    meter = SkewMeter()
    assert heard(meter, [(0.01 * n, 500) for n in range(50)]) is None
    for payload in (
        {"timestamp": "1970-01-01T00:00:00Z"},
        {"timestamp": 5},
        {},
        {"meterValue": "x"},
        {"meterValue": []},
    ):
        meter.hear(payload, 99.0, NOON)
    assert meter.seconds is None


def test_meter_values_are_heard_by_the_newest_of_their_times():
    meter = SkewMeter()
    for second in (0, 60, 120):
        times = [{"timestamp": (NOON + timedelta(seconds=second - ago)).isoformat()} for ago in (900, 0)]
        meter.hear({"meterValue": times}, float(second), NOON + timedelta(seconds=second))
    assert meter.seconds == 0


# --- budgets ----------------------------------------------------------------------------------------------------------


def test_a_minutes_worth_comes_at_once_and_the_rest_waits():
    bucket = Bucket(10, 0.0)
    assert all(bucket.take(0.0) == 0 for _ in range(10 * BURST_SECONDS))
    assert bucket.take(0.0) == pytest.approx(0.1)
    assert bucket.take(0.0) == pytest.approx(0.2)
    assert bucket.take(10.0) == 0
    assert bucket.is_full(10.0 + BURST_SECONDS + 1)


def test_huge_frames_count_as_many():
    bucket = Bucket(10, 0.0)
    waits = [bucket.take(0.0, 2**20) for _ in range(10)]
    assert waits[:4] == [0, 0, 0, 0]
    assert waits[-1] == pytest.approx((10 * (2**20 // 8192 + 1) - 600) / 10)


def test_without_a_rate_nobody_waits():
    bucket = Bucket(0, 0.0)
    assert not any(bucket.take(0.0) for _ in range(100_000))


def test_a_bucket_is_forgotten_only_when_it_is_full():
    budgets = Budgets(1)
    bucket = budgets.of(7, 0.0)
    bucket.take(0.0)
    budgets.forget(7, 0.0)
    assert budgets.of(7, 0.0) is bucket
    budgets.forget(7, 60.0)
    assert budgets.of(7, 60.0) is not bucket


def test_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Budgets, "SIZE", 10)
    budgets = Budgets(1)
    for number in range(100):
        budgets.of(number, 0.0)
    assert len(budgets._buckets) == 10
