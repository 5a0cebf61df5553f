"""What /admin/ shows of history: to be looked at and searched, never added to, changed or deleted."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

MOST_LISTED = 10_000


class NewestPaginator(Paginator):  # type: ignore[type-arg]  # Django's classes take none at run time
    """Pages through the newest MOST_LISTED rows; counting all of a time series would take minutes."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.values("pk")[:MOST_LISTED].count())


class KeptAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that are never deleted, since others refer to them."""

    list_per_page = 50
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class HistoryAdmin(KeptAdmin):
    """Rows that tell what happened."""

    paginator = NewestPaginator
    newest_first: tuple[str, ...] = ("-pk",)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return self.newest_first

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
