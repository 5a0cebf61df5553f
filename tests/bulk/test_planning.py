"""What a job does next, as arithmetic: the rate, the canaries, the share of failures."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chargers.bulk.models import BulkJob
from chargers.bulk.planning import allowance, failure_share, next_at, next_step
from tests.api.cast import NOON

SECOND = timedelta(seconds=1)


def job(**values: Any) -> BulkJob:
    return BulkJob(**{"state": "running", "total": 100, "rate_per_minute": 6000, "stop_sample": 10} | values)


def drained(rate: int, gaps: list[float], standing_still: float = 0) -> list[int]:
    """How many commands each step may queue, when it comes so many seconds after the one before."""
    one, now, sent = job(rate_per_minute=rate), NOON, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        sent.append(allowance(one, now))
        for _ in range(sent[-1]):
            one.next_at = next_at(one, now)
    return sent


@pytest.mark.parametrize(
    ("rate", "gaps", "sent"),
    [
        (60, [0, 1, 1, 1], [1, 1, 1, 1]),
        (60, [0, 0.5, 0.5, 0.5], [1, 0, 1, 0]),
        (120, [0, 2, 2], [1, 4, 4]),
        (1, [0, 30, 30, 59, 1], [1, 0, 1, 0, 1]),
        (6000, [0, 1, 1], [1, 100, 100]),
        (60, [0, 3, 1], [1, 3, 1]),  # a step that comes late makes up for it,
        (60, [0, 3600, 1], [1, 6, 1]),  # but not for an hour
        (7, [0] + [60] * 3, [1, 1, 1, 1]),
    ],
)
def test_no_more_is_sent_than_the_rate_allows(rate: int, gaps: list[float], sent: list[int]) -> None:
    assert drained(rate, gaps) == sent


@pytest.mark.parametrize("rate", [1, 7, 60, 333, 6000])
def test_over_an_hour_the_rate_is_kept_and_reached(rate: int) -> None:
    total = sum(drained(rate, [0] + [2] * 1800))
    assert rate * 60 - rate // 10 <= total <= rate * 60 + 1


@pytest.mark.parametrize(
    ("counts", "state", "send"),
    [
        ({"waiting": 9}, "canary", 1),
        ({"waiting": 7, "commanded": 2}, "canary", 1),
        ({"waiting": 6, "commanded": 1, "accepted": 2}, "canary", 0),
        ({"waiting": 6, "commanded": 3}, "canary", 0),
        ({"waiting": 6, "accepted": 3}, "running", 0),
        (
            {"waiting": 5, "accepted": 2, "skipped": 1, "refused": 1},
            "canary",
            1,
        ),  # the next takes their places
        ({"waiting": 6, "accepted": 2, "rejected": 1}, "stopped", 0),
        ({"waiting": 8, "commanded": 2, "failed": 1}, "stopped", 0),
        ({"waiting": 8, "timed_out": 1}, "stopped", 0),
        ({"waiting": 8, "expired": 1}, "stopped", 0),
        ({"waiting": 8, "cancelled": 1}, "stopped", 0),
        ({"accepted": 2, "skipped": 7}, "finished", 0),
    ],
)
def test_the_canaries_go_alone_and_all_of_them_must_accept(
    counts: dict[str, int], state: str, send: int
) -> None:
    found = next_step(job(state="canary", canary=3), counts, NOON)
    assert (found.state, found.send) == (state, send)
    assert (found.why == "canary_failed") == (state == "stopped")


@pytest.mark.parametrize(
    ("share", "counts", "state"),
    [
        (None, {"waiting": 1, "rejected": 99}, "running"),
        ("0.1", {"waiting": 90, "accepted": 9, "rejected": 1}, "stopped"),
        ("0.1", {"waiting": 89, "accepted": 10, "rejected": 1}, "running"),
        ("0.1", {"waiting": 90, "rejected": 9}, "running"),  # nine results are no sample of ten
        ("0.1", {"waiting": 90, "rejected": 5, "failed": 5}, "stopped"),
        ("0.1", {"waiting": 90, "timed_out": 5, "expired": 5}, "stopped"),
        ("0", {"waiting": 80, "accepted": 20}, "running"),
        ("0", {"waiting": 80, "accepted": 19, "failed": 1}, "stopped"),
        ("1", {"waiting": 80, "accepted": 1, "failed": 19}, "running"),
        ("1", {"waiting": 80, "failed": 20}, "stopped"),
        # Whom nobody asked says nothing of the command.
        ("0.1", {"waiting": 80, "skipped": 10, "refused": 10, "cancelled": 10}, "running"),
        ("0.1", {"commanded": 1, "accepted": 9, "rejected": 2}, "running"),  # nothing is left to be stopped
        ("0.3333", {"waiting": 1, "accepted": 20, "rejected": 10}, "stopped"),
        ("0.3334", {"waiting": 1, "accepted": 20, "rejected": 10}, "running"),
    ],
)
def test_too_large_a_share_of_failures_stops_the_job(
    share: str | None, counts: dict[str, int], state: str
) -> None:
    found = next_step(job(stop_share=share and Decimal(share)), counts, NOON)
    assert found.state == state
    assert (found.why == "too_many_failures") == (state == "stopped")


def test_the_share_is_shown_with_four_digits() -> None:
    assert failure_share({}) is None
    assert failure_share({"accepted": 2, "failed": 1}) == Decimal("0.3333")


def test_it_is_finished_with_the_last_result_and_not_before() -> None:
    assert next_step(job(), {"commanded": 1, "accepted": 9}, NOON).state == "running"
    assert next_step(job(), {"accepted": 9, "failed": 1}, NOON).state == "finished"
    assert next_step(job(state="paused"), {"accepted": 1}, NOON).state == "finished"


def test_one_that_is_over_takes_back_what_is_queued_and_closes_with_the_last_result() -> None:
    over = job(state="cancelled")
    assert next_step(over, {"commanded": 1}, NOON).recall
    assert next_step(over, {"not_sent": 1}, NOON).close


def test_one_that_stays_paused_is_cancelled_after_a_week() -> None:
    paused = job(state="paused", paused_at=NOON)
    assert next_step(paused, {"waiting": 1}, NOON + timedelta(days=7) - SECOND).idle(paused)
    assert next_step(paused, {"waiting": 1}, NOON + timedelta(days=7)).why == "forgotten"
