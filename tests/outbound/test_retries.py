"""Failed requests are made again, ever later, and for more than a day."""

from datetime import timedelta

from csms.core.outbound.retries import ATTEMPTS_MAX, WISH_MAX, next_delay


def delays(random: float) -> list[timedelta]:
    found = []
    while (delay := next_delay(len(found) + 1, random=lambda: random)) is not None:
        found.append(delay)
    return found


def test_the_schedule_reaches_a_day_whatever_the_dice_say() -> None:
    for random in (0.0, 0.5, 0.999):
        schedule = delays(random)
        assert len(schedule) == ATTEMPTS_MAX - 1
        assert timedelta(hours=24) <= sum(schedule, timedelta()) <= timedelta(hours=36)
        assert schedule == sorted(schedule)
    assert delays(0.0)[0] == timedelta(seconds=5)


def test_jitter_spreads_what_failed_together() -> None:
    assert delays(0.9)[3] > delays(0.1)[3] > delays(0.0)[3]


def test_after_the_last_attempt_there_is_no_other() -> None:
    assert next_delay(ATTEMPTS_MAX, random=lambda: 0.0) is None
    assert next_delay(ATTEMPTS_MAX, random=lambda: 0.0, wish=1) is None


def test_a_receiver_may_ask_for_more_time_but_not_for_ever() -> None:
    assert next_delay(1, random=lambda: 0.0, wish=100) == timedelta(seconds=100)
    assert next_delay(1, random=lambda: 0.0, wish=1) == timedelta(seconds=5)
    assert next_delay(1, random=lambda: 0.0, wish=10**9) == WISH_MAX
