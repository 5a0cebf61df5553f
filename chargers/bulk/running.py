"""Bulk jobs at work: each step looks at every open job and does the next thing, however many workers there are.

A worker that finds something to do claims the job by a conditional UPDATE with a lease, so no two work on the same.
Each target is commanded in a transaction of its own, which also holds the lease, the rate and the job's state against
the store: a process that dies, is too slow or was overtaken by a pause leaves either both the command and the
target's note of it, or neither. So a charge point is commanded once.
"""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q

from chargers.bulk.models import BulkJob, BulkTarget
from chargers.bulk.planning import Step, next_at, next_step
from chargers.bulk.selectors import counts_of, targets
from chargers.bulk.services import OPEN, Offline, State, Target, Why, enter, tell
from chargers.commands.ledger import cancel_command
from chargers.commands.ordering import Author, CommandRefused
from chargers.commands.sending import send_command
from chargers.models import Command
from csms.core.live import announce
from csms.core.sealing import unseal

log = logging.getLogger(__name__)

LEASE = timedelta(
    seconds=20
)  # so long a job rests when its worker is killed; who is slower is overtaken, and stops
LOOK_MAX = 200  # targets that a step of a job looks at
LOOK_LEAST = 25  # targets in a query, since those that cannot be commanded cost nothing of the rate
RECALL_MAX = 100  # commands that a step takes back
RUN_MAX = 500  # commands in a run, so that its time is still about right for the last of them


class _Overtaken(Exception):
    """The job is no longer this worker's: another has it, or somebody has paused or ended it."""


def run_bulk_jobs(*, now: datetime) -> int:
    """Take the open jobs a step further, those first that have waited longest; return how many commands were queued.

    Two queries while there is nothing to do. May be called by any number of workers at any time.
    """
    ahead = Q(state=State.SCHEDULED, start_at__gt=now)
    turns = (F("next_at").asc(nulls_first=True), "id")
    jobs = list(BulkJob.objects.filter(_free(now), closed_at=None).exclude(ahead).order_by(*turns))
    counts = counts_of(jobs)
    queued = 0
    for job in jobs:
        if queued >= RUN_MAX:
            break
        if next_step(job, counts[job.pk], now).idle(job) and counts[job.pk] == job.counts:
            continue
        try:
            queued += _work(job.pk, now)
        except Exception:  # one job's trouble must not keep the others waiting
            log.exception("bulk.step_failed", extra={"job_id": str(job.pk)})
    return queued


def _free(now: datetime) -> Q:
    return Q(leased_until=None) | Q(leased_until__lte=now)


def _work(job_id: UUID, now: datetime) -> int:
    """Claim a job, do its next step, and let it go."""
    lease = uuid4()
    claim = BulkJob.objects.filter(_free(now), pk=job_id, closed_at=None)
    if claim.update(lease=lease, leased_until=now + LEASE) != 1:
        return 0
    values: dict[str, Any] = {}
    try:
        job = BulkJob.objects.select_related("user").get(pk=job_id)
        values["counts"] = counts = counts_of([job])[job_id]
        step = next_step(job, counts, now)
        if step.state != job.state:
            enter(job, step.state, (job.state,), step.why, step.text, now=now)
            return 0
        if step.close:
            _close(job, counts, now)
            return 0
        if step.recall:
            _recall(job, now)
        return _send(job, step, lease, now)
    finally:
        mine = BulkJob.objects.filter(pk=job_id, lease=lease)
        mine.update(lease=None, leased_until=None, **values)
        announce("bulk-jobs", f"bulk-job:{job_id}")


def _close(job: BulkJob, counts: dict[str, int], now: datetime) -> None:
    """Note that the last result is in."""
    with transaction.atomic():
        if BulkJob.objects.filter(pk=job.pk, closed_at=None).update(closed_at=now, counts=counts):
            job.refresh_from_db()
            tell(job, now=now)


def _recall(job: BulkJob, now: datetime) -> None:
    """Take back what was queued for a job that is over and has not left yet."""
    ours = BulkTarget.objects.filter(job=job, state=Target.COMMANDED).values("command_id")
    queued = Command.objects.filter(pk__in=ours, status=Command.Status.QUEUED).select_related("charge_point")
    for command in queued.order_by("pk")[:RECALL_MAX]:
        cancel_command(command, by=Author(f"the end of bulk job {job.pk}"), now=now)


def _send(job: BulkJob, step: Step, lease: UUID, now: datetime) -> int:
    """Queue as many commands as the step says, passing over the targets that cannot be commanded."""
    if not step.send:
        return 0
    try:
        params = job.params | unseal(job.sealed)
    except ValueError as error:
        enter(job, State.STOPPED, OPEN, Why.UNREADABLE, str(error), now=now)
        return 0
    queued = looked = 0
    try:
        while queued < step.send and looked < LOOK_MAX:
            waiting = targets(job).filter(state=Target.WAITING).order_by("position")
            found = list(waiting[: min(max(step.send - queued, LOOK_LEAST), LOOK_MAX - looked)])
            if not found:
                break
            for target in found:
                if queued == step.send:
                    break
                looked += 1
                if _command(job, target, params, lease, now):
                    queued += 1
                    job.next_at = next_at(job, now)
    except _Overtaken:
        log.info("bulk.overtaken", extra={"job_id": str(job.pk)})
    return queued


def _command(job: BulkJob, target: BulkTarget, params: dict[str, Any], lease: UUID, now: datetime) -> bool:
    """Queue the command for one target, or note why not; return whether it was queued. Raises _Overtaken."""
    try:
        with transaction.atomic():
            _hold(job, lease, now)
            return _note(target, _queue(job, target, params, now))
    except (_Overtaken, OperationalError, InterfaceError):
        raise
    except Exception:  # what goes wrong with one charge point must not keep the job from the others
        log.exception(
            "bulk.command_failed", extra={"job_id": str(job.pk), "cp_id": target.charge_point.cp_id}
        )
    with transaction.atomic():
        _hold(job, lease, now)
        text = "something went wrong here; the log says what"
        return _note(target, _over(Target.FAILED, "internal_error", text, now))


def _hold(job: BulkJob, lease: UUID, now: datetime) -> None:
    """Hold the job as it is until the end of the transaction, and count the command against its rate.

    Always before the target's row, as those do who end a job: so neither waits for the other for ever.
    """
    mine = BulkJob.objects.filter(pk=job.pk, lease=lease, state=job.state)
    if mine.update(next_at=next_at(job, now)) != 1:
        raise _Overtaken


def _note(target: BulkTarget, values: dict[str, Any]) -> bool:
    if BulkTarget.objects.filter(pk=target.pk, state=Target.WAITING).update(**values) != 1:
        raise _Overtaken
    return bool(values["state"] == Target.COMMANDED)


def _queue(job: BulkJob, target: BulkTarget, params: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Queue the command, and return what to note at the target."""
    try:
        command = send_command(
            target.charge_point,
            job.type,
            params,
            author=Author(job.by, job.user),
            reason=job.reason,
            now=now,
            expires_in=timedelta(seconds=job.expires_in),
            may_wait=job.if_offline == Offline.QUEUE,
        )
    except CommandRefused as refusal:
        offline = {Offline.SKIP: Target.SKIPPED, Offline.REFUSE: Target.FAILED}
        state = offline[Offline(job.if_offline)] if refusal.code == "offline" else Target.REFUSED
        return _over(state, refusal.code, refusal.detail, now)
    return {"state": Target.COMMANDED, "command_id": command.pk, "commanded_at": now}


def _over(state: str, code: str, detail: str, now: datetime) -> dict[str, Any]:
    return {"state": state, "code": code[:64], "detail": detail, "settled_at": now}
