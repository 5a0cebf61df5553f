"""What a bulk job does next: pure arithmetic over its row, its counts and the time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from chargers.bulk.models import BulkJob, BulkTarget

Counts = Mapping[str, int]
"""Targets by state; what is not in it has none."""

BURST = timedelta(seconds=5)
"""How much of the rate may be made up for, when steps come late; never what was not sent while the job stood still."""
FORGOTTEN_AFTER = timedelta(days=7)
State, Target, Why = BulkJob.State, BulkTarget.State, BulkJob.Why


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: enter another state, queue commands, take back queued ones, or close the books."""

    state: str
    why: str = ""
    text: str = ""
    send: int = 0
    recall: bool = False
    close: bool = False

    def idle(self, job: BulkJob) -> bool:
        """Whether there is nothing to do."""
        return not (self.state != job.state or self.send or self.recall or self.close)


def failures(counts: Counts) -> int:
    """Return how many charge points were asked, and did not accept."""
    return sum(counts.get(state, 0) for state in BulkTarget.FAILURES)


def results(counts: Counts) -> int:
    """Return how many commands have an outcome that tells for or against the job."""
    return counts.get(Target.ACCEPTED, 0) + failures(counts)


def failure_share(counts: Counts) -> Decimal | None:
    """Return the share of failures among the results, rounded to four digits; None before the first result."""
    total = results(counts)
    return (Decimal(failures(counts)) / total).quantize(Decimal("0.0001")) if total else None


def next_step(job: BulkJob, counts: Counts, now: datetime) -> Step:
    """Return what to do next."""
    waiting, open_ = counts.get(Target.WAITING, 0), counts.get(Target.COMMANDED, 0)
    if job.state in BulkJob.OVER:
        return Step(job.state, recall=bool(open_), close=not open_)
    if not waiting and not open_:
        return Step(State.FINISHED)
    if job.state == State.PAUSED:
        if job.paused_at is not None and job.paused_at + FORGOTTEN_AFTER <= now:
            text = f"it was paused for {FORGOTTEN_AFTER.days} days"
            return Step(State.CANCELLED, Why.FORGOTTEN, text)
        return Step(State.PAUSED)
    state = job.state_at_work(now)
    if state != job.state:
        return Step(state)
    return _canary_step(job, counts, now) if state == State.CANARY else _running_step(job, counts, now)


def _canary_step(job: BulkJob, counts: Counts, now: datetime) -> Step:
    accepted, open_ = counts.get(Target.ACCEPTED, 0), counts.get(Target.COMMANDED, 0)
    if bad := failures(counts) + counts.get(Target.CANCELLED, 0):
        return Step(
            State.STOPPED, Why.CANARY_FAILED, f"{bad} of the first {job.canary} did not accept the command"
        )
    if accepted >= job.canary:
        return Step(State.RUNNING)
    # One that could not be asked is no canary: the next takes its place.
    return Step(State.CANARY, send=min(job.canary - accepted - open_, allowance(job, now)))


def _running_step(job: BulkJob, counts: Counts, now: datetime) -> Step:
    waiting, bad, total = counts.get(Target.WAITING, 0), failures(counts), results(counts)
    share, enough = job.stop_share, total >= job.stop_sample
    if waiting and bad and share is not None and enough and bad >= share * total:
        text = f"{bad} of {total} charge points did not accept the command"
        return Step(State.STOPPED, Why.TOO_MANY_FAILURES, text)
    return Step(State.RUNNING, send=min(waiting, allowance(job, now)))


def allowance(job: BulkJob, now: datetime) -> int:
    """Return how many commands the rate allows now."""
    since = _since(job, now)
    return 0 if since > now else (now - since) // job.interval + 1


def next_at(job: BulkJob, now: datetime) -> datetime:
    """Return when the rate allows another command, when one is queued now."""
    return _since(job, now) + job.interval


def _since(job: BulkJob, now: datetime) -> datetime:
    return now if job.next_at is None else max(job.next_at, now - BURST)
