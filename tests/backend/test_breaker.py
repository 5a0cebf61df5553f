"""An endpoint that fails is left alone, and tried by one request."""

from csms.core.backend.breaker import BREAKER, Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def breaker(clock: Clock) -> Breaker:
    return Breaker("test", failures=3, seconds=30, clock=clock)


def opened(clock: Clock) -> Breaker:
    one = breaker(clock)
    for _ in range(3):
        assert one.admit()
        one.failed()
    return one


def test_it_opens_after_failures_one_after_another_and_not_before() -> None:
    one = breaker(Clock())
    for _ in range(5):  # a success between begins anew
        one.admit()
        one.failed()
        one.failed()
        one.succeeded()
    assert one.state == "closed"
    one.failed()
    one.failed()
    assert one.admit()
    one.failed()
    assert one.state == "open"
    assert not one.admit()
    assert BREAKER.labels("test")._value.get() == 2


def test_after_its_time_one_request_tries_it_and_no_second() -> None:
    clock = Clock()
    one = opened(clock)
    clock.now += 29.9
    assert not one.admit()
    clock.now += 0.1
    assert one.admit()
    assert one.state == "half_open"
    assert not one.admits()
    assert not one.admit()


def test_a_probe_that_succeeds_closes_it_and_one_that_fails_opens_it_for_as_long_again() -> None:
    clock = Clock()
    one = opened(clock)
    clock.now += 30
    assert one.admit()
    one.failed()
    assert one.state == "open"
    clock.now += 29
    assert not one.admit()
    clock.now += 1
    assert one.admit()
    one.succeeded()
    assert one.state == "closed"
    assert one.admit()


def test_a_probe_for_which_nobody_waits_any_more_lets_another_try() -> None:
    clock = Clock()
    one = opened(clock)
    clock.now += 30
    assert one.admit()
    one.gave_up()
    assert one.admit()


def test_what_was_under_way_when_it_opened_does_not_prolong_it() -> None:
    clock = Clock()
    one = opened(clock)
    clock.now += 20
    one.failed()
    clock.now += 10
    assert one.admit()


def test_it_rests_as_long_as_it_asked_for_and_that_is_no_failure() -> None:
    clock = Clock()
    one = breaker(clock)
    assert one.admit()
    one.rest(7)
    assert one.state == "closed"
    assert not one.admit()
    clock.now += 7
    assert one.admit()
