"""Charge points and their history in /admin/: to look at; what may be changed goes through the services."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from chargers.models import (
    ChargePoint,
    Command,
    Connection,
    Connector,
    Frame,
    Process,
    RefusedHandshake,
    Registration,
    StatusReport,
)
from chargers.protocol.frames import MessageKind
from chargers.services import retire_charge_point, set_registration
from csms.core.read_only_admin import HistoryAdmin, KeptAdmin


class ConnectorInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Connector
    fields = readonly_fields = ("number", "status", "error_code", "info", "status_at", "received_at")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ChargePoint)
class ChargePointAdmin(KeptAdmin):
    """Only the name is edited here; `manage.py add_charge_point` registers, the actions decide."""

    list_display = (
        "cp_id",
        "name",
        "site",
        "registration",
        "in_service",
        "online",
        "protocol",
        "vendor",
        "model",
    )
    list_display_links = ("cp_id",)
    list_filter = ("registration", ("retired_at", admin.EmptyFieldListFilter), "protocol")
    search_fields = ("cp_id", "name", "site", "serial_number")
    ordering = ("cp_id",)
    fields = (
        "cp_id",
        ("name", "site"),
        "labels",
        ("registration", "in_service", "retired_at"),
        ("online", "protocol", "last_seen_at"),
        "has_password",
        ("vendor", "model", "serial_number", "firmware_version"),
        ("iccid", "imsi", "meter_type", "meter_serial_number"),
        ("created_at", "booted_at"),
    )
    inlines = (ConnectorInline,)
    actions = ("approve", "reject", "retire")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [name for name in flatten(self.fields) if name != "name"]

    @admin.display(boolean=True)
    def in_service(self, charge_point: ChargePoint) -> bool:
        return charge_point.retired_at is None

    @admin.display(boolean=True)
    def online(self, charge_point: ChargePoint) -> bool:
        return charge_point.connection_id is not None

    @admin.display(boolean=True)
    def has_password(self, charge_point: ChargePoint) -> bool:
        return bool(charge_point.password_hash)

    @admin.action(description="Approve", permissions=["change"])
    def approve(self, request: HttpRequest, chosen: QuerySet[ChargePoint]) -> None:
        self._decide(request, chosen, Registration.ACCEPTED, "approved")

    @admin.action(description="Reject", permissions=["change"])
    def reject(self, request: HttpRequest, chosen: QuerySet[ChargePoint]) -> None:
        self._decide(request, chosen, Registration.REJECTED, "rejected")

    @admin.action(description="Retire: out of service for good", permissions=["change"])
    def retire(self, request: HttpRequest, chosen: QuerySet[ChargePoint]) -> None:
        now, by = timezone.now(), request.user.get_username()
        done = sum(retire_charge_point(charge_point, now=now, by=by) for charge_point in chosen)
        messages.success(request, f"{done} retired.")

    def _decide(
        self, request: HttpRequest, chosen: QuerySet[ChargePoint], registration: Registration, word: str
    ) -> None:
        now, by = timezone.now(), request.user.get_username()
        done = sum(
            set_registration(charge_point, registration, now=now, by=by)
            for charge_point in chosen.filter(retired_at=None)
        )
        messages.success(request, f"{done} {word}.")


@admin.register(Connection)
class ConnectionAdmin(HistoryAdmin):
    list_display = (
        "charge_point",
        "protocol",
        "peer",
        "opened_at",
        "closed_at",
        "close_code",
        "close_reason",
    )
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__cp_id", "peer")


@admin.register(Command)
class CommandAdmin(HistoryAdmin):
    list_display = ("charge_point", "type", "status", "answer_status", "effect", "by", "created_at")
    list_select_related = ("charge_point",)
    list_filter = ("status", "type")
    search_fields = ("charge_point__cp_id", "by")
    exclude = ("sealed",)


@admin.register(Frame)
class FrameAdmin(HistoryAdmin):
    list_display = (
        "charge_point",
        "at",
        "direction",
        "message_kind",
        "action",
        "verdict",
        "latency_us",
        "beginning",
    )
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__cp_id__exact",)

    @admin.display(description="kind")
    def message_kind(self, frame: Frame) -> str:
        # Beside the verdict: an error may be as the standard has it and is an error all the same.
        return MessageKind(frame.kind).name if frame.kind in set(MessageKind) else "unreadable"

    @admin.display(description="text")
    def beginning(self, frame: Frame) -> str:
        return frame.text[:120]


@admin.register(StatusReport)
class StatusReportAdmin(HistoryAdmin):
    list_display = ("charge_point", "connector_number", "status", "error_code", "status_at", "received_at")
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__cp_id__exact",)


@admin.register(RefusedHandshake)
class RefusedHandshakeAdmin(HistoryAdmin):
    list_display = ("identity", "peer", "http_status", "reason", "detail", "count", "first_at", "last_at")
    newest_first = ("-last_at",)
    list_filter = ("reason",)
    search_fields = ("identity", "peer")


@admin.register(Process)
class ProcessAdmin(HistoryAdmin):
    list_display = ("host", "pid", "started_at", "seen_at", "ended_at")
