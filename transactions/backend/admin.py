"""What the backend is told of sessions, in /admin/: to look at."""

from django.contrib import admin

from csms.core.read_only_admin import HistoryAdmin
from transactions.backend.models import SessionReport


@admin.register(SessionReport)
class SessionReportAdmin(HistoryAdmin):
    list_display = ("cp_id", "transaction_id", "kind", "state", "attempts", "next_at", "last_error")
    list_filter = ("state", "kind")
    search_fields = ("cp_id", "transaction_id")
