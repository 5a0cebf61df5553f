"""Firmware updates in /admin/: to look at."""

from django.contrib import admin

from chargers.firmware.models import FirmwareJob, FirmwareReport
from csms.core.read_only_admin import HistoryAdmin


@admin.register(FirmwareJob)
class FirmwareJobAdmin(HistoryAdmin):
    list_display = (
        "charge_point",
        "created_at",
        "state",
        "status",
        "status_at",
        "version_before",
        "version_after",
    )
    list_select_related = ("charge_point",)
    list_filter = ("state", "signed")
    search_fields = ("charge_point__cp_id",)


@admin.register(FirmwareReport)
class FirmwareReportAdmin(HistoryAdmin):
    list_display = ("charge_point", "status", "flag", "count", "received_at", "last_at")
    list_select_related = ("charge_point",)
    list_filter = ("flag",)
    search_fields = ("charge_point__cp_id__exact",)
