"""Availability in /admin/: to look at."""

from django.contrib import admin

from chargers.availability.models import AvailabilityIntent
from csms.core.read_only_admin import HistoryAdmin


@admin.register(AvailabilityIntent)
class AvailabilityIntentAdmin(HistoryAdmin):
    list_display = (
        "charge_point",
        "connector_number",
        "operative",
        "by",
        "ordered_at",
        "answer",
        "seen_at",
    )
    list_select_related = ("charge_point",)
    list_filter = ("operative", "answer")
    search_fields = ("charge_point__cp_id",)
