"""What is read of logs and of the files that came."""

from django.db.models import Prefetch, QuerySet

from chargers.diagnostics.models import LogJob, LogReport, StoredFile


def log_jobs() -> QuerySet[LogJob]:
    """Return the uploads with their charge points, what was reported of each, and the files. Three queries."""
    return LogJob.objects.select_related("charge_point").prefetch_related(
        Prefetch("reports", LogReport.objects.order_by("pk")), Prefetch("files", files().order_by("pk"))
    )


def log_reports() -> QuerySet[LogReport]:
    """Return all that was reported of uploads, also what belongs to none."""
    return LogReport.objects.select_related("charge_point")


def files() -> QuerySet[StoredFile]:
    """Return the files that came, with their charge points."""
    return StoredFile.objects.select_related("charge_point")
