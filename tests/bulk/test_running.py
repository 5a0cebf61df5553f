"""Bulk jobs at work on the store, step by step; the time is an argument."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from chargers.bulk import running, services
from chargers.bulk.models import BulkJob, BulkTarget
from chargers.commands.ledger import cancel_command, expire_commands, settle_failure
from chargers.commands.ordering import CommandRefused
from chargers.commands.sending import send_command
from chargers.models import ChargePoint, Command
from chargers.protocol.redaction import MASK
from csms.core.config import get_config
from csms.core.events.models import Event
from csms.pruning import prune
from tests.api.cast import NOON, charge_point, local_list, online
from tests.bulk.cast import (
    ALICE,
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    answers,
    counts,
    fleet,
    fresh,
    job_for,
    sent,
    state,
    step,
    steps,
)

pytestmark = pytest.mark.django_db


# --- the way of a job -------------------------------------------------------------------------------------------------


def test_each_charge_point_is_commanded_once_and_its_answer_is_noted() -> None:
    job = job_for(fleet(3))
    steps()
    assert sent(job) == ["CP001", "CP002", "CP003"]
    command = Command.objects.first()
    assert command is not None
    assert (command.type, command.by) == ("clear-cache", "alice")
    answers(job, count=2)
    answers(job, "Rejected")
    assert steps(NOON + MINUTE) == 0
    assert counts(job) == {"accepted": 2, "rejected": 1}
    done = fresh(job)
    assert (done.state, done.why) == ("finished", "")
    assert done.ended_at
    assert done.closed_at
    assert done.counts == {"accepted": 2, "rejected": 1}
    rejected = BulkTarget.objects.get(job=job, state="rejected")
    assert (rejected.answer_status, rejected.settled_at) == ("Rejected", NOON)


def test_a_callerror_and_a_timeout_are_failures_with_their_codes() -> None:
    job = job_for(fleet(2))
    steps()
    first, second = Command.objects.order_by("pk")
    settle_failure(first.pk, code="InternalError", description="the contactor is stuck", now=NOON)
    assert expire_commands(now=NOON + HOUR) == 1
    assert second.pk
    assert list(job.targets.order_by("position").values_list("state", "code")) == [
        ("failed", "InternalError"),
        ("expired", ""),
    ]


def test_every_change_of_state_is_told_and_the_last_word_has_the_counts() -> None:
    job = job_for(fleet(1))
    steps()
    answers(job)
    steps(NOON + MINUTE)
    told = [event.payload for event in Event.objects.filter(type="bulk.job").order_by("pk")]
    assert [('"state":"running"' in text, '"state":"finished"' in text) for text in told] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    assert '"counts":{"accepted":1}' in told[-1]


def test_targets_are_frozen_when_the_job_is_made() -> None:
    job = job_for(fleet(2), rate_per_minute=1)
    online(charge_point("CP003"))
    steps()
    assert list(job.targets.values_list("charge_point__cp_id", flat=True)) == ["CP001", "CP002"]


def test_the_rate_is_kept_over_steps() -> None:
    job = job_for(fleet(5), rate_per_minute=60)
    assert [step(NOON + number * SECOND) for number in (0, 0.5, 1, 1.5, 3, 3.5)] == [1, 0, 1, 0, 2, 0]
    assert len(sent(job)) == 4


def test_a_step_looks_at_a_bounded_number_of_targets(monkeypatch: Any) -> None:
    monkeypatch.setattr(running, "LOOK_MAX", 3)
    job = job_for(fleet(5))
    step()
    assert step(NOON + MINUTE) == 3
    assert len(sent(job)) == 4


def test_a_run_is_bounded_too_and_who_waited_longest_is_first(monkeypatch: Any) -> None:
    monkeypatch.setattr(running, "RUN_MAX", 1)
    first, second = job_for(fleet(3)), job_for([online(charge_point(f"CS{n}")) for n in range(3)])
    for number in range(2):
        step(NOON + number * SECOND / 1000)
    assert [len(sent(job)) for job in (first, second)] == [1, 1]


# --- canaries and failures --------------------------------------------------------------------------------------------


def test_good_canaries_let_the_others_follow() -> None:
    job = job_for(fleet(5), canary=2)
    steps()
    assert (state(job), sent(job)) == ("canary", ["CP001", "CP002"])
    answers(job)
    steps(NOON + MINUTE)
    assert (state(job), len(sent(job))) == ("running", 5)
    assert fresh(job).canary_passed_at


def test_a_bad_canary_stops_the_job_and_the_others_are_left_alone() -> None:
    job = job_for(fleet(5), canary=2)
    steps()
    answers(job, count=1)
    answers(job, "Rejected")
    steps(NOON + MINUTE)
    stopped = fresh(job)
    assert (stopped.state, stopped.why) == ("stopped", "canary_failed")
    assert stopped.closed_at
    assert counts(job) == {"accepted": 1, "rejected": 1, "not_sent": 3}


def test_one_that_cannot_be_commanded_is_no_canary() -> None:
    chargers = fleet(4)
    ChargePoint.objects.filter(cp_id="CP001").update(connection_id=None)
    job = job_for(chargers, canary=1)
    steps()
    assert sent(job) == ["CP002"]
    assert counts(job) == {"skipped": 1, "commanded": 1, "waiting": 2}


def test_failures_stop_the_job_at_their_share() -> None:
    job = job_for(fleet(12), rate_per_minute=60, stop_share=Decimal("0.25"), stop_sample=4)
    steps(count=5)
    answers(job, "Rejected", count=1)
    assert step(NOON + 5 * SECOND) == 1  # one result is no sample
    answers(job, count=3)
    assert step(NOON + 6 * SECOND) == 0
    stopped = fresh(job)
    assert (stopped.state, stopped.why) == ("stopped", "too_many_failures")
    assert stopped.why_text == "1 of 4 charge points did not accept the command"
    steps(NOON + 7 * SECOND)
    # What had not been sent is taken back.
    assert counts(job) == {"accepted": 3, "rejected": 1, "cancelled": 2, "not_sent": 6}
    assert set(Command.objects.filter(status="cancelled").values_list("error_code", flat=True)) == {""}
    assert fresh(job).closed_at


# --- schedule ---------------------------------------------------------------------------------------------------------


def test_a_scheduled_job_begins_in_its_time_and_costs_one_query_until_then() -> None:
    job = job_for(fleet(1), start_at=NOON + HOUR)
    with CaptureQueriesContext(connection) as queries:
        assert step(NOON + HOUR - SECOND) == 0
    assert len(queries) == 1
    assert (state(job), fresh(job).started_at) == ("scheduled", None)
    steps(NOON + HOUR)
    assert (state(job), fresh(job).started_at) == ("running", NOON + HOUR)
    assert sent(job) == ["CP001"]


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_paused_job_sends_nothing_takes_results_and_goes_on_at_its_rate() -> None:
    job = job_for(fleet(9), rate_per_minute=60)
    steps(count=2)
    services.pause_bulk_job(job, by="bob", now=NOON)
    assert steps(NOON + MINUTE) == 0
    answers(job)
    step(NOON + MINUTE)
    assert fresh(job).counts == {"accepted": 2, "waiting": 7}
    assert fresh(job).why_text == "bob paused it"
    services.resume_bulk_job(job, by="bob", now=NOON + HOUR)
    assert (state(job), fresh(job).paused_at, fresh(job).why) == ("running", None, "")
    assert step(NOON + HOUR) <= 6  # an hour is not made up for
    assert len(sent(job)) <= 8


STATES: dict[str, dict[str, Any]] = {
    "scheduled": {"start_at": NOON + HOUR},
    "canary": {"canary": 1},
    "running": {},
    "paused": {"paused_at": NOON},
    "stopped": {"ended_at": NOON},
    "finished": {"ended_at": NOON},
    "cancelled": {"ended_at": NOON},
}
CHANGES: dict[str, tuple[Callable[..., None], dict[str, str]]] = {
    # From each state to which; what is missing is refused.
    "pause": (
        services.pause_bulk_job,
        dict.fromkeys(("scheduled", "canary", "running", "paused"), "paused"),
    ),
    "resume": (
        services.resume_bulk_job,
        {"scheduled": "scheduled", "canary": "canary", "running": "running", "paused": "running"},
    ),
    "cancel": (
        services.cancel_bulk_job,
        dict.fromkeys(("scheduled", "canary", "running", "paused", "cancelled"), "cancelled"),
    ),
}


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("name", CHANGES)
def test_pause_resume_and_cancel_in_every_state(name: str, before: str) -> None:
    change, ways = CHANGES[name]
    job = job_for(fleet(1))
    BulkJob.objects.filter(pk=job.pk).update(state=before, **STATES[before])
    stale = fresh(job)
    if before not in ways:
        with pytest.raises(services.NotNow, match=f"it is {before}"):
            change(stale, by="alice", now=NOON)
        assert state(job) == before
        return
    for _ in range(2):  # idempotent
        change(stale, by="alice", now=NOON)
        assert state(job) == stale.state == ways[before]


@pytest.mark.parametrize(
    ("values", "then"), [({"start_at": NOON + HOUR}, "scheduled"), ({"canary": 1}, "canary")]
)
def test_a_job_is_resumed_to_where_it_stood(values: dict[str, Any], then: str) -> None:
    job = job_for(fleet(2), **values)
    services.pause_bulk_job(job, by="alice", now=NOON)
    services.resume_bulk_job(job, by="alice", now=NOON)
    assert state(job) == then
    services.pause_bulk_job(job, by="alice", now=NOON)
    services.resume_bulk_job(job, by="alice", now=NOON + DAY)
    assert state(job) == ("running" if then == "scheduled" else "canary")


def test_a_cancelled_job_takes_back_what_has_not_left_and_waits_for_what_has(monkeypatch: Any) -> None:
    monkeypatch.setattr(running, "RECALL_MAX", 1)
    job = job_for(fleet(5))
    steps()
    first = Command.objects.order_by("pk").first()
    assert first is not None
    Command.objects.filter(pk=first.pk).update(status="sent", sent_at=NOON)
    services.cancel_bulk_job(job, by="alice", now=NOON)
    steps(NOON + SECOND, count=9)
    assert counts(job) == {"commanded": 1, "cancelled": 4}
    assert fresh(job).closed_at is None
    expire_commands(now=NOON + HOUR)
    steps(NOON + HOUR)
    assert counts(job) == {"timed_out": 1, "cancelled": 4}
    assert fresh(job).closed_at


def test_a_command_that_is_taken_back_by_itself_is_no_failure() -> None:
    job = job_for(fleet(2), stop_share=Decimal(0), stop_sample=1)
    steps(count=2)
    command = Command.objects.order_by("pk").first()
    assert command is not None
    assert cancel_command(command, by=ALICE, now=NOON)
    steps(NOON + MINUTE)
    assert counts(job) == {"cancelled": 1, "commanded": 1}
    assert state(job) == "running"


# --- charge points that cannot be commanded ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "found", "code"),
    [("skip", "skipped", "offline"), ("refuse", "failed", "offline"), ("queue", "commanded", "")],
)
def test_offline_ones_are_passed_over_or_failures_or_waited_for(policy: str, found: str, code: str) -> None:
    job = job_for([charge_point(protocol="ocpp1.6")], if_offline=policy)
    steps()
    target = job.targets.get()
    assert (target.state, target.code) == (found, code)
    if policy == "queue":
        command = Command.objects.get()
        assert command.may_wait
        assert command.expires_at - command.created_at == HOUR
    else:
        assert "is offline" in target.detail
        assert not Command.objects.exists()
        assert state(job) == "finished"


def test_the_expiry_of_each_command_can_be_chosen() -> None:
    job_for(fleet(1), expires_in=2 * HOUR)
    steps()
    command = Command.objects.get()
    assert command.expires_at - command.created_at == 2 * HOUR


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"retired_at": NOON}, "retired"),
        ({"registration": "rejected"}, "not_accepted"),
        ({"registration": "pending"}, "not_accepted"),
        ({"protocol": "ocpp2.1"}, "not_supported"),
    ],
)
def test_one_that_cannot_be_commanded_is_reported_and_fatal_to_nobody(
    values: dict[str, Any], code: str
) -> None:
    chargers = fleet(2)
    ChargePoint.objects.filter(cp_id="CP001").update(**values)
    job = job_for(chargers, "unlock-connector", {"connector_id": 1}, stop_share=Decimal(0), stop_sample=1)
    steps()
    assert sent(job) == ["CP002"]
    assert job.targets.get(position=1).code == code
    assert counts(job) == {"refused": 1, "commanded": 1}
    assert state(job) == "running"


def test_what_the_command_itself_refuses_is_told_for_each_charge_point() -> None:
    chargers = fleet(2)
    local_list(chargers[1])
    job = job_for(chargers, "cancel-reservation", {"reservation_id": 99})
    steps()
    assert set(job.targets.values_list("state", "code")) == {("refused", "invalid")}
    assert all(job.targets.values_list("detail", flat=True))
    assert not Command.objects.exists()


def test_those_that_cannot_be_commanded_cost_nothing_of_the_rate() -> None:
    chargers = fleet(60)
    ChargePoint.objects.exclude(cp_id="CP060").update(connection_id=None)
    job = job_for(chargers, rate_per_minute=1)
    assert step() == 1
    assert sent(job) == ["CP060"]


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_are_sealed_while_the_job_lasts_and_gone_with_its_end() -> None:
    job = job_for(fleet(2), "set-authorization-key", {"key": "0123456789abcdef0123456789abcdef"})
    kept = fresh(job)
    assert kept.params == {"key": MASK}
    assert kept.sealed
    assert "0123456789abcdef" not in kept.sealed
    steps()
    assert counts(job) == {"commanded": 2}
    assert all(Command.objects.values_list("sealed", flat=True))
    services.cancel_bulk_job(job, by="alice", now=NOON)
    assert fresh(job).sealed == ""


def test_a_secret_in_a_url_is_sealed_and_one_that_is_not_given_is_none() -> None:
    chargers = fleet(1)
    url = "ftp://user:hunter2secret@acme.example/logs/"
    given = job_for(chargers, "get-diagnostics", {"location": url})
    assert "hunter2secret" not in str(fresh(given).params)
    assert job_for(chargers, "get-diagnostics", {}).sealed == ""


def test_a_secret_under_another_key_stops_the_job_before_anything_is_sent(settings: Any) -> None:
    job = job_for(fleet(1), "set-authorization-key", {"key": "0123456789abcdef0123456789abcdef"})
    settings.SECRET_KEY = "another-" + "y" * 50
    assert steps() == 0
    assert (state(job), fresh(job).why) == ("stopped", "unreadable")


# --- several workers, crashes -----------------------------------------------------------------------------------------


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


# --- what it costs ----------------------------------------------------------------------------------------------------


def queries_of_a_step(at: datetime) -> int:
    with CaptureQueriesContext(connection) as queries:
        step(at)
    return len(queries)


def test_a_step_costs_the_same_however_large_the_fleet_is() -> None:
    def cost(size: int, prefix: str) -> tuple[int, int, int]:
        chargers = [online(charge_point(f"{prefix}{number}")) for number in range(size)]
        job = job_for(chargers, rate_per_minute=60)
        one = queries_of_a_step(NOON)
        none = queries_of_a_step(NOON + SECOND / 10)
        idle = queries_of_a_step(NOON + SECOND / 5)
        BulkJob.objects.filter(pk=job.pk).update(closed_at=NOON, state="finished")
        return one, none, idle

    small, large = cost(3, "A"), cost(60, "B")
    assert small == large
    assert large[2] == 2  # open jobs, their counts
    assert large[0] <= 25


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_there_are_so_many_open_jobs_and_no_more(monkeypatch: Any) -> None:
    monkeypatch.setattr(services, "OPEN_MAX", 2)
    chargers = fleet(1)
    first = job_for(chargers)
    job_for(chargers, start_at=NOON + DAY)
    with pytest.raises(services.NotNow) as refusal:
        job_for(chargers)
    assert refusal.value.code == "too_many_bulk_jobs"
    services.cancel_bulk_job(first, by="alice", now=NOON)
    steps()
    job_for(chargers)


def test_a_command_that_nobody_knows_makes_no_job() -> None:
    chargers = fleet(1)
    with pytest.raises(CommandRefused, match="no command 'dance'"):
        job_for(chargers, "dance")
    with pytest.raises(CommandRefused, match="type"):
        job_for(chargers, "reset", {"type": "softly"})
    assert not BulkJob.objects.exists()


def test_jobs_are_removed_with_their_targets_when_they_are_too_old() -> None:
    old, open_ = job_for(fleet(3)), job_for([online(charge_point("CS201"))], start_at=NOON + 900 * DAY)
    services.cancel_bulk_job(old, by="alice", now=NOON)
    steps()
    assert prune(get_config(), now=NOON + 399 * DAY)["bulk jobs"] == 0
    assert prune(get_config(), now=NOON + 401 * DAY)["bulk jobs"] == 1
    assert list(BulkJob.objects.all()) == [open_]
    assert BulkTarget.objects.count() == 1
