"""Configurations in /admin/: to look at."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from chargers.configuration.models import BootReport, ConfigurationChange, ConfigurationKey, DesiredValue
from csms.core.read_only_admin import HistoryAdmin, KeptAdmin


class LookedAtAdmin(KeptAdmin):
    """Rows that are changed through the services."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ConfigurationKey)
class ConfigurationKeyAdmin(LookedAtAdmin):
    list_display = ("charge_point", "name", "value", "readonly", "known", "needs_reboot", "reported_at")
    list_select_related = ("charge_point",)
    list_filter = ("known", "needs_reboot")
    search_fields = ("charge_point__cp_id", "name")


@admin.register(DesiredValue)
class DesiredValueAdmin(LookedAtAdmin):
    list_display = ("name", "value", "charge_point", "vendor", "model", "by", "at")
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__cp_id", "name", "vendor", "model")


@admin.register(ConfigurationChange)
class ConfigurationChangeAdmin(HistoryAdmin):
    list_display = ("at", "charge_point", "name", "old_value", "new_value")
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__cp_id", "name")


@admin.register(BootReport)
class BootReportAdmin(HistoryAdmin):
    list_display = ("at", "charge_point", "__str__")
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__cp_id",)
