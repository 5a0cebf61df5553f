"""Events of transactions in /admin/: to look at."""

from django.contrib import admin

from csms.core.read_only_admin import HistoryAdmin
from transactions.sequence.models import TransactionEvent


@admin.register(TransactionEvent)
class TransactionEventAdmin(HistoryAdmin):
    list_display = ("charge_point_id", "transaction_id", "seq_no", "twin", "kind", "trigger", "received_at")
    list_filter = ("kind",)
