"""Pages of the API: each begins after the last row of the one before, so rows that are added shift nothing."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import orjson
from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, Field, IntegerField, Model, Q, QuerySet
from rest_framework import serializers

from csms.core.api_data import Query, Whole
from csms.core.api_errors import invalid

LIMIT_DEFAULT, LIMIT_MAX = 100, 1000

M = TypeVar("M", bound=Model)


class PageQuery(Query):
    """The query string of every list."""

    limit = Whole(default=LIMIT_DEFAULT, min_value=1, max_value=LIMIT_MAX, help_text="Rows on a page.")
    cursor = serializers.CharField(
        required=False, max_length=1000, help_text="The `next_cursor` of the page before, unchanged."
    )


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """The rows of a page, and the cursor of the next one; None on the last."""

    rows: list[M]
    next_cursor: str | None


def page(rows: QuerySet[M], *, order: tuple[str, ...], limit: int, cursor: str | None = None) -> Page[M]:
    """Return a page of rows in an order of column names ("-" = falling), the last of which is unique.

    One query. No column of the order may be null. Raises 422 for a cursor that is broken or of another order.
    """
    if cursor:
        rows = rows.filter(_after(rows.model, order, cursor))
    found = list(rows.order_by(*order)[: limit + 1])
    if len(found) <= limit:
        return Page(found, None)
    return Page(found[:limit], _cursor(found[limit - 1], order))


def _cursor(row: Model, order: tuple[str, ...]) -> str:
    values = [getattr(row, name.lstrip("-")) for name in order]
    return urlsafe_b64encode(orjson.dumps([",".join(order), *values])).decode().rstrip("=")


def _after(model: type[Model], order: tuple[str, ...], cursor: str) -> Q:
    """Return the condition for rows behind the one that the cursor names."""
    values = _values(model, order, cursor)
    behind = Q()
    for name, value in reversed(list(zip(order, values, strict=True))):
        column, way = name.lstrip("-"), "lt" if name.startswith("-") else "gt"
        beyond = Q(**{f"{column}__{way}": value})
        # The outer bound repeats the inner one so that an index on the first column can serve it.
        behind = Q(**{f"{column}__{way}e": value}) & (beyond | behind) if behind else beyond
    return behind


def _values(model: type[Model], order: tuple[str, ...], cursor: str) -> list[Any]:
    broken = invalid({"cursor": ["It is not one that a page of this list ended with."]})
    try:
        parts = orjson.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise broken from error
    if not isinstance(parts, list) or len(parts) != len(order) + 1 or parts[0] != ",".join(order):
        raise broken
    try:
        return [_value(_column(model, name), part) for name, part in zip(order, parts[1:], strict=True)]
    except (ValidationError, ValueError, TypeError, OverflowError) as error:
        raise broken from error


def _column(model: type[Model], name: str) -> "Field[Any, Any]":
    name = name.lstrip("-")
    column = model._meta.pk if name == "pk" else model._meta.get_field(name)
    assert isinstance(column, Field)
    return column


def _value(column: "Field[Any, Any]", part: Any) -> Any:
    """Return the part of a cursor as a value of the column; a forged one must not reach the database."""
    if isinstance(column, IntegerField):
        if type(part) is not int or abs(part) >= 2**63:
            raise ValueError(part)
        return part
    if not isinstance(part, str) or "\x00" in part:
        raise ValueError(part)
    if isinstance(column, DateTimeField):
        return datetime.fromisoformat(part).astimezone(UTC)
    return column.to_python(part)
