"""Signed readings in /admin/: to look at."""

from django.contrib import admin

from csms.core.read_only_admin import HistoryAdmin
from transactions.signed.models import SignedReading


@admin.register(SignedReading)
class SignedReadingAdmin(HistoryAdmin):
    list_display = ("charge_point_id", "transaction_id", "sampled_at", "context", "encoding_method")
