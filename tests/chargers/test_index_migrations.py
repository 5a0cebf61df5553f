"""Indexes are built while charge points go on reporting, and an interrupted migration is simply run again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pkgutil import iter_modules
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, models
from django.db.migrations.state import ModelState, ProjectState
from django.test.utils import CaptureQueriesContext

from chargers import index_migrations, migrations
from chargers.index_migrations import BuildIndex, build_index, drop_index
from chargers.models import FRAMES, Command, Frame
from chargers.services import register_charge_point
from csms.core import partitions
from csms.core.ids import UUID, uuid7_floor
from csms.retention import PARTITIONED

NOW = datetime(2031, 5, 30, 12, 0, tzinfo=UTC)
BUILT = {
    "chargepoint_cp_id_begins": "chargers_chargepoint",
    "chargepoint_name_begins": "chargers_chargepoint",
    "chargepoint_serial_begins": "chargers_chargepoint",
    "command_effect_seen": "chargers_command",
}
NAME = "tried_here"

pytestmark = pytest.mark.django_db(transaction=True)
postgres_only = pytest.mark.postgres_only


def one(sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def valid(name: str) -> bool:
    return one(
        "SELECT coalesce((SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)), false)", name
    )


def interrupted(name: str) -> None:
    """Leave the index as a build leaves it that was broken off."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [name])
    assert not valid(name)


@contextmanager
def trial(table: str) -> Iterator[Any]:
    """Let a test build an index, and take it away after it."""
    with connection.schema_editor(atomic=False) as editor:
        try:
            yield editor
        finally:
            drop_index(editor, NAME, table)


def statements(captured: CaptureQueriesContext, beginning: str) -> list[str]:
    return [query["sql"] for query in captured if query["sql"].startswith(beginning)]


def test_migrations_that_build_so_are_in_no_transaction():
    uses = set()
    for found in iter_modules(migrations.__path__):
        module = import_module(f"{migrations.__name__}.{found.name}")
        if any(
            getattr(thing, "__module__", "") == index_migrations.__name__ for thing in vars(module).values()
        ):
            assert module.Migration.atomic is False, found.name
            uses.add(found.name[:4])
    assert uses == {"0013", "0014"}


@postgres_only
def test_the_migrations_are_done_over_whatever_an_interruption_has_left():
    register_charge_point("CP16", now=NOW)
    try:
        call_command("migrate", "chargers", "0012", verbosity=0)
        assert not any(valid(name) for name in BUILT)
        with connection.schema_editor(
            atomic=False
        ) as editor:  # one is there, one is broken, two are not there
            for name in ("chargepoint_cp_id_begins", "chargepoint_name_begins"):
                expression = import_module("chargers.migrations.0013_beginnings").INDEXES[name]
                build_index(editor, name, BUILT[name], expression)
        interrupted("chargepoint_name_begins")
        with CaptureQueriesContext(connection) as captured:
            call_command("migrate", "chargers", "0014", verbosity=0)
        assert "cp_id" not in str(statements(captured, "CREATE INDEX"))
        assert (
            len(statements(captured, "CREATE INDEX CONCURRENTLY")) == 2
        )  # nothing is read of an empty table
    finally:
        call_command("migrate", verbosity=0)
    assert all(valid(name) for name in BUILT)


@postgres_only
@pytest.mark.django_db
def test_within_a_transaction_and_on_paper_it_is_built_as_always():
    with connection.schema_editor() as editor:
        build_index(editor, NAME, "chargers_command", "(created_at)")
        assert valid(NAME)
        drop_index(editor, NAME, "chargers_command")
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        build_index(editor, NAME, "chargers_frame", "(action)")
        assert editor.collected_sql == ['CREATE INDEX "tried_here" ON "chargers_frame" (action);']


@postgres_only
def test_the_index_of_a_partitioned_table_is_built_partition_by_partition():
    frames = PARTITIONED[0]
    assert frames.table == "chargers_frame"
    partitions.make_ahead([frames], now=NOW)
    pk = str(UUID(int=uuid7_floor(NOW).int + 1))
    FRAMES.write([(pk, 1, pk, NOW, "in", 2, "m", "Heartbeat", "ok", "", None, "[]")])
    parts = [part.name for part in partitions.partitions(frames.table)]
    assert len(parts) >= 3
    what = "(message_id) WHERE action = 'Heartbeat'"
    today = f"{NAME}_{NOW:%Y%m%d}"
    with trial(frames.table) as editor:
        # An earlier run was broken off: the index of the whole is there, and that of a partition is not valid.
        editor.execute(f"CREATE INDEX {NAME} ON ONLY {frames.table} {what}")
        editor.execute(f"CREATE INDEX {today} ON {frames.table}_{NOW:%Y%m%d} {what}")
        interrupted(today)
        assert not valid(NAME)
        with CaptureQueriesContext(connection) as captured:
            build_index(editor, NAME, frames.table, what)
        assert statements(captured, "CREATE INDEX CONCURRENTLY") == [
            f'CREATE INDEX CONCURRENTLY "{today}" ON "{frames.table}_{NOW:%Y%m%d}" {what}'
        ]
        assert valid(NAME)
        assert valid(today)
        with CaptureQueriesContext(connection) as captured:
            build_index(editor, NAME, frames.table, what)
        assert statements(captured, "CREATE INDEX C") == []
        partitions.make_ahead([frames], now=NOW + timedelta(days=30))  # and what comes later has it, too
        under = "SELECT count(*) FROM pg_inherits WHERE inhparent = %s::regclass"
        assert one(under, NAME) == one(under, frames.table) > len(parts)
        assert Frame.objects.filter(message_id="m", action="Heartbeat").exists()
    assert one("SELECT count(*) FROM pg_class WHERE relname LIKE %s", f"{NAME}%") == 0


@postgres_only
def test_what_a_broken_off_build_left_in_partitions_is_removed_with_it():
    with trial("chargers_frame") as editor:
        editor.execute(f"CREATE INDEX {NAME} ON ONLY chargers_frame (message_id)")
        editor.execute(f"CREATE INDEX {NAME}_default ON chargers_frame_default (message_id)")
    assert one("SELECT count(*) FROM pg_class WHERE relname LIKE %s", f"{NAME}%") == 0


@postgres_only
def test_a_process_that_waits_to_start_until_we_have_migrated_does_not_end_the_migration():
    register_charge_point("CP16", now=NOW)
    key = 0x7472_6961
    with trial("chargers_chargepoint") as editor, psycopg.connect(**_where(), autocommit=True) as other:
        editor.execute("SET deadlock_timeout = '50ms'")
        other.execute("SET deadlock_timeout = '1h'")
        one("SELECT true FROM pg_advisory_lock(%s)", key)
        waiting = threading.Thread(target=other.execute, args=("SELECT pg_advisory_lock(%s)", (key,)))
        waiting.start()
        try:
            _until("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)")
            build_index(editor, NAME, "chargers_chargepoint", "(firmware_version)")
        finally:
            one("SELECT pg_advisory_unlock(%s)", key)
            waiting.join(60)
            editor.execute("RESET deadlock_timeout")
        assert valid(NAME)


def _where() -> dict[str, Any]:
    return {key: value for key, value in connection.get_connection_params().items() if key in WHERE}


WHERE = {"dbname", "user", "password", "host", "port"}


def _until(sql: str) -> None:
    deadline = monotonic() + 60
    while not one(sql):
        assert monotonic() < deadline
        sleep(0.05)


def test_elsewhere_it_is_an_index_like_any_other():
    operation = BuildIndex("command", models.Index(fields=["expires_at"], name=NAME))
    assert NAME in operation.describe()
    before = ProjectState()
    before.add_model(ModelState.from_model(Command, exclude_rels=True))
    after = before.clone()
    operation.state_forwards("chargers", after)
    try:
        with connection.schema_editor(atomic=False) as editor:
            operation.database_forwards("chargers", editor, before, after)
        assert NAME in indexes()
    finally:
        with connection.schema_editor(atomic=False) as editor:
            operation.database_backwards("chargers", editor, after, before)
    assert NAME not in indexes()


def indexes() -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.get_constraints(cursor, "chargers_command"))
