"""Lists of the console as files, a step at a time: CSV that a spreadsheet may open, or a JSON object a line.

A page that can be exported has `{% include "console/export.html" %}` and begins its view with

    if wanted(request):
        return export(request, rows, COLUMNS, "transactions")

The links keep the filters of the address. A file has EXPORT_MAX rows at most; its last line says if there were more.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import orjson
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from csms.core.api_csv import EXPORT_MAX, MEDIA_TYPES, STEP, line, streamed
from csms.core.paging import Order, page


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading in CSV, its key in NDJSON, and where its value is: a path of attributes, or a function.

    The function runs after the request, with no language chosen: it returns facts, not sentences.
    """

    title: str | Promise
    key: str
    value: str | Callable[[Any], Any] = ""

    def getter(self) -> Callable[[Any], Any]:
        """Return what takes the value from a row; a path that leads nowhere has none."""
        return self.value if callable(self.value) else _path(self.value or self.key)


def _path(dotted: str) -> Callable[[Any], Any]:
    get = attrgetter(dotted)

    def value(row: Any) -> Any:
        try:
            return get(row)
        except AttributeError:
            return None

    return value


class Cut(Exception):
    """The steps of a file end here although there may be more; the text says why."""


def wanted(request: HttpRequest) -> str:
    """Return which kind of file the address asks for: "csv", "ndjson", or "" for the page."""
    kind = request.GET.get("export", "")
    return kind if kind in MEDIA_TYPES else ""


def export(
    request: HttpRequest,
    rows: QuerySet[Any] | Iterable[Sequence[Any]],
    columns: Sequence[Column],
    name: str,
    *,
    order: Order = ("-pk",),
) -> StreamingHttpResponse:
    """Return the file `name` of what the address asks for.

    `rows` is a query, read in `order` (see `csms.core.paging.page`), a step after the other, or else the steps
    themselves, which may raise Cut.
    """
    kind = wanted(request) or "csv"
    steps = _steps(rows, order) if isinstance(rows, QuerySet) else iter(rows)
    # Said now, in the language of who asks: the file is written in other threads.
    titles = [str(column.title) for column in columns]
    more = _("More than %(count)s rows: narrow the filters to have the others.") % {
        "count": f"{EXPORT_MAX:,}"
    }
    return streamed(
        request, _chunks(kind, titles, columns, steps, more), kind, f"{name}-{timezone.now():%Y-%m-%d}"
    )


def _steps(rows: QuerySet[Any], order: Order) -> Iterator[Sequence[Any]]:
    cursor = None
    while True:
        found = page(rows, order=order, limit=STEP, cursor=cursor)
        cursor = found.next_cursor
        yield found.rows
        if cursor is None:
            return


def _chunks(
    kind: str, titles: list[str], columns: Sequence[Column], steps: Iterator[Sequence[Any]], more: str
) -> Iterator[str]:
    """Yield the file; while somebody is slow to read, nothing is kept but the step that is read."""
    getters = [(column.key, column.getter()) for column in columns]
    if kind == "csv":
        yield line(iter(titles))
    written = 0
    try:
        for step in steps:
            if step:
                room = EXPORT_MAX - written
                yield "".join(_row(kind, getters, row) for row in step[:room])
                written += len(step)
                if written > EXPORT_MAX:
                    raise Cut(more)
    except Cut as cut:
        yield line(iter([str(cut)])) if kind == "csv" else _json({"cut": str(cut)})


def _row(kind: str, getters: list[tuple[str, Callable[[Any], Any]]], row: Any) -> str:
    values = {key: _fact(get(row)) for key, get in getters}
    return line(iter(values.values())) if kind == "csv" else _json(values)


def _json(values: dict[str, Any]) -> str:
    return orjson.dumps(values, default=str).decode() + "\n"


def _fact(value: Any) -> Any:
    """Return a value as files have it: a moment in UTC, to the millisecond."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value
