"""Id tokens, transactions and readings in /admin/: tokens are edited through their services, the rest is history."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from csms.core.id_tokens import canonical_token, named_token
from csms.core.read_only_admin import HistoryAdmin, KeptAdmin
from transactions.models import IdToken, MeterValue, Transaction, UnknownToken
from transactions.tokens import (
    EDITABLE,
    TokenRefusal,
    add_id_token,
    check_id_token,
    check_type,
    checked_values,
    update_id_token,
)


class IdTokenForm(forms.ModelForm):  # type: ignore[type-arg]
    """Says what the services would refuse."""

    class Meta:
        model = IdToken
        fields = ("id_token", "type", *EDITABLE)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            checked_values(**{name: values[name] for name in EDITABLE if name in values})
            if self.instance.pk is None and "id_token" in values:
                text = check_id_token(values["id_token"])
                kind = check_type(values.get("type", ""), text)
                if IdToken.objects.filter(canonical=canonical_token(text, kind), type=kind).exists():
                    raise TokenRefusal("id_token", f"{named_token(text, kind)} is known already")
        except TokenRefusal as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))
        return values


@admin.register(IdToken)
class IdTokenAdmin(KeptAdmin):
    """A token that is no longer wanted is blocked: transactions refer to it by its text."""

    form = IdTokenForm
    list_display = ("id_token", "label", "parent", "blocked", "expires_at", "max_active")
    list_filter = ("blocked",)
    search_fields = ("id_token", "label", "parent")
    ordering = ("id_token",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if obj is None else ["id_token", "type", "created_at", "updated_at"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        times = [] if obj is None else ["created_at", "updated_at"]
        return ["id_token", "type", *EDITABLE, *times]

    def save_model(self, request: HttpRequest, obj: IdToken, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in EDITABLE} | {"by": str(request.user)}
        if change:
            update_id_token(IdToken.objects.get(pk=obj.pk), now=timezone.now(), **values)
        else:
            # A key code has another name from now on, and what /admin/ notes of it has that.
            added = add_id_token(obj.id_token, type=obj.type, now=timezone.now(), **values)
            obj.pk, obj.id_token = added.pk, added.id_token


@admin.register(UnknownToken)
class UnknownTokenAdmin(HistoryAdmin):
    list_display = ("id_token", "charge_point", "count", "first_at", "last_at")
    list_select_related = ("charge_point",)
    search_fields = ("id_token", "charge_point__cp_id__exact")
    newest_first = ("-last_at", "-pk")


@admin.register(Transaction)
class TransactionAdmin(HistoryAdmin):
    list_display = (
        "transaction_id",
        "charge_point",
        "connector_number",
        "status",
        "id_token",
        "started_at",
        "stopped_at",
        "energy_wh",
        "stop_reason",
        "orphan",
        "end_source",
    )
    list_select_related = ("charge_point",)
    list_filter = ("status", "orphan", "end_source")
    search_fields = ("transaction_id__exact", "charge_point__cp_id__exact", "id_token__iexact")
    newest_first = ("-started_at", "-pk")


@admin.register(MeterValue)
class MeterValueAdmin(HistoryAdmin):
    list_display = (
        "charge_point",
        "connector_number",
        "transaction",
        "sampled_at",
        "energy_wh",
        "power_w",
        "soc_percent",
    )
    list_select_related = ("charge_point", "transaction")
    search_fields = ("charge_point__cp_id__exact", "transaction__transaction_id__exact")
