"""Migrations that build an index while everybody goes on writing, and that begin again where they were interrupted.

A plain CREATE INDEX keeps writers of the table waiting, and with them all charge points, for as long as it reads the
table. So on PostgreSQL an index is built concurrently, that of a partitioned table partition by partition. Outside a
transaction an interruption leaves what was built so far, or an invalid index; the next run takes over from there.
Elsewhere than on PostgreSQL it is built as always. A migration with these has `atomic = False`.
"""

from typing import Any

from django.db import OperationalError, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState
from psycopg.errors import DeadlockDetected

NAME_MAX = 63  # of PostgreSQL


class BuildIndex(migrations.AddIndex):
    """Add an index of a model, and keep nobody waiting for it."""

    atomic = False

    def describe(self) -> str:
        """Return what `migrate --plan` says of it."""
        return f"Build index {self.index.name} on {self.model_name} while others write"

    def database_forwards(
        self, app_label: str, editor: BaseDatabaseSchemaEditor, before: ProjectState, after: ProjectState
    ) -> None:
        """Build it; what an earlier run has built is kept."""
        if (table := self._table(app_label, editor, after)) is None:
            super().database_forwards(app_label, editor, before, after)
            return
        sql = str(self.index.create_sql(after.apps.get_model(app_label, self.model_name), editor))
        build_index(editor, self.index.name, table, sql.partition(f' ON "{table}" ')[2])

    def database_backwards(
        self, app_label: str, editor: BaseDatabaseSchemaEditor, before: ProjectState, after: ProjectState
    ) -> None:
        """Remove it, and what an interrupted run has left of it."""
        if (table := self._table(app_label, editor, before)) is None:
            super().database_backwards(app_label, editor, before, after)
            return
        drop_index(editor, self.index.name, table)

    def _table(self, app_label: str, editor: BaseDatabaseSchemaEditor, state: ProjectState) -> str | None:
        """Return the table if it is one of PostgreSQL."""
        model = state.apps.get_model(app_label, self.model_name)
        ours = self.allow_migrate_model(editor.connection.alias, model)
        return model._meta.db_table if ours and editor.connection.vendor == "postgresql" else None


def build_index(editor: BaseDatabaseSchemaEditor, name: str, table: str, what: str) -> None:
    """Build an index on PostgreSQL; `what` is all that comes after the name of the table in its CREATE INDEX.

    Within a transaction, and where the SQL is only shown, it is built as always: nothing else is possible there.
    """
    if editor.collect_sql or editor.connection.in_atomic_block:
        editor.execute(f'CREATE INDEX "{name}" ON "{table}" {what}', None)
        return
    if not _partitioned(editor, table):
        _build_one(editor, name, table, what)
        return
    # The index of the whole is made without those of the partitions; it is valid once all of them belong to it. A
    # partition that is made meanwhile gets its own with it.
    editor.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON ONLY "{table}" {what}', None)
    while (partition := _without_index(editor, name, table)) is not None:
        part = f"{name}{partition.removeprefix(table)}"[:NAME_MAX]
        _build_one(editor, part, partition, what)
        editor.execute(f'ALTER INDEX "{name}" ATTACH PARTITION "{part}"', None)


def _build_one(editor: BaseDatabaseSchemaEditor, name: str, table: str, what: str) -> None:
    valid = _valid(editor, name)
    if valid:
        return
    if valid is not None:
        editor.execute(f'DROP INDEX CONCURRENTLY "{name}"', None)
    plain = f'CREATE INDEX "{name}" ON "{table}" {what}'
    if not _one(editor, f'SELECT EXISTS (SELECT FROM "{table}")'):  # noqa: S608 - names from the models
        editor.execute(plain, None)  # of a new house: there is nothing to wait for
        return
    try:
        editor.execute(plain.replace("INDEX", "INDEX CONCURRENTLY", 1), None)
    except OperationalError as error:
        if not isinstance(error.__cause__, DeadlockDetected):
            raise
        # It waits for whoever was at work before; one of them waits for us, as a process that is to start after us.
        editor.execute(f'DROP INDEX IF EXISTS "{name}"', None)
        editor.execute(plain, None)


def drop_index(editor: BaseDatabaseSchemaEditor, name: str, table: str) -> None:
    """Remove an index on PostgreSQL, if it is there; the parts of a partitioned one go with it."""
    how = ""
    if not editor.collect_sql and not editor.connection.in_atomic_block:
        if _partitioned(editor, table):  # which PostgreSQL can only remove at once; it is quick
            while (part := _left_over(editor, name, table)) is not None:
                editor.execute(f'DROP INDEX "{part}"', None)
        else:
            how = "CONCURRENTLY "
    editor.execute(f'DROP INDEX {how}IF EXISTS "{name}"', None)


def _one(editor: BaseDatabaseSchemaEditor, sql: str, params: tuple[Any, ...] | None = None) -> Any:
    with editor.connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
    return None if row is None else row[0]


def _partitioned(editor: BaseDatabaseSchemaEditor, table: str) -> bool:
    kind = _one(editor, "SELECT relkind FROM pg_class WHERE oid = %s::regclass", (f'"{table}"',))
    return bool(kind == "p")


def _valid(editor: BaseDatabaseSchemaEditor, name: str) -> bool | None:
    """Whether an index can be used; None if there is none."""
    look = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
    found: bool | None = _one(editor, look, (f'"{name}"',))
    return found


def _without_index(editor: BaseDatabaseSchemaEditor, name: str, table: str) -> str | None:
    """Return a partition of the table that has no part of the index."""
    look = (
        "SELECT part.relname FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid"
        " WHERE inhparent = %s::regclass AND NOT EXISTS ("
        "  SELECT FROM pg_inherits parts JOIN pg_index ON indexrelid = parts.inhrelid"
        "  WHERE parts.inhparent = %s::regclass AND indrelid = part.oid"
        " ) ORDER BY part.relname LIMIT 1"
    )
    found: str | None = _one(editor, look, (f'"{table}"', f'"{name}"'))
    return found


def _left_over(editor: BaseDatabaseSchemaEditor, name: str, table: str) -> str | None:
    """Return an index of a partition that was built for the index and does not belong to it yet."""
    look = (
        "SELECT cls.relname FROM pg_inherits JOIN pg_index ON indrelid = inhrelid"
        " JOIN pg_class cls ON cls.oid = indexrelid JOIN pg_class part ON part.oid = indrelid"
        " WHERE inhparent = %s::regclass AND NOT cls.relispartition"
        " AND cls.relname = left(%s || substr(part.relname, length(%s) + 1), %s) LIMIT 1"
    )
    found: str | None = _one(editor, look, (f'"{table}"', name, table, NAME_MAX))
    return found
