"""Bulk jobs that people pause, resume and cancel."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from chargers.bulk import running, services
from chargers.bulk.models import BulkJob
from chargers.commands.ledger import cancel_command, expire_commands
from chargers.models import Command
from tests.api.cast import NOON
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
