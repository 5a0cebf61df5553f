"""Charging without a transaction in /admin/: to look at."""

from django.contrib import admin

from csms.core.read_only_admin import HistoryAdmin
from transactions.remote_control.models import UnexplainedCharging


@admin.register(UnexplainedCharging)
class UnexplainedChargingAdmin(HistoryAdmin):
    list_display = ("charge_point", "connector_number", "since", "noticed_at", "ended_at", "end")
    list_select_related = ("charge_point",)
    list_filter = ("end",)
    search_fields = ("charge_point__cp_id",)
