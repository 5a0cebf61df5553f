"""Local lists in /admin/: to look at."""

from django.contrib import admin

from csms.core.read_only_admin import HistoryAdmin
from transactions.local_lists.models import LocalList


@admin.register(LocalList)
class LocalListAdmin(HistoryAdmin):
    list_display = (
        "charge_point",
        "policy",
        "version",
        "reported_version",
        "supported",
        "last_result",
        "last_at",
    )
    list_select_related = ("charge_point",)
    list_filter = ("policy", "supported", "full_needed")
    search_fields = ("charge_point__cp_id",)
