"""How a test that commits is cleared up on PostgreSQL: by DELETE, from those tables in which something is.

Django's own way, TRUNCATE of all tables, makes new files for each of them, their partitions and their indexes: three
seconds for the three rows that a test leaves behind.
"""

from typing import Any

from django.core.management.color import Style
from django.db.backends.base.base import BaseDatabaseWrapper


def empty_by_delete(
    connection: BaseDatabaseWrapper,
    style: Style,
    tables: list[str],
    *,
    reset_sequences: bool = False,
    allow_cascade: bool = False,
) -> list[str]:
    """Return the statements for `flush`: one transaction, whose deferred constraints are looked at when all is gone."""
    assert not reset_sequences, "ids of the next test would be those of the last"
    quoted = [connection.ops.quote_name(table) for table in tables]
    filled = " UNION ALL ".join(
        f"SELECT {number} WHERE EXISTS (SELECT 1 FROM {table})" for number, table in enumerate(quoted)
    )
    with connection.cursor() as cursor:
        cursor.execute(filled)
        return [f"DELETE FROM {quoted[number]}" for (number,) in cursor.fetchall()]


def install(connection: Any) -> None:
    """Let `flush` of this connection work so."""
    connection.ops.sql_flush = lambda style, tables, **options: empty_by_delete(
        connection, style, tables, **options
    )
