"""Charging profiles in /admin/: to look at."""

from django.contrib import admin

from csms.core.read_only_admin import HistoryAdmin
from transactions.charging_profiles.models import CompositeSchedule, InstalledProfile


@admin.register(InstalledProfile)
class InstalledProfileAdmin(HistoryAdmin):
    list_display = (
        "charge_point",
        "profile_id",
        "connector_number",
        "purpose",
        "stack_level",
        "status",
        "note",
        "by",
        "created_at",
    )
    list_select_related = ("charge_point",)
    list_filter = ("status", "purpose")
    search_fields = ("charge_point__cp_id",)


@admin.register(CompositeSchedule)
class CompositeScheduleAdmin(HistoryAdmin):
    list_display = ("charge_point", "connector_number", "answer", "unit", "differs", "by", "received_at")
    list_select_related = ("charge_point",)
    list_filter = ("answer", "differs")
    search_fields = ("charge_point__cp_id",)
