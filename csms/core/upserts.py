"""Rows of one table made or changed by the thousand, as a report of a whole device model has them."""

from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import Any

from django.db import connection, models

_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
AT_ONCE = 500  # rows in one statement, or as many as the database takes


def upsert(rows: Sequence[Any], *, unique: Collection[str], update: Collection[str]) -> None:
    """Insert rows of one model and set their ids; of one that is there by its unique fields, change the others named.

    To be called in a transaction. Idempotent. Values are values, and no expressions. `bulk_create` does the same at
    several times the processor time, which it spends on asking each field about each value; and no one else writes
    to SQLite meanwhile.
    """
    if not rows:
        return
    meta = type(rows[0])._meta
    fields = [field for field in meta.local_concrete_fields if not field.primary_key]
    readers = [_reader(field) for field in fields]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    keys = ", ".join(f'"{meta.get_field(name).column}"' for name in unique)
    new = ", ".join('"{0}" = EXCLUDED."{0}"'.format(meta.get_field(name).column) for name in update)
    head = f'INSERT INTO "{meta.db_table}" ({columns}) VALUES '  # noqa: S608 - names from the model
    tail = f' ON CONFLICT ({keys}) DO UPDATE SET {new} RETURNING "{meta.pk.column}"'
    marks = f"({', '.join(['%s'] * len(fields))})"
    at_once = min(connection.ops.bulk_batch_size(fields, rows), AT_ONCE)
    with connection.cursor() as cursor:
        for start in range(0, len(rows), at_once):
            part = rows[start : start + at_once]
            values = [read(row) for row in part for read in readers]
            cursor.execute(f"{head}{', '.join([marks] * len(part))}{tail}", values)
            for row, (pk,) in zip(part, cursor.fetchall(), strict=True):
                row.pk = pk
                row._state.adding, row._state.db = False, connection.alias


def _reader(field: Any) -> Callable[[Any], Any]:
    """Return what reads the value of a field from a row, as the database takes it."""
    given = attrgetter(field.attname)
    plain = not isinstance(field, models.JSONField)

    def read(row: Any) -> Any:
        value = given(row)
        return value if plain and type(value) in _AS_THEY_ARE else field.get_db_prep_save(value, connection)

    return read
