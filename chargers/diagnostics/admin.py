"""Uploads of charge points in /admin/: to look at."""

from django.contrib import admin

from chargers.diagnostics.models import LogJob, LogReport, StoredFile, Upload
from csms.core.read_only_admin import HistoryAdmin


@admin.register(LogJob)
class LogJobAdmin(HistoryAdmin):
    list_display = ("charge_point", "created_at", "log", "state", "status", "status_at", "file_name")
    list_select_related = ("charge_point",)
    list_filter = ("state", "log")
    search_fields = ("charge_point__cp_id",)


@admin.register(LogReport)
class LogReportAdmin(HistoryAdmin):
    list_display = ("charge_point", "status", "flag", "count", "received_at", "last_at")
    list_select_related = ("charge_point",)
    list_filter = ("flag",)
    search_fields = ("charge_point__cp_id__exact",)


@admin.register(Upload)
class UploadAdmin(HistoryAdmin):
    list_display = ("charge_point", "created_at", "expires_at", "attempt", "used_at", "revoked_at")
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__cp_id",)


@admin.register(StoredFile)
class StoredFileAdmin(HistoryAdmin):
    list_display = ("charge_point", "name", "size", "sha256", "peer", "received_at")
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__cp_id", "name")
