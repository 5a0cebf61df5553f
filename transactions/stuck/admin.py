"""Corrections of stuck sessions in /admin/: to look at."""

from django.contrib import admin

from csms.core.read_only_admin import HistoryAdmin
from transactions.stuck.models import Correction


@admin.register(Correction)
class CorrectionAdmin(HistoryAdmin):
    list_display = ("at", "by", "step", "kind", "charge_point", "transaction", "reason")
    list_select_related = ("charge_point", "transaction")
    list_filter = ("kind", "step")
    search_fields = ("charge_point__cp_id", "by")
