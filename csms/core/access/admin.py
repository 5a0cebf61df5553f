"""People and API tokens in /admin/: roles are given here; keys and hashes are never shown."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from csms.core.access.models import ApiToken, Role, User
from csms.core.access.services import revoke_api_token
from csms.core.read_only_admin import HistoryAdmin

admin.site.unregister(Group)  # roles say who may do what


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    """A person who leaves is made inactive, not deleted: the ledger of commands names them."""

    list_display = ("username", "first_name", "last_name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    filter_horizontal = ()
    readonly_fields = ("new_password", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "new_password")}),
        (None, {"fields": ("first_name", "last_name", "email")}),
        (None, {"fields": ("role", "is_active")}),
        (None, {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "role", "usable_password", "password1", "password2")}),)

    @admin.display(description="password")
    def new_password(self, user: User) -> SafeString:
        return format_html('<a href="{}">Give a new one</a>', "../password/")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        # The role decides: /admin/ is for administrators, and they may do everything there.
        obj.is_staff = obj.is_superuser = obj.role == Role.ADMINISTRATOR
        super().save_model(request, obj, form, change)


@admin.register(ApiToken)
class ApiTokenAdmin(HistoryAdmin):
    """Made by `manage.py create_api_token`, which shows the key once; here they are revoked."""

    list_display = (
        "name",
        "hint",
        "scope_names",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    )
    newest_first = ("-created_at",)
    search_fields = ("name",)
    exclude = ("digest", "signing_secret", "older_signing_secret")
    actions = ("revoke",)

    @admin.display(description="scopes")
    def scope_names(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.action(description="Revoke", permissions=["view"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiToken]) -> None:
        done = sum(
            revoke_api_token(token.name, now=timezone.now(), by=request.user.get_username())
            for token in chosen
        )
        messages.success(request, f"{done} revoked.")
