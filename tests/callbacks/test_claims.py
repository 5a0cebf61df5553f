"""A callback is held by one worker at a time, rung for, asked for again, and kept for so long."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from chargers.callbacks import delivery, services
from chargers.callbacks.delivery import attempt, claim_next
from chargers.callbacks.models import Callback
from chargers.callbacks.services import NotNow, try_again
from chargers.models import Command
from csms.core import reach
from csms.core.outbound.retries import ATTEMPTS_MAX
from tests.callbacks.cast import DEADLINE, State, _receivers_are_here, claimed, fresh, ordered
from tests.support.charger import eventually
from tests.support.receiver import receiving, silent, status

__all__ = ["_receivers_are_here"]


# --- claims -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_claim_is_held_until_its_lease_runs_out() -> None:
    row = ordered("https://backend.example/")
    first = claimed()
    assert claim_next(now=timezone.now()) is None
    lease = fresh(row).leased_until
    assert lease is not None
    assert lease - timezone.now() > timedelta(seconds=DEADLINE)
    second = claimed(lease)  # the process of the first was lost
    assert (first.attempt, second.attempt) == (1, 2)
    assert (second.attempt_of_series, fresh(row).attempts) == (2, 2)


@pytest.mark.django_db
def test_whoever_was_only_slow_changes_nothing_but_a_delivery_counts() -> None:
    row = ordered("https://backend.example/")
    first = claimed()
    claimed(fresh(row).leased_until)
    delivery.note(first, delivery.Attempt(error="slow"), now=timezone.now())
    assert (fresh(row).last_error, fresh(row).leased_until is None) == ("", False)
    delivery.note(first, delivery.Attempt(status=200), now=timezone.now())
    assert fresh(row).state == State.DELIVERED


@pytest.mark.django_db
def test_a_last_attempt_whose_process_was_lost_is_the_last() -> None:
    row = ordered("https://backend.example/")
    Callback.objects.filter(pk=row.pk).update(attempts=ATTEMPTS_MAX, leased_until=timezone.now())
    assert claim_next(now=timezone.now()) is None
    assert fresh(row).state == State.GAVE_UP


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_alone_gets_each_callback() -> None:
    rows = [ordered("https://backend.example/") for _ in range(6)]
    workers, claims = 4, []
    together = threading.Barrier(workers)

    def work() -> None:
        try:
            together.wait()
            while (claim := claim_next(now=timezone.now())) is not None:
                claims.append(claim.callback.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claims) == sorted(row.pk for row in rows)


def until(check: Callable[[], bool]) -> None:
    """Wait until it is true; not `eventually`, since the rows of an event loop have connections that nobody closes."""
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.django_db(transaction=True)
def test_a_dead_receiver_delays_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "AT_ONCE", 4)
    with receiving(silent) as dead, receiving() as well, receiving() as other:
        stuck = [ordered(f"{dead.origin}/{number}") for number in range(6)]
        fine = [ordered(f"{origin}/{n}") for n in range(5) for origin in (well.origin, other.origin)]
        assert delivery.deliver() >= 3
        until(lambda: len(well.messages) + len(other.messages) == len(fine))
        until(lambda: len(dead.messages) == delivery.AT_ONCE_EACH)  # two hang there, and no other tries
        until(lambda: delivery.busy() == delivery.AT_ONCE_EACH)
        assert {fresh(row).state for row in fine} == {State.DELIVERED}
        assert delivery.deliver() == 0
        dead.answers = [status(200)]
        dead.let_go.set()  # those that hang are let go, and the rest follows by itself
        until(lambda: Callback.objects.filter(state=State.DELIVERED).count() == len(fine) + 4)
        until(lambda: delivery.busy() == 0)
    assert sum(fresh(row).state == State.PENDING for row in stuck) == delivery.AT_ONCE_EACH
    assert Callback.objects.filter(state=State.DELIVERED).count() == len(fine) + 4


@pytest.mark.django_db(transaction=True)
def test_an_attempt_that_breaks_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "AT_ONCE", 1)
    with receiving() as receiver:
        bad, good = ordered(receiver.origin), ordered(receiver.origin)
        write = delivery.write
        broken = {bad.pk}

        def breaking(callback: Callback, *args: Any, **kwargs: Any) -> Any:
            if callback.pk in broken:
                raise RuntimeError("a bug")
            return write(callback, *args, **kwargs)

        monkeypatch.setattr(delivery, "write", breaking)
        assert delivery.deliver() == 1
        until(lambda: fresh(good).state == State.DELIVERED and delivery.busy() == 0)
        assert fresh(bad).state == State.PENDING
        assert fresh(bad).leased_until is not None  # it is tried again then


# --- again, the bell, retention ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_whoever_asks_begins_a_new_series_of_attempts() -> None:
    with receiving(status(410), status(500), status(200)) as receiver:
        row = ordered(receiver.origin)
        attempt(claimed())
        assert fresh(row).state == State.FAILED
        try_again(fresh(row), now=timezone.now())
        again = claimed()
        assert (again.attempt, again.attempt_of_series) == (2, 1)
        attempt(again)
        assert fresh(row).state == State.PENDING
        try_again(fresh(row), now=timezone.now())  # now, not in a while
        attempt(claimed())
        assert (fresh(row).state, fresh(row).attempts) == (State.DELIVERED, 3)
    with pytest.raises(NotNow) as refusal:
        try_again(fresh(row), now=timezone.now())
    assert refusal.value.code == "delivered"
    with pytest.raises(NotNow) as refusal:
        try_again(ordered("https://backend.example/", settled=False), now=timezone.now())
    assert refusal.value.code == "not_settled"


async def test_a_broker_that_is_away_costs_nobody_anything_and_is_one_line_of_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = threading.Semaphore(0)

    def send_task(*args: Any, **kwargs: Any) -> None:
        asked.release()
        raise OSError("the broker is away")

    monkeypatch.undo()
    monkeypatch.setattr(services.current_app, "send_task", send_task)
    reach.BROKER.found()
    caplog.clear()
    try:
        for _ in range(3):
            services.ring()
            assert asked.acquire(timeout=30)
            await eventually(lambda: not services._telling)
        assert reach.BROKER.is_lost()
    finally:
        reach.BROKER.found()
    lines = [(line.getMessage(), line.exc_info) for line in caplog.records]
    assert lines == [("broker.unreachable", None), ("broker.reachable", None)]


def test_a_broker_that_hangs_holds_one_thread_however_often_it_is_rung_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, answered, told = threading.Semaphore(0), threading.Event(), []

    def send_task(*args: Any, **kwargs: Any) -> None:
        told.append(threading.current_thread())
        asked.release()
        answered.wait(60)

    monkeypatch.undo()
    monkeypatch.setattr(services.current_app, "send_task", send_task)
    services.ring()
    assert asked.acquire(timeout=30)
    for _ in range(50):
        services.ring()
    assert len(told) == 1
    answered.set()
    assert asked.acquire(timeout=30)  # once more, for those who rang meanwhile
    told[0].join(30)
    assert told == [told[0]] * 2


def test_the_bell_names_a_task_that_exists() -> None:
    from chargers.callbacks import tasks

    assert tasks.deliver.name == services.TASK


@pytest.mark.django_db
def test_old_callbacks_go_before_their_commands_and_open_ones_stay() -> None:
    from csms.core.config import get_config
    from csms.pruning import prune

    delivered, failed, pending = (ordered("https://backend.example/") for _ in range(3))
    Callback.objects.filter(pk=delivered.pk).update(state=State.DELIVERED)
    Callback.objects.filter(pk=failed.pk).update(state=State.FAILED)
    later = timezone.now() + timedelta(days=2000)
    removed = prune(get_config(), now=later)
    assert (removed["callbacks"], removed["commands"]) == (2, 2)
    assert Callback.objects.get().pk == Command.objects.get().pk == pending.pk
