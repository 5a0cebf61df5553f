"""Certificates and the requests for them in /admin/: to look at."""

from django.contrib import admin

from chargers.certificates.models import InstalledCertificate, SigningRequest
from csms.core.read_only_admin import HistoryAdmin


@admin.register(SigningRequest)
class SigningRequestAdmin(HistoryAdmin):
    list_display = ("charge_point", "status", "subject", "key", "received_at", "decided_by", "reason")
    list_select_related = ("charge_point",)
    list_filter = ("status",)
    search_fields = ("charge_point__cp_id", "subject")


@admin.register(InstalledCertificate)
class InstalledCertificateAdmin(HistoryAdmin):
    list_display = (
        "charge_point",
        "use",
        "subject",
        "serial_number",
        "not_after",
        "reported_at",
        "removed_at",
    )
    list_select_related = ("charge_point",)
    list_filter = ("use", ("removed_at", admin.EmptyFieldListFilter))
    search_fields = ("charge_point__cp_id", "subject", "serial_number")
