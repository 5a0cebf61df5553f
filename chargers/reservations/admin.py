"""Reservations in /admin/: to look at."""

from django.contrib import admin

from chargers.reservations.models import Reservation
from csms.core.read_only_admin import HistoryAdmin


@admin.register(Reservation)
class ReservationAdmin(HistoryAdmin):
    list_display = (
        "number",
        "charge_point",
        "connector_number",
        "id_token",
        "status",
        "answer",
        "expires_at",
        "by",
    )
    list_select_related = ("charge_point",)
    list_filter = ("status",)
    search_fields = ("charge_point__cp_id", "id_token", "=number")
