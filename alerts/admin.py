"""Alerts in /admin/: to look at."""

from django.contrib import admin

from alerts.models import Alert
from csms.core.read_only_admin import HistoryAdmin


@admin.register(Alert)
class AlertAdmin(HistoryAdmin):
    list_display = ("rule", "subject", "severity", "state", "began_at", "fired_at", "resolved_at")
    list_filter = ("state", "severity")
    search_fields = ("charge_point__cp_id__exact", "rule")
