"""Pages of the API: newest first, stable while rows are added."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Cursor pages; `limit` up to 1,000."""

    ordering = "-pk"
    page_size_query_param = "limit"
    max_page_size = 1000
