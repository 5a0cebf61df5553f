"""The migration that makes a table a partitioned one on PostgreSQL, and back, with all its rows and under its names."""

from datetime import UTC, datetime
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone

from csms.core.ids import uuid7_floor
from csms.core.partitions import Period

BEFORE, DIVIDED = "_before", "_divided"


class PartitionTable(migrations.RunPython):
    """Partition the table of a model by its key; elsewhere than on PostgreSQL nothing is done.

    The old table becomes the partition of everything until the end of the present period, as it is: its rows are looked
    at once, its indexes are taken over. Nobody reads or writes the table meanwhile. Back again all rows are copied.
    """

    def __init__(self, table: str, period: Period) -> None:
        self.table = table
        self.period = period
        super().__init__(self._divide, self._unite)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return how it is made again."""
        return type(self).__name__, [self.table, self.period], {}

    def describe(self) -> str:
        """Return what `migrate --plan` says of it."""
        return f"Partition {self.table} by {self.period.name.lower()} on PostgreSQL"

    def _divide(self, apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            divide(editor, self.table, self.period, now=timezone.now())

    def _unite(self, apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            unite(editor, self.table)


def divide(editor: BaseDatabaseSchemaEditor, table: str, period: Period, *, now: datetime) -> None:
    """Make a table a partitioned one, whose first partition is what it was."""
    before = f"{table}{BEFORE}"
    bound = uuid7_floor(period.following(period.begin(now.astimezone(UTC))))
    run = editor.execute
    indexes = _put_aside(editor, table, BEFORE)
    run(f'CREATE TABLE "{table}" (LIKE "{before}" INCLUDING ALL EXCLUDING INDEXES) PARTITION BY RANGE (id)')
    for index in indexes:
        run(index, None)
    with editor.connection.cursor() as cursor:
        cursor.execute(f'SELECT EXISTS (SELECT FROM "{before}")')  # noqa: S608
        empty = not cursor.fetchone()[0]
    if empty:
        run(f'DROP TABLE "{before}"')
    else:
        # What a wrong clock dated ahead would keep the bound from being so near: such rows are written anew.
        run(f'CREATE TEMP TABLE ahead ON COMMIT DROP AS SELECT * FROM "{before}" WHERE id >= %s', [bound])  # noqa: S608
        run(f'DELETE FROM "{before}" WHERE id >= %s', [bound])  # noqa: S608
        run(
            f'ALTER TABLE "{table}" ATTACH PARTITION "{before}" FOR VALUES FROM (MINVALUE) TO (%s)',
            [str(bound)],
        )
    run(f'CREATE TABLE "{table}_default" PARTITION OF "{table}" DEFAULT')
    if not empty:
        run(f'INSERT INTO "{table}" SELECT * FROM ahead')  # noqa: S608
        run("DROP TABLE ahead")
        run(f'ANALYZE "{table}"')


def unite(editor: BaseDatabaseSchemaEditor, table: str) -> None:
    """Make a partitioned table an ordinary one again, with all its rows."""
    divided = f"{table}{DIVIDED}"
    run = editor.execute
    indexes = _put_aside(editor, table, DIVIDED)
    run(f'CREATE TABLE "{table}" (LIKE "{divided}" INCLUDING ALL EXCLUDING INDEXES)')
    run(f'INSERT INTO "{table}" SELECT * FROM "{divided}"')  # noqa: S608
    run(f'DROP TABLE "{divided}"')
    for index in indexes:
        run(index, None)


def _put_aside(editor: BaseDatabaseSchemaEditor, table: str, suffix: str) -> list[str]:
    """Rename a table and its indexes, and return the SQL that makes them for a new table of the old name."""
    run = editor.execute
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT cls.relname, pg_get_indexdef(cls.oid), indisprimary FROM pg_index"
            " JOIN pg_class cls ON cls.oid = indexrelid WHERE indrelid = %s::regclass ORDER BY cls.relname",
            [table],
        )
        found = cursor.fetchall()
    # The renaming comes first: it waits for whoever uses the table, and keeps the next ones waiting.
    run(f'ALTER TABLE "{table}" RENAME TO "{table}{suffix}"')
    made = []
    for name, definition, primary in found:
        run(f'ALTER INDEX "{name}" RENAME TO "{name}{suffix}"')
        if primary:
            made.append(f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" PRIMARY KEY (id)')
        else:
            made.append(definition.replace(" ON ONLY ", " ON ", 1))
    return made
