"""Pages of the API: each begins after the last row of the one before, so rows that are added shift nothing."""

import binascii
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

import orjson
from django.core.exceptions import ValidationError
from django.db.models import (
    BooleanField,
    DateTimeField,
    DecimalField,
    Field,
    FloatField,
    ForeignKey,
    IntegerField,
    Model,
    Q,
    QuerySet,
    TextField,
)
from django.db.models.functions import Left
from rest_framework import serializers

from csms.core.api_data import EPOCH, Flag, Query, Whole
from csms.core.api_errors import invalid

LIMIT_DEFAULT, LIMIT_MAX = 100, 1000
COUNT_MAX = 100_000
CURSOR_MAX = 4000
TEXT_MAX = (
    100  # so much of a text without bounds decides where it comes; what is behind it would not fit a cursor
)

MILLISECOND = timedelta(milliseconds=1)
_WINDOWED = re.compile(r"([^~]+)~([0-9]{1,14})~([0-9]{1,14})")

Order = tuple[str, ...]
M = TypeVar("M", bound=Model)


class PageQuery(Query):
    """The query string of every list.

    `sortable` names the orders that a caller may choose, each by its columns in rising order, of which the last is
    unique: `{"started_at": ("started_at", "pk")}` allows `sort=started_at` and `sort=-started_at`. The columns are
    those of the model, of rows that it points to (`charge_point__cp_id`, which the rows have at hand) or annotations.
    The first column may be null, no other: what has no value comes last, whichever way.
    """

    sortable: ClassVar[dict[str, Order]] = {}

    limit = Whole(default=LIMIT_DEFAULT, min_value=1, max_value=LIMIT_MAX, help_text="Rows on a page.")
    cursor = serializers.CharField(
        required=False, max_length=CURSOR_MAX, help_text="The `next_cursor` of the page before, unchanged."
    )
    count = Flag(
        default=False,
        help_text=f"Whether to count the rows of all pages, too; not beyond {COUNT_MAX}, see `count_capped`.",
    )
    format = serializers.ChoiceField(
        ["json", "csv", "ndjson"],
        required=False,
        help_text="`csv` answers with all rows as text/csv, as `Accept: text/csv` does, and `ndjson` as "
        "application/x-ndjson; both go without `limit` and `count`.",
    )

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `sort` is one where there is a choice."""
        fields: dict[str, Any] = super().get_fields()
        if self.sortable:
            fields["sort"] = serializers.ChoiceField(
                [way + name for name in self.sortable for way in ("", "-")],
                required=False,
                help_text="The order, `-` for the falling one; rows without a value come last in both. A cursor is "
                "good for the order that it was made in.",
            )
        return fields


def sorted_by(query: type[PageQuery], sort: str) -> Order:
    """Return the columns of an order that was asked for."""
    columns = query.sortable[sort.removeprefix("-")]
    if not sort.startswith("-"):
        return columns
    return tuple(name[1:] if name.startswith("-") else f"-{name}" for name in columns)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """The rows of a page, and the cursor of the next one; None on the last."""

    rows: list[M]
    next_cursor: str | None


def page(rows: QuerySet[M], *, order: Order, limit: int, cursor: str | None = None) -> Page[M]:
    """Return a page of rows in an order of column names ("-" = falling), the last of which is unique.

    One query; two where the first column may be null and the page reaches the rows without a value. Raises 422 for a
    cursor that is broken or of another order.
    """
    rows, order = _keyed(rows, order)
    found: list[M] = []
    for part, names in _parts(rows, order, cursor):
        found += part.order_by(*names)[: limit + 1 - len(found)]
        if len(found) > limit:
            last = [_attribute(found[limit - 1], name) for name in order]
            return Page(found[:limit], _cursor(order, last))
    return Page(found, None)


def counted(rows: QuerySet[Any]) -> tuple[int, bool]:
    """Return how many rows there are, and whether there are more than were counted. One query."""
    rows = rows.order_by()
    bare = rows if rows.query.group_by else rows.values("pk")
    number = bare[: COUNT_MAX + 1].count()
    return min(number, COUNT_MAX), number > COUNT_MAX


def cut(
    rows: QuerySet[M], *, order: Order, at: int, cursor: str | None = None
) -> tuple[QuerySet[M], str | None]:
    """Return the rows up to the `at`th behind the cursor, and the cursor of what follows; None if nothing does.

    Rows that are added before that one later on are among them. Raises 422 for a cursor as `page()` does.
    """
    rows, order = _keyed(rows, order)
    columns = [name.lstrip("-") for name in order]
    ends: list[Any] = []  # the `at`th, and the one behind it
    skipped = at - 1
    for part, names in _parts(rows, order, cursor):
        bare = part.prefetch_related(None).order_by(*names).values_list(*columns)
        ends += bare[skipped : skipped + 2 - len(ends)]
        if len(ends) == 2:
            return rows.filter(_until(rows, order, ends[0])), _cursor(order, ends[0])
        # Rows may have come since the slice was read.
        skipped = 0 if ends else max(0, skipped - part.count())
    return rows, None


@dataclass(frozen=True, slots=True)
class Newest(Generic[M]):
    """Rows, the newest first, and the key before which to look on; None at the end."""

    rows: Sequence[M]
    older: Any


def newest(rows: QuerySet[M], key: str, *, wanted: Q, before: Any = None, most: int, among: int) -> Newest[M]:
    """Return the rows with the highest keys below `before` that are wanted, at most `most`.

    An index leads through the rows by their keys, and none knows which are wanted: `among` rows are looked at.
    """
    if before is not None:
        rows = rows.filter(**{f"{key}__lt": before})
    # The last one that is looked at, and the one behind it.
    edge = list(rows.order_by(f"-{key}").values_list(key, flat=True)[among - 1 : among + 1])
    if edge:
        rows = rows.filter(**{f"{key}__gte": edge[0]})
    found = list(rows.filter(wanted).order_by(f"-{key}")[: most + 1])
    if len(found) > most:
        return Newest(found[:most], getattr(found[most - 1], key))
    return Newest(found, edge[0] if len(edge) > 1 else None)


def _keyed(rows: QuerySet[M], order: Order) -> tuple[QuerySet[M], Order]:
    """Return the rows and the order with the beginnings of texts in place of texts without bounds."""
    names = []
    for name in order:
        column, way = name.lstrip("-"), "-" if name.startswith("-") else ""
        field, _ = _column(rows, column)
        if isinstance(field, TextField) and field.max_length is None:
            key = f"beginning_of_{column}"
            rows = rows.annotate(**{key: Left(column, TEXT_MAX)})
            column = key
        names.append(way + column)
    return rows, tuple(names)


def _parts(rows: QuerySet[M], order: Order, cursor: str | None) -> Iterator[tuple[QuerySet[M], Order]]:
    """Yield the rows behind the cursor in parts, each with its order: those with a value in the first column, the rest.

    No index serves "nulls last" both ways; within a part nothing is null, so any index on the column serves it.
    """
    first, rest = order[0].lstrip("-"), order[1:]
    values = _values(rows, order, cursor) if cursor else None
    if not _column(rows, first)[1]:
        yield (rows if values is None else rows.filter(_side(order, values))), order
        return
    if values is None or values[0] is not None:
        valued = rows.filter(**{f"{first}__isnull": False})
        yield (valued if values is None else valued.filter(_side(order, values))), order
    empty = rows.filter(**{f"{first}__isnull": True})
    if values is not None and values[0] is None:
        empty = empty.filter(_side(rest, values[1:]))
    yield empty, rest


def _side(order: Order, values: Sequence[Any], *, behind: bool = True) -> Q:
    """Return the condition for rows behind these values, or else for those before and at them."""
    side = Q()
    for name, value in reversed(list(zip(order, values, strict=True))):
        column, way = name.lstrip("-"), "lt" if name.startswith("-") == behind else "gt"
        beyond = Q(**{f"{column}__{way}": value})
        # The outer bound repeats the inner one so that an index on the first column can serve it.
        if side:
            side = Q(**{f"{column}__{way}e": value}) & (beyond | side)
        else:
            side = beyond if behind else Q(**{f"{column}__{way}e": value})
    return side


def _until(rows: QuerySet[Any], order: Order, values: Sequence[Any]) -> Q:
    """Return the condition for rows before and at these values, of which the first may be null."""
    first = order[0].lstrip("-")
    if not _column(rows, first)[1]:
        return _side(order, values, behind=False)
    valued, empty = Q(**{f"{first}__isnull": False}), Q(**{f"{first}__isnull": True})
    if values[0] is None:
        return valued | (empty & _side(order[1:], values[1:], behind=False))
    return valued & _side(order, values, behind=False)


def with_window(cursor: str, window: tuple[datetime, datetime]) -> str:
    """Return the cursor with the window that it is of, to the millisecond: "now" and "24 h ago" move on."""
    return "~".join([cursor, *(str((moment - EPOCH) // MILLISECOND) for moment in window)])


def window_of(cursor: str) -> tuple[str, dict[str, datetime]]:
    """Return the cursor as `page()` takes it, and the bounds `from` and `to` that it brought, if any."""
    if not (match := _WINDOWED.fullmatch(cursor)):
        return cursor, {}
    bare, since, until = match.groups()
    return bare, {"from": EPOCH + int(since) * MILLISECOND, "to": EPOCH + int(until) * MILLISECOND}


def _cursor(order: Order, values: Sequence[Any]) -> str:
    parts = orjson.dumps([",".join(order), *values], default=str)
    return urlsafe_b64encode(parts).decode().rstrip("=")


def _values(rows: QuerySet[Any], order: Order, cursor: str) -> list[Any]:
    """Return the values that a cursor holds. Raises 422 for one that is broken or of another order."""
    broken = invalid({"cursor": ["It is not one that a page of this list, in this order, ended with."]})
    try:
        parts = orjson.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise broken from error
    if not isinstance(parts, list) or len(parts) != len(order) + 1 or parts[0] != ",".join(order):
        raise broken
    try:
        columns = [_column(rows, name.lstrip("-")) for name in order]
        return [
            _value(column, part, nullable)
            for (column, nullable), part in zip(columns, parts[1:], strict=True)
        ]
    except (ValidationError, ValueError, TypeError, OverflowError) as error:
        raise broken from error


def _column(rows: QuerySet[Any], name: str) -> tuple["Field[Any, Any]", bool]:
    """Return the column or annotation of this name, and whether it may be null."""
    if name in rows.query.annotations:
        return rows.query.annotations[name].output_field, not name.startswith("beginning_of_")
    model, nullable = rows.model, False
    column: Field[Any, Any] | None = None
    for part in name.split("__"):
        named = model._meta.pk if part == "pk" else model._meta.get_field(part)
        assert isinstance(named, Field)
        nullable = nullable or named.null
        column = named
        if isinstance(named, ForeignKey):
            column, model = named.target_field, named.related_model
    assert column is not None
    return column, nullable


def _attribute(row: Any, name: str) -> Any:
    for part in name.lstrip("-").split("__"):
        row = row.get(part) if isinstance(row, dict) else getattr(row, part, None)
    return row


def _value(column: "Field[Any, Any]", part: Any, nullable: bool) -> Any:
    """Return the part of a cursor as a value of the column; a forged one must not reach the database."""
    if part is None and nullable:
        return None
    if isinstance(column, BooleanField):
        if type(part) is not bool:
            raise ValueError(part)
        return part
    if isinstance(column, IntegerField):
        if type(part) is not int or abs(part) >= 2**63:
            raise ValueError(part)
        return part
    if isinstance(column, FloatField):
        if type(part) not in (int, float) or not math.isfinite(part):
            raise ValueError(part)
        return float(part)
    if not isinstance(part, str) or "\x00" in part:
        raise ValueError(part)
    if isinstance(column, DateTimeField):
        return datetime.fromisoformat(part).astimezone(UTC)
    value = column.to_python(part)
    if isinstance(column, DecimalField):
        column.run_validators(value)
    return value
