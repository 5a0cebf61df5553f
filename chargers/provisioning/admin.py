"""Provisioning in /admin/: to look at."""

from django.contrib import admin

from chargers.provisioning.models import ProvisioningRun
from csms.core.read_only_admin import HistoryAdmin


@admin.register(ProvisioningRun)
class ProvisioningRunAdmin(HistoryAdmin):
    list_display = ("charge_point", "state", "step", "started_at", "finished_at", "problem")
    list_select_related = ("charge_point",)
    list_filter = ("state", "step")
    search_fields = ("charge_point__cp_id",)
