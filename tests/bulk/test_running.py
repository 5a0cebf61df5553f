"""Bulk jobs at work on the store, step by step; the time is an argument."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chargers.bulk import running, services
from chargers.bulk.models import BulkJob, BulkTarget
from chargers.commands.ledger import expire_commands, settle_failure
from chargers.commands.ordering import CommandRefused
from chargers.models import ChargePoint, Command
from chargers.protocol.redaction import MASK
from csms.core.config import get_config
from csms.core.events.models import Event
from csms.pruning import prune
from tests.api.cast import NOON, charge_point, online
from tests.bulk.cast import (
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
