"""The device model in /admin/: to look at."""

from django.contrib import admin

from chargers.device_model.models import Component, Variable
from csms.core.read_only_admin import HistoryAdmin


@admin.register(Component)
class ComponentAdmin(HistoryAdmin):
    list_display = ("charge_point", "name", "instance", "evse_number", "evse_connector")
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__cp_id", "name")


@admin.register(Variable)
class VariableAdmin(HistoryAdmin):
    list_display = ("component", "name", "instance", "data_type", "unit", "values_list")
    list_select_related = ("component",)
    list_filter = ("data_type",)
    search_fields = ("component__charge_point__cp_id", "name")
