"""The reports of a charge point."""

from django.db.models import Count, QuerySet

from chargers.models import ChargePoint
from chargers.reporting.models import Report


def reports_of(charge_point: ChargePoint) -> QuerySet[Report]:
    """Return the reports of a charge point with how many parts are kept (`part_count`), newest first."""
    rows = Report.objects.filter(charge_point=charge_point)
    return rows.annotate(part_count=Count("parts")).order_by("-id")
