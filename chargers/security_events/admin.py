"""Security events in /admin/: to look at."""

from django.contrib import admin

from chargers.security_events.models import SecurityEvent
from csms.core.read_only_admin import HistoryAdmin


@admin.register(SecurityEvent)
class SecurityEventAdmin(HistoryAdmin):
    list_display = ("charge_point", "type", "critical", "info", "event_at", "received_at")
    list_select_related = ("charge_point",)
    list_filter = ("critical",)
    search_fields = ("charge_point__cp_id__exact", "type")
