"""Reports in /admin/: to look at."""

from django.contrib import admin

from chargers.reporting.models import NumberSeries, Report
from csms.core.read_only_admin import HistoryAdmin


@admin.register(Report)
class ReportAdmin(HistoryAdmin):
    list_display = (
        "charge_point",
        "kind",
        "request_id",
        "state",
        "asked_at",
        "last_at",
        "applied_at",
        "problem",
    )
    list_select_related = ("charge_point",)
    list_filter = ("kind", "state")
    search_fields = ("charge_point__cp_id",)


@admin.register(NumberSeries)
class NumberSeriesAdmin(HistoryAdmin):
    list_display = ("charge_point", "series", "last")
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__cp_id",)
