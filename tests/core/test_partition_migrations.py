"""A table becomes a partitioned one, and back, with all its rows, and nobody who uses it sees a difference."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.state import ProjectState

from chargers.models import FRAMES, Frame
from csms.core import partitions
from csms.core.config import get_config
from csms.core.events.models import Event
from csms.core.ids import UUID, uuid7_floor
from csms.core.partition_migrations import PartitionTable, divide, unite
from csms.core.partitions import Partitioned, Period
from csms.pruning import prune
from csms.retention import PARTITIONED

pytestmark = pytest.mark.django_db
postgres_only = pytest.mark.postgres_only

NOW = datetime(2031, 5, 30, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FRAME = PARTITIONED[0]


def frame(at: datetime, n: int = 1) -> str:
    pk = UUID(int=uuid7_floor(at).int + n)
    row = (str(pk), 1, str(pk), at, "in", 2, "m", "Heartbeat", "ok", "", None, "[]")
    FRAMES.write([row])
    return str(pk)


def stored() -> set[str]:
    return {str(pk) for pk in Frame.objects.values_list("pk", flat=True)}


def to_one(table: Partitioned) -> None:
    with connection.schema_editor() as editor:
        unite(editor, table.table)


def to_many(table: Partitioned, now: datetime = NOW) -> None:
    with connection.schema_editor() as editor:
        divide(editor, table.table, table.period, now=now)


def described(table: str) -> tuple[object, ...]:
    """Everything that Django can see of a table."""
    look = connection.introspection
    with connection.cursor() as cursor:
        columns = [tuple(column) for column in look.get_table_description(cursor, table)]
        constraints = look.get_constraints(cursor, table)
        cursor.execute(
            "SELECT indexname, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes WHERE tablename = %s"
            " ORDER BY indexname",
            [table],
        )
        return columns, constraints, look.get_primary_key_columns(cursor, table), cursor.fetchall()


@postgres_only
@pytest.mark.parametrize("table", PARTITIONED, ids=lambda table: table.table)
def test_nothing_that_django_sees_of_a_table_changes(table: Partitioned):
    divided = described(table.table)
    to_one(table)
    assert not partitions.is_partitioned(table.table)
    assert described(table.table) == divided
    to_many(table)
    assert partitions.is_partitioned(table.table)
    assert described(table.table) == divided


@postgres_only
def test_all_rows_stay_there_and_back_again():
    to_one(FRAME)
    made = {frame(at) for at in (NOW - 900 * DAY, NOW - DAY, NOW, NOW + DAY, NOW + 900 * DAY)}
    to_many(FRAME)
    assert stored() == made
    assert [(part.name, part.default) for part in partitions.partitions(FRAME.table)] == [
        ("chargers_frame_before", False),
        ("chargers_frame_default", True),
    ]
    assert partitions.strays(FRAME) == 2, (
        "what a wrong clock dated ahead keeps nothing from having partitions"
    )
    partitions.make_ahead([FRAME], now=NOW)
    made.add(frame(NOW, 2))  # today belongs to what was
    made.add(frame(NOW + 2 * DAY))
    assert partitions.extent("chargers_frame_before").rows == 4
    assert partitions.strays(FRAME) == 1
    to_one(FRAME)
    assert stored() == made
    to_many(FRAME)
    assert stored() == made


@postgres_only
def test_what_was_before_there_were_partitions_goes_in_small_steps_and_in_the_end_whole():
    to_one(FRAME)
    rows = {days: frame(NOW - days * DAY) for days in (30, 8, 6, 0)}
    to_many(FRAME)
    assert prune(get_config(), now=NOW)["frames"] == 2
    assert stored() == {rows[6], rows[0]}
    partitions.make_ahead([FRAME], now=NOW)
    assert prune(get_config(), now=NOW + 9 * DAY)["frames"] == 2
    assert "chargers_frame_before" not in {part.name for part in partitions.partitions(FRAME.table)}


@postgres_only
def test_an_empty_table_leaves_no_partition_of_what_was():
    to_one(FRAME)
    to_many(FRAME)
    assert [part.name for part in partitions.partitions(FRAME.table)] == ["chargers_frame_default"]


@postgres_only
def test_the_migrations_can_be_taken_back_and_done_again():
    pk = frame(NOW)
    for app, before in (
        ("events", "0003"),
        ("transactions", "0007"),
        ("chargers", "0010"),
    ):
        call_command("migrate", app, before, verbosity=0)
    assert not any(partitions.is_partitioned(table.table) for table in PARTITIONED)
    assert stored() == {pk}
    Event.objects.create(type="t", occurred_at=NOW, recorded_at=NOW, payload="{}")
    call_command("migrate", verbosity=0)
    assert all(partitions.is_partitioned(table.table) for table in PARTITIONED)
    assert stored() == {pk}
    assert Event.objects.count() == 1
    for table in PARTITIONED:  # and the server that starts now has partitions
        assert len(partitions.partitions(table.table)) >= 3


@pytest.mark.django_db(transaction=True)
def test_the_migrations_do_nothing_to_sqlite_and_no_model_waits_for_one():
    said = StringIO()
    call_command("makemigrations", check_changes=True, dry_run=True, stdout=said)
    assert "No changes detected" in said.getvalue()
    if connection.vendor == "sqlite":
        operation = PartitionTable("chargers_frame", Period.DAY)
        before = described_by_sqlite()
        with connection.schema_editor() as editor:
            operation.database_forwards("chargers", editor, ProjectState(), ProjectState())
            operation.database_backwards("chargers", editor, ProjectState(), ProjectState())
        assert described_by_sqlite() == before
        assert partitions.partitions("chargers_frame") == []


def described_by_sqlite() -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master ORDER BY name")
        return cursor.fetchall()


@pytest.mark.django_db(transaction=True)  # SQLite's editor asks for it
@pytest.mark.parametrize(
    ("app", "name"), [("chargers", "0011"), ("transactions", "0008"), ("events", "0004")]
)
def test_the_plan_says_what_will_be_done(app: str, name: str):
    said = StringIO()
    call_command("sqlmigrate", app, name, stdout=said)
    assert "Partition" in said.getvalue()
