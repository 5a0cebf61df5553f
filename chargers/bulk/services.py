"""What people and charge points change of bulk jobs: made, held back, let go on, ended, and answered."""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from chargers.bulk.models import BulkJob, BulkTarget
from chargers.commands.ordering import Author, CommandType
from chargers.commands.sending import DEFAULT_EXPIRY, QUEUED_EXPIRY, catalogue, check_params
from chargers.following import CommandSettled
from chargers.models import ChargePoint
from chargers.protocol.redaction import MASK
from csms.core.events.services import record
from csms.core.live import announce
from csms.core.refusals import NotNow
from csms.core.sealing import seal

log = logging.getLogger(__name__)
State, Target, Why, Offline = BulkJob.State, BulkTarget.State, BulkJob.Why, BulkJob.Offline

OPEN_MAX = 20  # jobs of which the last result is not in
RATE_DEFAULT, RATE_MAX = 60, 6000  # commands a minute
SAMPLE_DEFAULT = 10  # results
ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Manner:
    """How a job goes about it. `stop_share` is a share of failures from 0 to 1; None never stops it."""

    rate_per_minute: int = RATE_DEFAULT
    canary: int = 0
    stop_share: Decimal | None = None
    stop_sample: int = SAMPLE_DEFAULT
    if_offline: str = Offline.SKIP
    expires_in: timedelta | None = None
    start_at: datetime | None = None


def create_bulk_job(
    charge_points: Sequence[ChargePoint],
    type: str,
    params: Mapping[str, Any],
    manner: Manner,
    *,
    author: Author,
    now: datetime,
    reason: str = "",
    chosen_by: Mapping[str, Any] | None = None,
    retry_of: BulkJob | None = None,
) -> BulkJob:
    """Make a job for these charge points, in this order; it begins with the next step, or at `start_at`.

    Raises CommandRefused unknown_command or invalid, and NotNow while OPEN_MAX jobs are not closed.
    """
    check_params(type, params)
    secret = _secrets(catalogue()[type], params)
    expires_in = manner.expires_in
    if expires_in is None:
        expires_in = QUEUED_EXPIRY if manner.if_offline == Offline.QUEUE else DEFAULT_EXPIRY
    job = BulkJob(
        type=type,
        params={**params, **dict.fromkeys(secret, MASK)},
        sealed=seal({name: params[name] for name in secret}) if secret else "",
        chosen_by=None if chosen_by is None else dict(chosen_by),
        retry_of=None if retry_of is None else retry_of.pk,
        total=len(charge_points),
        rate_per_minute=manner.rate_per_minute,
        canary=manner.canary,
        stop_share=manner.stop_share,
        stop_sample=manner.stop_sample,
        if_offline=manner.if_offline,
        expires_in=int(expires_in.total_seconds()),
        reason=reason,
        user=author.user,
        by=author.name[:150],
        created_at=now,
        start_at=manner.start_at,
        counts={Target.WAITING: len(charge_points)},
    )
    job.state = job.state_at_work(now)
    job.started_at = now if job.state in BulkJob.WORKING else None
    with transaction.atomic():
        # Two at the same moment may both be the last; one job more than the bound does no harm.
        if BulkJob.objects.filter(closed_at=None).count() >= OPEN_MAX:
            raise NotNow("too_many_bulk_jobs", f"{OPEN_MAX} bulk jobs are open; let one end, or cancel it")
        job.save(force_insert=True)
        rows = (
            BulkTarget(job=job, position=position, charge_point=row)
            for position, row in enumerate(charge_points, 1)
        )
        BulkTarget.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE)
        tell(job, now=now)
    return job


def _secrets(entry: CommandType, params: Mapping[str, Any]) -> Collection[str]:
    """Return which of the given parameters are secret; those that `prepare` will add are not known yet, and empty."""
    return params.keys() & set(entry.secrets(defaultdict(str, params)))


# --- by hand ----------------------------------------------------------------------------------------------------------

OPEN = (State.SCHEDULED, *BulkJob.WORKING, State.PAUSED)
GOING = (State.SCHEDULED, *BulkJob.WORKING)


def pause_bulk_job(job: BulkJob, *, by: str, now: datetime) -> None:
    """Queue no more commands until it is resumed; those that are queued stay. Idempotent. Raises NotNow."""
    changed = enter(job, State.PAUSED, GOING, Why.BY_HAND, f"{by} paused it", now=now)
    _reached(job, changed, (State.PAUSED,))


def resume_bulk_job(job: BulkJob, *, by: str, now: datetime) -> None:
    """Go on; what the rate would have allowed meanwhile is not made up for. Idempotent. Raises NotNow."""
    job.refresh_from_db()
    changed = enter(job, job.state_at_work(now), (State.PAUSED,), text=f"{by} resumed it", now=now)
    _reached(job, changed, GOING)


def cancel_bulk_job(job: BulkJob, *, by: str, now: datetime) -> None:
    """End it: no more commands are queued, and those not yet sent are taken back. Idempotent. Raises NotNow."""
    changed = enter(job, State.CANCELLED, OPEN, Why.BY_HAND, f"{by} cancelled it", now=now)
    _reached(job, changed, (State.CANCELLED,))


AGAIN: dict[str, tuple[str, ...]] = {
    "failed": BulkTarget.FAILURES,
    "missed": (*BulkTarget.FAILURES, Target.SKIPPED, Target.REFUSED, Target.NOT_SENT, Target.CANCELLED),
}
"""Whom a job that is over may be repeated for: those that did not accept, or all that it did not succeed with."""


def retry_bulk_job(job: BulkJob, which: str, *, author: Author, now: datetime) -> BulkJob:
    """Make a job like one that is over, at once, for those of its targets that `which` of AGAIN names, in their order.

    Those that a later repetition has succeeded with are left out. Raises NotNow: while it is not over, while another
    repetition of it or of those that it repeats is open, if no such targets are left, if its secret parameters are
    gone, and as `create_bulk_job()`; CommandRefused if the catalogue has the command no more.
    """
    if job.state not in BulkJob.OVER:
        raise NotNow("bulk_job_not_over", f"the job is not over: it is {job.state}")
    entry = catalogue().get(job.type)
    if entry is not None and _secrets(entry, job.params):
        raise NotNow(
            "secrets_not_kept", "its secret parameters are kept no longer than it ran; make a new job"
        )
    with transaction.atomic():
        later = [one for one in _lock_family(job) if one.pk > job.pk]
        for one in later:
            if one.closed_at is None:
                raise NotNow("retried_already", f"bulk job {one.pk} repeats it and is open; let it end first")
        rows = BulkTarget.objects.filter(job=job, state__in=AGAIN[which]).select_related("charge_point")
        done = BulkTarget.objects.filter(job__in=later, state=Target.ACCEPTED).values("charge_point")
        rows = rows.exclude(charge_point__in=done)
        charge_points = [target.charge_point for target in rows.order_by("position")]
        if not charge_points:
            raise NotNow("nothing_to_retry", "it has no such charge points left")
        manner = Manner(
            rate_per_minute=job.rate_per_minute,
            canary=min(job.canary, len(charge_points)),
            stop_share=job.stop_share,
            stop_sample=job.stop_sample,
            if_offline=job.if_offline,
            expires_in=timedelta(seconds=job.expires_in),
        )
        return create_bulk_job(
            charge_points,
            job.type,
            job.params,
            manner,
            author=author,
            now=now,
            reason=job.reason,
            retry_of=job,
        )


def _lock_family(job: BulkJob) -> list[BulkJob]:
    """Return a job with all that repeat it or are repeated by it; nobody else repeats one of them meanwhile."""
    first = job
    while first.retry_of is not None and (earlier := BulkJob.objects.filter(pk=first.retry_of).first()):
        first = earlier
    generation = list(BulkJob.objects.select_for_update().filter(pk=first.pk))
    family = list(generation)
    while generation:
        generation = list(BulkJob.objects.filter(retry_of__in=[one.pk for one in generation]))
        family += generation
    return family


def _reached(job: BulkJob, changed: bool, wanted: Collection[str]) -> None:
    if changed:
        return
    job.refresh_from_db()
    if job.state not in wanted:
        raise NotNow("bulk_job_over", f"the job is over: it is {job.state}")


def enter(
    job: BulkJob, state: str, among: Collection[str], why: str = "", text: str = "", *, now: datetime
) -> bool:
    """Let a job that is in one of the states `among` enter another; return whether it did. Reads the job again."""
    values: dict[str, Any] = {
        "state": state,
        "why": why,
        "why_text": text,
        "paused_at": now if state == State.PAUSED else None,
    }
    if state in BulkJob.WORKING:
        values["started_at"] = job.started_at or now
    if state == State.RUNNING and job.canary:
        values["canary_passed_at"] = job.canary_passed_at or now
    if state in BulkJob.OVER:
        values |= {"ended_at": now, "sealed": ""}
    with transaction.atomic():
        if BulkJob.objects.filter(pk=job.pk, state__in=among).update(**values) != 1:
            return False
        if state in BulkJob.OVER:
            waiting = BulkTarget.objects.filter(job=job, state=Target.WAITING)
            waiting.update(state=Target.NOT_SENT, settled_at=now)
        job.refresh_from_db()
        tell(job, now=now)
    return True


def tell(job: BulkJob, *, now: datetime) -> None:
    """Tell whoever follows that a job has changed its state, or is closed; in the transaction of the change."""
    facts = {
        "job_id": str(job.pk),
        "type": job.type,
        "state": job.state,
        "why": job.why,
        "total": job.total,
        "by": job.by,
        "counts": job.counts if job.closed_at is not None else None,
    }
    record("bulk.job", "", facts, occurred_at=now)  # of no single charge point: each command tells its own
    log.info("bulk.job", extra=facts)
    announce("bulk-jobs", f"bulk-job:{job.pk}")


# --- by charge points -------------------------------------------------------------------------------------------------


def follow_command(settled: CommandSettled) -> None:
    """Note the outcome of a command at its target, if a bulk job has queued it.

    The job's own row is left alone: its counts are made by the next step, so that no charge point's answer ever waits
    for another's.
    """
    changed = BulkTarget.objects.filter(command_id=settled.command_id, state=Target.COMMANDED).update(
        state=settled.status,
        code=settled.error_code[:64],
        answer_status=settled.word[:64],
        settled_at=settled.now,
    )
    if changed:
        announce("bulk-jobs")


# --- by age -----------------------------------------------------------------------------------------------------------


def remove_jobs(jobs: QuerySet[BulkJob]) -> int:
    """Remove jobs with their targets, in small steps; return how many jobs."""
    removed = 0
    for job_id in jobs.values_list("pk", flat=True):
        rows = BulkTarget.objects.filter(job=job_id)
        while ids := list(rows.values_list("pk", flat=True)[:ROWS_AT_ONCE]):
            BulkTarget.objects.filter(pk__in=ids).delete()
        removed += BulkJob.objects.filter(pk=job_id).delete()[0]
    return removed
