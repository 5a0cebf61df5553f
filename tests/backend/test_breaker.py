"""An endpoint that fails is left alone, and tried by one request."""

from csms.core.backend.breaker import BREAKER, Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def breaker(clock: Clock) -> Breaker:
    return Breaker("test", failures=3, seconds=30, clock=clock)


def turn(one: Breaker) -> int:
    admitted = one.admit()
    assert admitted is not None
    return admitted


def opened(clock: Clock) -> Breaker:
    one = breaker(clock)
    for _ in range(3):
        one.failed(turn(one))
    return one


def shown() -> float:
    value: float = BREAKER.labels("test")._value.get()
    return value


def test_it_opens_after_failures_one_after_another_and_not_before() -> None:
    one = breaker(Clock())
    for _ in range(5):  # a success between begins anew
        mine = turn(one)
        one.failed(mine)
        one.failed(mine)
        one.succeeded(mine)
    assert one.state == "closed"
    one.failed(mine)
    one.failed(mine)
    one.failed(turn(one))
    assert one.state == "open"
    assert not one.admit()
    assert shown() == 2


def test_after_its_time_one_request_tries_it_and_no_second() -> None:
    clock = Clock()
    one = opened(clock)
    clock.now += 29.9
    assert not one.admit()
    clock.now += 0.1
    assert one.admit()
    assert one.state == "half_open"
    assert shown() == 1
    assert not one.admits()
    assert not one.admit()


def test_a_probe_that_succeeds_closes_it_and_one_that_fails_opens_it_for_as_long_again() -> None:
    clock = Clock()
    one = opened(clock)
    clock.now += 30
    one.failed(turn(one))
    assert one.state == "open"
    clock.now += 29
    assert not one.admit()
    clock.now += 1
    one.succeeded(turn(one))
    assert one.state == "closed"
    assert shown() == 0
    assert one.admit()


def test_a_probe_for_which_nobody_waits_any_more_lets_another_try() -> None:
    clock = Clock()
    one = opened(clock)
    clock.now += 30
    given_up = turn(one)
    one.gave_up(given_up)
    second = turn(one)
    one.gave_up(given_up)  # says it once more: the second is still trying
    assert not one.admit()
    one.succeeded(second)
    assert one.state == "closed"


def test_what_was_under_way_when_it_opened_does_not_prolong_it() -> None:
    clock = Clock()
    one = breaker(clock)
    early = turn(one)
    for _ in range(3):
        one.failed(turn(one))
    clock.now += 20
    one.failed(early)
    clock.now += 10
    assert one.admit()


def test_what_was_under_way_when_it_opened_says_nothing_of_the_probe() -> None:
    clock = Clock()
    one = breaker(clock)
    early = turn(one)
    for _ in range(3):
        one.failed(turn(one))
    clock.now += 30
    probe = turn(one)
    for say in (one.failed, one.gave_up, one.succeeded):
        say(early)
        assert one.state == "half_open"
        assert not one.admit()
    one.succeeded(probe)
    for _ in range(3):
        one.failed(early)  # nor of how it is since
    assert one.state == "closed"


def test_it_rests_as_long_as_it_asked_for_and_that_is_no_failure() -> None:
    clock = Clock()
    one = breaker(clock)
    one.rest(turn(one), 7)
    assert one.state == "closed"
    assert not one.admit()
    clock.now += 7
    assert one.admit()


def test_a_probe_that_is_asked_to_rest_lets_another_try_after_that() -> None:
    clock = Clock()
    one = opened(clock)
    clock.now += 30
    one.rest(turn(one), 7)
    assert not one.admit()
    clock.now += 7
    assert one.admit()
