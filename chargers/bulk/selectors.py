"""What is read of bulk jobs: by the API, and by whoever else shows them."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count, QuerySet

from chargers.bulk.models import BulkJob, BulkTarget


def bulk_jobs() -> QuerySet[BulkJob]:
    """Return the bulk jobs."""
    return BulkJob.objects.all()


def targets(job: BulkJob) -> QuerySet[BulkTarget]:
    """Return the targets of a job with their charge points; `position` is their order."""
    return BulkTarget.objects.filter(job=job).select_related("charge_point")


def counts_of(jobs: Iterable[BulkJob]) -> dict[UUID, dict[str, int]]:
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


def working_for(charge_point_id: int) -> QuerySet[BulkTarget]:
    """Return the places of a charge point in jobs that are not closed, with their jobs."""
    rows = BulkTarget.objects.filter(charge_point_id=charge_point_id, job__closed_at=None)
    return rows.select_related("job").order_by("-job")
