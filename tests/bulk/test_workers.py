"""Bulk jobs in the hands of several workers, of which some die."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import OperationalError, connection

from chargers.bulk import running, services
from chargers.bulk.models import BulkJob
from chargers.commands.sending import send_command
from chargers.models import ChargePoint, Command
from tests.api.cast import NOON, charge_point, online
from tests.bulk.cast import (
    HOUR,
    MINUTE,
    SECOND,
    counts,
    fleet,
    fresh,
    job_for,
    sent,
    step,
    steps,
)

pytestmark = pytest.mark.django_db


def test_a_job_that_another_worker_has_is_left_alone_until_its_lease_ends() -> None:
    job = job_for(fleet(1))
    BulkJob.objects.filter(pk=job.pk).update(leased_until=NOON + MINUTE, lease=job.pk)
    assert steps(NOON + SECOND) == 0
    assert running._work(job.pk, NOON + SECOND) == 0  # it was claimed between the look and the claim
    assert fresh(job).lease == job.pk
    assert steps(NOON + MINUTE) == 1


def test_a_job_whose_worker_was_killed_goes_on_within_half_a_minute() -> None:
    job = job_for(fleet(1))
    BulkJob.objects.filter(pk=job.pk).update(leased_until=NOON + running.LEASE, lease=job.pk)
    assert steps(NOON + 30 * SECOND) == 1


def test_a_worker_that_dies_between_two_targets_leaves_none_commanded_twice(monkeypatch: Any) -> None:
    job = job_for(fleet(4))
    step()  # the first of them

    class Killed(BaseException):
        pass

    def dies(*args: Any, **how: Any) -> Command:
        command = send_command(*args, **how)
        if Command.objects.count() == 3:
            raise Killed  # after the command was written, before the target knows of it
        return command

    with monkeypatch.context() as patch:
        patch.setattr(running, "send_command", dies)
        with pytest.raises(Killed):
            step(NOON + MINUTE)
    assert len(sent(job)) == Command.objects.count() == 2
    steps(NOON + HOUR)
    assert len(sent(job)) == Command.objects.count() == 4


def test_a_worker_that_was_overtaken_sends_nothing_more(monkeypatch: Any) -> None:
    job = job_for(fleet(9))
    step()

    def slow(*args: Any, **how: Any) -> Command:
        command = send_command(*args, **how)
        # Another has taken the job over, since this one was too slow.
        BulkJob.objects.filter(pk=job.pk).update(lease=command.pk, leased_until=NOON + 2 * HOUR)
        return command

    monkeypatch.setattr(running, "send_command", slow)
    assert step(NOON + MINUTE) == 1
    assert len(sent(job)) == Command.objects.count() == 2
    assert fresh(job).leased_until == NOON + 2 * HOUR  # not let go by the one that lost it


def test_a_target_that_has_its_result_gets_no_command(monkeypatch: Any) -> None:
    job = job_for(fleet(1))

    def late(*args: Any, **how: Any) -> Command:
        command = send_command(*args, **how)
        job.targets.update(state="accepted")
        return command

    monkeypatch.setattr(running, "send_command", late)
    assert step() == 0
    assert not Command.objects.exists()  # rolled back with it
    assert counts(job) == {"waiting": 1}


@pytest.mark.parametrize("change", [services.pause_bulk_job, services.cancel_bulk_job])
def test_a_job_is_held_back_in_the_middle_of_a_step(monkeypatch: Any, change: Callable[..., None]) -> None:
    job = job_for(fleet(9))
    step()

    def interrupted(*args: Any, **how: Any) -> Command:
        command = send_command(*args, **how)
        change(fresh(job), by="alice", now=NOON)
        return command

    monkeypatch.setattr(running, "send_command", interrupted)
    assert step(NOON + MINUTE) <= 1
    assert len(sent(job)) == Command.objects.count() <= 2


def test_what_goes_wrong_with_one_charge_point_is_noted_and_the_others_follow(monkeypatch: Any) -> None:
    job = job_for(fleet(3))

    def breaks(charge_point: ChargePoint, *args: Any, **how: Any) -> Command:
        if charge_point.cp_id == "CP002":
            raise RuntimeError("no one expected this")
        return send_command(charge_point, *args, **how)

    monkeypatch.setattr(running, "send_command", breaks)
    steps()
    assert sent(job) == ["CP001", "CP003"]
    assert job.targets.get(position=2).code == "internal_error"


def test_a_database_that_is_away_costs_no_charge_point_its_turn(monkeypatch: Any) -> None:
    first, second = job_for(fleet(2)), job_for([online(charge_point("CS201"))])
    away = True

    def fails(charge_point: ChargePoint, *args: Any, **how: Any) -> Command:
        if away and charge_point.cp_id != "CS201":
            raise OperationalError("the server closed the connection")
        return send_command(charge_point, *args, **how)

    monkeypatch.setattr(running, "send_command", fails)
    steps()
    assert (sent(first), sent(second)) == ([], ["CS201"])  # one job's trouble is not another's
    away = False
    steps(NOON + MINUTE)
    assert sent(first) == ["CP001", "CP002"]


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_moment_command_each_charge_point_once() -> None:
    jobs = [job_for(fleet(20)), job_for([online(charge_point(f"CS{n}")) for n in range(20)])]
    barrier, trouble = Barrier(4), []

    def work() -> None:
        try:
            barrier.wait(10)
            for number in range(8):
                step(NOON + number * SECOND)
        except Exception as error:
            trouble.append(error)
        finally:
            connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not trouble
    steps(NOON + MINUTE)
    for job in jobs:
        assert len(sent(job)) == 20
    assert Command.objects.count() == 40
