"""What is read of firmware updates."""

from django.db.models import Prefetch, QuerySet

from chargers.firmware.models import FirmwareJob, FirmwareReport


def firmware_jobs() -> QuerySet[FirmwareJob]:
    """Return the updates with their charge points and, oldest first, what was reported of each. Two queries."""
    return FirmwareJob.objects.select_related("charge_point").prefetch_related(
        Prefetch("reports", FirmwareReport.objects.order_by("pk"))
    )


def firmware_reports() -> QuerySet[FirmwareReport]:
    """Return all that was reported of updates, also what belongs to none."""
    return FirmwareReport.objects.select_related("charge_point")
