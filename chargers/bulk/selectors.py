"""What is read of bulk jobs: by the API, and by whoever else shows them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, QuerySet

from chargers.bulk.models import BulkJob, BulkTarget
from chargers.bulk.planning import failure_share, failures, results


def bulk_jobs() -> QuerySet[BulkJob]:
    """Return the bulk jobs."""
    return BulkJob.objects.all()


def targets(job: BulkJob) -> QuerySet[BulkTarget]:
    """Return the targets of a job with their charge points; `position` is their order."""
    return BulkTarget.objects.filter(job=job).select_related("charge_point")


def counts_of(jobs: Collection[BulkJob]) -> dict[UUID, dict[str, int]]:
    """Return the targets of each job by state, as they are now. At most one query: what is closed is counted."""
    counts: dict[UUID, dict[str, int]] = {}
    for job in jobs:
        counts[job.pk] = dict(job.counts) if job.closed_at is not None else {}
    open_ = [job.pk for job in jobs if job.closed_at is None]
    if open_:
        rows = (
            BulkTarget.objects.filter(job__in=open_)
            .values_list("job", "state")
            .annotate(Count("pk"))
            .order_by()
        )
        for job_id, state, number in rows:
            counts[job_id][state] = number
    return counts


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: targets whose turn is over, commands with a result, and how many of these are failures."""

    done: int
    results: int
    failures: int
    failure_share: Decimal | None


def progress_of(job: BulkJob, counts: Mapping[str, int]) -> Progress:
    """Return how far a job is, by its counts."""
    ahead = counts.get(BulkTarget.State.WAITING, 0) + counts.get(BulkTarget.State.COMMANDED, 0)
    return Progress(job.total - ahead, results(counts), failures(counts), failure_share(counts))
