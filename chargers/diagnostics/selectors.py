"""What is read of logs and of the files that came."""

from django.db.models import Prefetch, QuerySet

from chargers.diagnostics.models import LogJob, LogReport, StoredFile, Upload
from chargers.models import ChargePoint


def log_jobs() -> QuerySet[LogJob]:
    """Return the uploads with their charge points, what was reported of each, and the files. Three queries."""
    return LogJob.objects.select_related("charge_point").prefetch_related(
        Prefetch("reports", LogReport.objects.order_by("pk")), Prefetch("files", files().order_by("pk"))
    )


def uploads(charge_point: ChargePoint, *, most: int) -> list[tuple[Upload, StoredFile | None]]:
    """Return the newest upload URLs of a charge point, each with the file that came through it. Two queries."""
    rows = list(Upload.objects.filter(charge_point=charge_point).select_related("job").order_by("-pk")[:most])
    came = files().in_bulk([row.file_id for row in rows if row.file_id is not None])
    return [(row, came.get(row.file_id) if row.file_id else None) for row in rows]


def log_reports() -> QuerySet[LogReport]:
    """Return all that was reported of uploads, also what belongs to none."""
    return LogReport.objects.select_related("charge_point")


def files() -> QuerySet[StoredFile]:
    """Return the files that came, with their charge points."""
    return StoredFile.objects.select_related("charge_point")
