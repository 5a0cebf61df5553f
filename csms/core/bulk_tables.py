"""High-volume tables, written past Django's model instances: COPY on PostgreSQL, `executemany` elsewhere."""

import secrets
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, cast

from django.db import connection, models

from csms.core.writer import Row, current_batch

_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\x00": "\ufffd"})
# What stands for NULL in COPY; random, so that no charge point's text can be mistaken for it.
_NULL = f"null-{secrets.token_hex(8)}"


# PostgreSQL reads what `str` makes of numbers, times and UUIDs. Remembered, since the rows of one message share its
# time and its connection, and making their text costs more than all the rest of a line.
_text = lru_cache(2048, typed=True)(str)


def _copy_line(row: Row) -> str:
    """Return a row in COPY's text format."""
    texts = [v if type(v) is str else _NULL if v is None else _text(v) for v in row]
    line = "\t".join(texts)
    # One look at the whole line: hardly any needs escapes, and escaping each value costs more than all the rest.
    if (
        line.count("\t") == len(row) - 1
        and "\\" not in line
        and "\n" not in line
        and "\r" not in line
        and "\x00" not in line
    ):
        return line
    return "\t".join([text.translate(_ESCAPES) for text in texts])


class BulkTable:
    """A high-volume table whose rows are collected during a batch and written at its end.

    COPY on PostgreSQL, `executemany` elsewhere: `bulk_create` spends several times the processor time on building
    and adapting model instances. Values come in the order of `columns`, the primary key first; UUIDs as canonical
    text.
    """

    def __init__(self, model: type[models.Model], columns: tuple[str, ...]) -> None:
        self.model = model
        self.fields = [cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in columns]
        names = ", ".join(f'"{f.column}"' for f in self.fields)
        table = model._meta.db_table
        self._copy_sql = f"COPY \"{table}\" ({names}) FROM STDIN (NULL '{_NULL}')"
        marks = ", ".join(["%s"] * len(columns))
        self._insert_sql = f'INSERT INTO "{table}" ({names}) VALUES ({marks})'  # noqa: S608 - names from the model

    @cached_property
    def _uuids(self) -> list[bool]:
        targets = [getattr(f, "target_field", f) for f in self.fields]
        return [isinstance(f, models.UUIDField) for f in targets]

    def add(self, *values: Any) -> None:
        """Add a row to the running batch; outside the writer write it at once, in the caller's transaction."""
        batch = current_batch()
        if batch is not None:
            rows = batch.rows.get(self)
            if rows is None:
                rows = batch.rows[self] = []
            rows.append(values)
            if batch.collects:
                return
        named = {f.attname: value for f, value in zip(self.fields, values, strict=True)}
        self.model(**named).save(force_insert=True)

    def flush(self) -> None:
        """Write what the running batch has collected for this table, for a query that must see it."""
        batch = current_batch()
        if batch is not None and batch.collects and (rows := batch.rows.pop(self, None)):
            self.write(rows)

    def holds(self, row: Row) -> bool:
        """Whether a row with this primary key, its first value, has been stored."""
        return self.model._default_manager.filter(pk=row[0]).exists()

    def write(self, rows: list[Row]) -> None:
        """Write rows now."""
        if connection.vendor == "postgresql":
            lines = [_copy_line(row) for row in rows]
            lines.append("")
            # Django translates the errors of its own calls alone, and the writer knows Django's.
            with connection.cursor() as cursor, connection.wrap_database_errors:
                with cursor.copy(self._copy_sql) as copy:
                    copy.write("\n".join(lines))
        else:
            with connection.cursor() as cursor:
                cursor.executemany(self._insert_sql, [self._adapt(row) for row in rows])

    def _adapt(self, row: Row) -> Row:
        adapt_datetime = connection.ops.adapt_datetimefield_value
        return tuple(
            str(value).replace("-", "")
            if is_uuid and value is not None
            else adapt_datetime(value)
            if isinstance(value, datetime)
            else value
            for value, is_uuid in zip(row, self._uuids, strict=True)
        )
