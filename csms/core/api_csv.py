"""Lists as files, all rows, a few at a time: CSV without formulas (RFC 4180), or a JSON object a line, verbatim."""

import re
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
from channels.db import database_sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header
from rest_framework.serializers import Serializer

from csms.core.paging import Order, page
from csms.core.rendering import Shaper, let_go, written

MEDIA_TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
PARAMETERS = {"csv": "; charset=utf-8; header=present", "ndjson": ""}
EXPORT_MAX = 100_000  # rows; a Link leads to those behind them
STEP = 1000  # rows in memory at once
# All files of a process are written by so few, a step of each in turn: they would else keep charge points waiting.
_WRITERS = ThreadPoolExecutor(2, thread_name_prefix="export")

# What begins a formula in one spreadsheet or another, full-width forms among it, also behind blanks and marks that
# nobody sees, which some take away first. A number is none. What has apostrophes before it already gets one more, so
# that it can be read back.
_FORMULA = re.compile(r"'*([\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*[=+\-@＝＋－＠]|[\t\r\n])")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", re.IGNORECASE)
# Quoted, too, is what separates cells elsewhere: no cell begins in the middle of a text.
_QUOTED = re.compile(r'[",;\t\r\n]')


def columns(shape: Shaper) -> list[str]:
    """Return the names of the columns: the fields of the shape, those of shapes in it behind a dot."""
    return [".".join(path) for path in _paths(shape())]


def documented(shape: Shaper) -> tuple[str, dict[str, Any]]:
    """Return what the schema says of the file: in words, and as a media type."""
    said = (
        "As text/csv: all rows, from the cursor on if one is given (RFC 4180, UTF-8, a line of names first; lists and "
        "objects in a cell are JSON; a text that a spreadsheet would run has an apostrophe before it). As "
        "application/x-ndjson: the same rows, each an object as in `results` on a line of its own. A file has "
        f"about {EXPORT_MAX} rows at most: if there are more, the header `X-Export-Complete` is `false`, and the Link "
        "header (`next`) leads to the rest. `X-Window` is the window, if the list has one."
    )
    names = line(iter(columns(shape)))
    return said, {
        MEDIA_TYPES["csv"]: {"schema": {"type": "string"}, "examples": {"columns": {"value": names}}},
        MEDIA_TYPES["ndjson"]: {"schema": {"type": "string"}},
    }


def _paths(shape: Any) -> Iterator[tuple[str, ...]]:
    for name, field in shape.fields.items():
        if isinstance(field, Serializer):
            yield from ((name, *path) for path in _paths(field))
        else:
            yield (name,)


def cell(value: Any) -> str:
    """Return a value as a cell. Lists and objects are JSON, times and booleans as the API writes them, null is empty.

    A text that a spreadsheet might run gets an apostrophe before it.
    """
    match value:
        case None:
            text = ""
        case bool() | dict() | list() | tuple():
            text = orjson.dumps(value, default=str).decode()
        case _:
            text = str(value)
    if isinstance(value, str) and _runs(text):
        text = f"'{text}"
    if _QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def read_cell(text: str) -> str:
    """Return the text that `cell()` made a cell of."""
    return text[1:] if text.startswith("'") and _runs(text[1:]) else text


def _runs(text: str) -> bool:
    return _FORMULA.match(text) is not None and not _NUMBER.fullmatch(text)


def line(cells: Iterator[Any]) -> str:
    """Return a line of the file."""
    return ",".join(map(cell, cells)) + "\r\n"


def lines(
    rows: QuerySet[Any], *, kind: str, order: Order, cursor: str | None, shape: Shaper
) -> Iterator[str]:
    """Yield the file, STEP rows at a time: each step asks the database anew, and waits for whoever reads."""
    paths = list(_paths(shape()))
    if kind == "csv":
        yield line(".".join(path) for path in paths)

    def step() -> tuple[str, str | None]:
        found = page(rows, order=order, limit=STEP, cursor=cursor)
        if not found.rows:
            return "", found.next_cursor
        shown = written(shape, found.rows)
        let_go(found.rows)
        if kind == "csv":
            return "".join(line(_at(row, path) for path in paths) for row in shown), found.next_cursor
        return "".join(f"{orjson.dumps(row, default=str).decode()}\n" for row in shown), found.next_cursor

    while True:
        text, cursor = step()
        if text:
            yield text  # while somebody is slow to read it, nothing but this text is kept
        if cursor is None:
            return


def _at(row: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        row = row.get(name) if row is not None else None
    return row


def streamed(request: HttpRequest, chunks: Iterator[str], kind: str, name: str = "") -> StreamingHttpResponse:
    """Return the answer that sends these chunks; a server with a loop waits for each in a thread.

    The file is called by the path of the request, or by `name`.
    """
    name = re.sub(r"[^\w.-]+", "-", name or request.path.removeprefix("/api/v1/").strip("/"))[:100]
    given = () if request.method == "HEAD" else chunks
    return StreamingHttpResponse(
        _in_threads(iter(given)) if isinstance(request, ASGIRequest) else given,
        content_type=MEDIA_TYPES[kind] + PARAMETERS[kind],
        headers={
            "Content-Disposition": content_disposition_header(True, f"{name}.{kind}") or "attachment",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


async def _in_threads(chunks: Iterator[str]) -> AsyncIterator[str]:
    take = database_sync_to_async(lambda: next(chunks, None), thread_sensitive=False, executor=_WRITERS)
    while (chunk := await take()) is not None:
        yield chunk
