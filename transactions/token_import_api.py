"""The API's door for files of id tokens."""

import codecs
import io
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from csms.core.api_data import Flag, Query, Shape
from csms.core.api_errors import ApiError
from csms.core.api_schema import error
from csms.core.api_views import ApiView
from transactions.token_files import COLUMNS, PASSED_OVER, PROBLEMS_MAX, ROWS_MAX, FileRefused
from transactions.token_import import import_id_tokens

BYTES_MAX = 20 * 1024 * 1024
CSV = "text/csv"


class _Bounded(io.RawIOBase):
    """A body, up to BYTES_MAX."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self.stream, self.left = stream, BYTES_MAX

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.stream.read(len(buffer))
        self.left -= len(data)
        if self.left < 0:
            raise ApiError(413, "too_large", f"a file has at most {BYTES_MAX} bytes")
        buffer[: len(data)] = data
        return len(data)


class CsvFile(BaseParser):
    """CSV in UTF-8, read line by line as it is asked for."""

    media_type = CSV

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the lines. To read them raises UnicodeDecodeError, or 413 for a body that is too large."""
        body = io.BufferedReader(_Bounded(stream), 64 * 1024)
        return io.TextIOWrapper(body, codecs.lookup("utf-8-sig").name, newline="")


class ImportQuery(Query):
    """How a file is taken in."""

    mode = serializers.ChoiceField(
        ["add", "upsert"],
        default="add",
        help_text="What becomes of known tokens: with `add` they must be as the file says, with `upsert` they are made "
        "so.",
    )
    dry_run = Flag(default=False, help_text="Only say what would be done.")


class ImportedShape(Shape):
    """What became of the tokens of a file."""

    added = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="Those that were as the file says.")
    dry_run = serializers.BooleanField(help_text="Whether nothing was done.")


class IdTokenImport(ApiView):
    """The import of id tokens."""

    chapter = "Id tokens"
    parser_classes = (CsvFile,)
    write_query = ImportQuery

    @extend_schema(
        operation_id="import_id_tokens",
        summary="Import id tokens from a file",
        description=f"CSV in UTF-8, its cells parted by commas or semicolons, with a line of names first: "
        f"{', '.join(f'`{name}`' for name in COLUMNS)}, of which only the first is needed; an empty cell is an empty "
        f"value, `blocked` is true or false, a time has its zone. The list of tokens as CSV is such a file; its "
        f"{', '.join(f'`{name}`' for name in PASSED_OVER)} are passed over, and the apostrophe before a text that a "
        "spreadsheet would run is taken off again. All is taken in or nothing; the same file again changes nothing. "
        f"At most {ROWS_MAX} tokens and {BYTES_MAX} bytes; with `Idempotency-Key` "
        f"{settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes. Scope `write`.",
        parameters=[ImportQuery],
        request={CSV: {"type": "string"}},
        examples=[
            OpenApiExample(
                "two cards",
                value="id_token,label,blocked\r\n04A2B3C4D5E680,Alice,false\r\n04A2B3C4D5E681,Bob,true\r\n",
                media_type=CSV,
                request_only=True,
            )
        ],
        responses={
            200: ImportedShape,
            400: error("The body is no UTF-8.", {"malformed": "the body is no UTF-8: invalid start byte"}),
            413: error("The body is too large.", {"too_large": f"a file has at most {BYTES_MAX} bytes"}),
            415: error(
                "The body is not text/csv.",
                {"unsupported_media_type": 'Unsupported media type "text/plain" in request.'},
            ),
            422: error(
                "A parameter is wrong, or the file: then `errors` names the first "
                f"{PROBLEMS_MAX} cells by line and column, and `error_count` says how many there are.",
                {
                    "invalid": 'mode: "replace" is not a valid choice.',
                    "invalid_file": "line 3, max_active: It is a whole number, or empty for no limit.",
                },
                {"error_count": {"type": "integer"}},
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Import tokens."""
        upsert, dry_run = self.asked["mode"] == "upsert", self.asked["dry_run"]
        try:
            done = import_id_tokens(
                request.data, upsert=upsert, dry_run=dry_run, now=timezone.now(), by=str(request.user)
            )
        except UnicodeDecodeError as broken:
            raise ParseError(f"the body is no UTF-8: {broken.reason}") from broken
        except FileRefused as refusal:
            raise _refused(refusal) from refusal
        counts = {"added": done.added, "changed": done.changed, "unchanged": done.unchanged}
        return Response(ImportedShape(counts | {"dry_run": dry_run}).data)


def _refused(refusal: FileRefused) -> ApiError:
    found = refusal.problems
    errors: dict[str, list[str]] = {}
    for problem in found.first:
        where = f"{problem.line}.{problem.column}" if problem.column else str(problem.line)
        errors.setdefault(where, []).append(problem.text)
    first = found.first[0]
    detail = f"line {first.line}{f', {first.column}' if first.column else ''}: {first.text}"
    if found.count > 1:
        detail += f" There are {found.count - 1} more."
    return ApiError(422, "invalid_file", detail, errors, error_count=found.count)
