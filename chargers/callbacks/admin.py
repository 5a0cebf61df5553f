"""Callbacks in /admin/: to look at."""

from django.contrib import admin

from chargers.callbacks.models import Callback
from csms.core.read_only_admin import HistoryAdmin


@admin.register(Callback)
class CallbackAdmin(HistoryAdmin):
    list_display = ("command", "origin", "state", "attempts", "last_status", "last_error", "next_at")
    list_select_related = ("command",)
    list_filter = ("state",)
    exclude = ("sealed",)
    search_fields = ("origin",)
