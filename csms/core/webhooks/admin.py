"""Webhooks and their deliveries in /admin/: to look at; nothing sealed is shown."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from csms.core.read_only_admin import HistoryAdmin
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange


@admin.register(Endpoint)
class EndpointAdmin(HistoryAdmin):
    list_display = ("name", "url", "enabled", "paused_at", "failing_since", "delivered_at", "created_by")
    newest_first = ("-created_at",)
    search_fields = ("name", "origin")
    exclude = ("sealed", "secret", "older_secret")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        """Return those that were not deleted."""
        return Endpoint.objects.all()


@admin.register(EndpointChange)
class EndpointChangeAdmin(HistoryAdmin):
    list_display = ("at", "name", "what", "by", "details")
    list_filter = ("what",)
    search_fields = ("name",)


@admin.register(Delivery)
class DeliveryAdmin(HistoryAdmin):
    list_display = ("created_at", "endpoint", "type", "cp_id", "state", "attempts", "status", "error")
    list_select_related = ("endpoint",)
    list_filter = ("state",)
    search_fields = ("=event_id", "=cp_id")
