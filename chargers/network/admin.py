"""Network profiles and moves to others in /admin/: to look at."""

from django.contrib import admin

from chargers.network.models import NetworkProfile, ProfileChange
from csms.core.read_only_admin import HistoryAdmin


@admin.register(NetworkProfile)
class NetworkProfileAdmin(HistoryAdmin):
    list_display = ("charge_point", "slot", "url", "security_profile", "state", "by", "told_at")
    list_select_related = ("charge_point",)
    list_filter = ("state", "security_profile")
    search_fields = ("charge_point__cp_id", "url")


@admin.register(ProfileChange)
class ProfileChangeAdmin(HistoryAdmin):
    list_display = ("charge_point", "before", "wanted", "slot", "state", "problem", "by", "started_at")
    list_select_related = ("charge_point",)
    list_filter = ("state",)
    search_fields = ("charge_point__cp_id",)
