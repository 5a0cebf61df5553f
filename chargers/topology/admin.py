"""EVSEs and events of devices in /admin/: to look at."""

from django.contrib import admin

from chargers.topology.models import DeviceEvent, Evse
from csms.core.read_only_admin import HistoryAdmin


@admin.register(Evse)
class EvseAdmin(HistoryAdmin):
    list_display = ("charge_point", "number", "label", "max_power_w", "supply", "status", "known_from")
    list_select_related = ("charge_point",)
    list_filter = ("known_from", "supply")
    search_fields = ("charge_point__cp_id",)


@admin.register(DeviceEvent)
class DeviceEventAdmin(HistoryAdmin):
    list_display = ("charge_point", "happened_at", "component", "variable", "value", "trigger", "problem")
    list_select_related = ("charge_point",)
    list_filter = ("problem", "trigger")
    search_fields = ("charge_point__cp_id",)
