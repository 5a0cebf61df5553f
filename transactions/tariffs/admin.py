"""Tariffs and costs in the administration, to look at."""

from django.contrib import admin

from csms.core.read_only_admin import HistoryAdmin
from transactions.tariffs.models import Assignment, Cost, LiveCost, Tariff


@admin.register(Tariff)
class TariffAdmin(HistoryAdmin):
    list_display = ("name", "currency", "energy_price", "tax_percent", "retired_at")
    search_fields = ("name",)


@admin.register(Assignment)
class AssignmentAdmin(HistoryAdmin):
    list_display = ("tariff", "charge_point", "site", "valid_from")


@admin.register(Cost)
class CostAdmin(HistoryAdmin):
    list_display = ("transaction", "tariff", "total", "currency", "priced_at")


@admin.register(LiveCost)
class LiveCostAdmin(HistoryAdmin):
    list_display = ("transaction", "total", "currency", "told_at", "via", "looked_at")
