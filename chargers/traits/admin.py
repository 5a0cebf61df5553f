"""Traits, aliases and the ledger of deviations in /admin/; what is saved here goes through the services."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm, ValidationError
from django.http import HttpRequest
from django.utils import timezone

from chargers.services import Refusal
from chargers.traits import services
from chargers.traits.models import ChargePointTraits, Deviation, IdentityAlias, ModelTraits
from csms.core.read_only_admin import HistoryAdmin


class SavedByServices(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's classes take none at run time
    """Rows whose changes are told to connections and events."""

    list_per_page = 50

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


@admin.register(ModelTraits)
class ModelTraitsAdmin(SavedByServices):
    list_display = ("vendor", "model", "firmware", "traits", "note", "changed_at")
    search_fields = ("vendor", "model")
    fields = ("vendor", "model", "firmware", "traits", "note")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("vendor", "model", "firmware") if obj else ()

    def save_model(self, request: HttpRequest, obj: ModelTraits, form: Any, change: bool) -> None:
        row = services.set_model_traits(
            obj.vendor,
            obj.model,
            obj.firmware,
            traits=obj.traits,
            note=obj.note,
            now=timezone.now(),
            by=request.user.get_username(),
        )
        obj.pk = row.pk

    def delete_model(self, request: HttpRequest, obj: ModelTraits) -> None:
        services.remove_model_traits(obj, now=timezone.now(), by=request.user.get_username())


@admin.register(ChargePointTraits)
class ChargePointTraitsAdmin(SavedByServices):
    list_display = ("charge_point", "traits", "note", "changed_at")
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__cp_id",)
    fields = ("charge_point", "traits", "note")
    autocomplete_fields = ("charge_point",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("charge_point",) if obj else ()

    def save_model(self, request: HttpRequest, obj: ChargePointTraits, form: Any, change: bool) -> None:
        services.set_charge_point_traits(
            obj.charge_point, obj.traits, note=obj.note, now=timezone.now(), by=str(request.user)
        )

    def delete_model(self, request: HttpRequest, obj: ChargePointTraits) -> None:
        services.remove_charge_point_traits(
            obj.charge_point, now=timezone.now(), by=request.user.get_username()
        )


class AliasForm(ModelForm):  # type: ignore[type-arg]
    """Refuses identities that are bad or taken, before anything is saved."""

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if "identity" in found and "charge_point" in found:
            try:
                services.check_alias(found["charge_point"], found["identity"])
            except Refusal as refusal:
                raise ValidationError({"identity": str(refusal)}) from refusal
        return found


@admin.register(IdentityAlias)
class IdentityAliasAdmin(SavedByServices):
    form = AliasForm
    list_display = ("identity", "charge_point", "created_at")
    list_select_related = ("charge_point",)
    search_fields = ("identity", "charge_point__cp_id")
    fields = ("identity", "charge_point")
    autocomplete_fields = ("charge_point",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: IdentityAlias, form: Any, change: bool) -> None:
        row = services.add_alias(
            obj.charge_point, obj.identity, now=timezone.now(), by=request.user.get_username()
        )
        obj.pk = row.pk
        messages.info(request, f"{row.charge_point} may now connect as {row}.")

    def delete_model(self, request: HttpRequest, obj: IdentityAlias) -> None:
        services.remove_alias(obj, now=timezone.now(), by=request.user.get_username())


@admin.register(Deviation)
class DeviationAdmin(HistoryAdmin):
    list_display = ("vendor", "model", "firmware", "action", "field", "rule", "verdict", "count", "last_at")
    newest_first = ("-last_at",)
    list_filter = ("verdict",)
    search_fields = ("vendor", "model", "action", "field")
