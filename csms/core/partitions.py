"""Partitions of the tables that only grow, on PostgreSQL: what there is of them, made ahead, and dropped whole.

A table is partitioned by its key, a UUIDv7, so each partition holds what was written within a day or a month (UTC).
What has no partition falls into the default one, so that writing never fails for want of one. Whatever locks out
writers or readers waits for its lock a moment only, and is tried again later: nobody queues behind us.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any
from uuid import UUID

from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from psycopg.errors import CheckViolation, DeadlockDetected, LockNotAvailable

from csms.core.ids import uuid7_floor
from csms.core.periods import Partitioned as Partitioned
from csms.core.periods import Period as Period

log = logging.getLogger(__name__)

LOCK_TIMEOUT = "200ms"
"""How long we wait for a lock behind which others queue up."""
ATTEMPTS, PAUSE = 5, 0.3
CATCH_UP = 60
"""Most partitions that one look makes of one table."""
COUNTED = 100_000
"""Rows that are counted one by one; beyond that the planner's estimate must do."""
ALONE = 0x6373_6D70
"""The advisory lock of whoever makes and drops partitions."""
DROPPED = "_dropped"
"""What the name of a partition ends with that is no part of its table any more and waits to be dropped."""


@dataclass(frozen=True)
class Partition:
    """A partition of a table; its ids are from `lower` until before `upper`, None = without bound."""

    name: str
    lower: UUID | None
    upper: UUID | None
    default: bool = False


LOWEST, HIGHEST = UUID(int=0), UUID(int=2**128 - 1)
_BOUND = re.compile(r"FROM \((MINVALUE|'(?P<lower>[^']+)')\) TO \((MAXVALUE|'(?P<upper>[^']+)')\)")


def partitions(table: str) -> list[Partition]:
    """Return the partitions of a table in the order of their ids, the default one last; none on SQLite."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT part.relname, pg_get_expr(part.relpartbound, part.oid) FROM pg_inherits"
            " JOIN pg_class part ON part.oid = inhrelid WHERE inhparent = to_regclass(%s)",
            [table],
        )
        found = [_read(name, bound) for name, bound in cursor.fetchall()]
    return sorted(found, key=lambda part: (part.default, part.lower or LOWEST))


def _read(name: str, bound: str) -> Partition:
    said = _BOUND.search(bound)
    if said is None:
        return Partition(name, None, None, default=True)
    lower, upper = (UUID(text) if text else None for text in (said["lower"], said["upper"]))
    return Partition(name, lower, upper)


# --- looking ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Extent:
    """How much a table or a partition holds. On PostgreSQL the rows of a large one are an estimate."""

    rows: int
    bytes: int | None


def extent(table: str) -> Extent:
    """Return how much a table without partitions, or one partition, holds, its indexes included."""
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            cursor.execute(f"SELECT count(*) FROM {_quoted(table)}")  # noqa: S608
            return Extent(cursor.fetchone()[0], None)
        cursor.execute(
            "SELECT reltuples::bigint, pg_total_relation_size(oid) FROM pg_class WHERE oid = %s::regclass",
            [table],
        )
        estimate, size = cursor.fetchone()
        cursor.execute(
            f"SELECT count(*) FROM (SELECT FROM {_quoted(table)} LIMIT {COUNTED + 1}) few"  # noqa: S608
        )
        rows = cursor.fetchone()[0]
        return Extent(rows if rows <= COUNTED else max(rows, estimate), size)


def strays(partitioned: Partitioned, *, most: int = COUNTED) -> int:
    """Return how many rows the default partition holds, at most `most`; 0 on SQLite."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [partitioned.default])
        if cursor.fetchone()[0] is None:
            return 0
        few = f"SELECT FROM {_quoted(partitioned.default)} LIMIT %s"
        cursor.execute(f"SELECT count(*) FROM ({few}) few", [most])  # noqa: S608
        return int(cursor.fetchone()[0])


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


# --- making -----------------------------------------------------------------------------------------------------------


def make_ahead(tables: list[Partitioned], *, now: datetime, most_ahead: int | None = None) -> list[str]:
    """Make the partitions that these tables need from now on, those that rows wait for in the default one included.

    Returns the names of those made. Idempotent; does nothing on SQLite, and nothing while another process does it.
    What cannot be made now, since something long is read, is made by a later look.
    """
    made: list[str] = []
    with alone() as mine:
        if not mine:
            return []
        for table in tables:
            if not is_partitioned(table.table):
                continue
            try:
                _make_default(table, made)
                _make_table_ahead(
                    table, now, table.ahead if most_ahead is None else min(most_ahead, table.ahead), made
                )
                if count := strays(table):
                    log.warning("partitions.default_holds_rows", extra={"table": table.table, "rows": count})
            except Busy as busy:
                log.warning("partitions.postponed", extra={"partition": str(busy)})
            except DatabaseError:
                # One table must not leave the others without partitions.
                log.exception("partitions.failed", extra={"table": table.table})
    if made:
        log.info("partitions.made", extra={"partitions": made})
    return made


@contextmanager
def alone() -> Iterator[bool]:
    """Say whether this process may make and drop partitions now: one at a time may, and none on SQLite."""
    if connection.vendor != "postgresql":
        yield False
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ALONE])
        mine = cursor.fetchone()[0]
    try:
        yield mine
    finally:
        if mine and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ALONE])


def is_partitioned(table: str) -> bool:
    """Whether a table exists and has been made a partitioned one."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT relkind FROM pg_class WHERE oid = to_regclass(%s)", [table])
        return (cursor.fetchone() or ("",))[0] == "p"


def _make_default(table: Partitioned, made: list[str]) -> None:
    """Make the default partition again, if somebody has taken it away. Raises Busy."""
    if any(part.default for part in partitions(table.table)):
        return

    def make() -> None:
        parent, new = _quoted(table.table), _quoted(table.default)
        _execute(f"CREATE TABLE {new} (LIKE {parent} INCLUDING ALL)")
        _execute(f"ALTER TABLE {parent} ATTACH PARTITION {new} DEFAULT")

    _patiently(make, table.default)
    made.append(table.default)


def _make_table_ahead(table: Partitioned, now: datetime, ahead: int, made: list[str]) -> None:
    begin = table.period.begin(now)
    there = partitions(table.table)
    before = len(made)
    for _ in range(ahead + 1):
        _make(table, begin, there, made)
        begin = table.period.following(begin)
    # What fell into the default partition while nobody made any moves out, period by period. Ids that no clock of ours
    # can have given stay there.
    cursor, end = uuid7_floor(FIRST), uuid7_floor(begin)
    while len(made) - before < CATCH_UP and (stray := _first_stray(table, cursor, end)) is not None:
        begin = table.period.begin(moment_of(stray))
        _make(table, begin, there, made)
        cursor = uuid7_floor(table.period.following(begin))


FIRST = datetime(2026, 1, 1, tzinfo=UTC)  # there were no such ids before


def moment_of(id: UUID) -> datetime:
    """Return when a UUIDv7 was made. Raises ValueError or OverflowError for ids beyond the calendar."""
    return datetime.fromtimestamp((id.int >> 80) / 1000, UTC)


def _first_stray(table: Partitioned, lower: UUID, upper: UUID) -> UUID | None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {_quoted(table.default)} WHERE id >= %s AND id < %s ORDER BY id LIMIT 1",  # noqa: S608
            [lower, upper],
        )
        found = cursor.fetchone()
    return found[0] if found else None


def _make(table: Partitioned, begin: datetime, there: list[Partition], made: list[str]) -> None:
    """Make the partition of a period unless one of those there holds it, and move what waits for it. Raises Busy."""
    lower, upper = uuid7_floor(begin), uuid7_floor(table.period.following(begin))
    # One from before the table was partitioned holds many periods, the one in which that was done among them.
    for part in there:
        if not part.default and (part.lower or LOWEST) < upper and (part.upper or HIGHEST) > lower:
            return
    name = table.name(begin)

    def make() -> None:
        parent, new, default = _quoted(table.table), _quoted(name), _quoted(table.default)
        # Made apart and attached: unlike CREATE … PARTITION OF this locks nobody out of the table.
        _execute(f"CREATE TABLE {new} (LIKE {parent} INCLUDING ALL)")
        if _first_stray(table, lower, upper) is not None:
            # In one transaction: whoever reads finds each row, in the old place or in the new one.
            _execute(f"LOCK TABLE ONLY {default} IN ACCESS EXCLUSIVE MODE")
            _execute(
                f"WITH moved AS (DELETE FROM {default} WHERE id >= %s AND id < %s RETURNING *)"  # noqa: S608
                f" INSERT INTO {new} SELECT * FROM moved",
                [lower, upper],
            )
        _execute(f"ALTER TABLE {parent} ATTACH PARTITION {new} FOR VALUES FROM ('{lower}') TO ('{upper}')")

    _patiently(make, name)
    made.append(name)


def analyze(tables: list[Partitioned], *, now: datetime) -> list[str]:
    """Bring up to date what the planner knows of these tables as wholes; returns the names of those looked at.

    PostgreSQL does that by itself for each partition, never for their table; without it joins go wrong badly. Once a
    day, and as often as asked while nothing is known.
    """
    looked: list[str] = []
    with alone() as mine:
        for table in tables if mine else []:
            if is_partitioned(table.table) and not _is_known(table.table, now - timedelta(days=1)):
                _execute(f"ANALYZE {_quoted(table.table)}")
                looked.append(table.table)
    return looked


def _is_known(table: str, since: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_user_tables WHERE relid = to_regclass(%(table)s)"
            " AND last_analyze > %(since)s)"
            " AND EXISTS (SELECT FROM pg_stats WHERE tablename = %(table)s AND inherited)",
            {"table": table, "since": since},
        )
        return bool(cursor.fetchone()[0])


# --- dropping ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Old:
    """What of a partitioned table lies before a bound: partitions to drop whole, and ranges of ids without such ones.

    Of a partition that is as long as any the rest stays until all of it is old. The ranges are what the default
    partition holds, and one that holds many periods, from before the table was partitioned.
    """

    whole: list[Partition]
    ranges: list[tuple[UUID, UUID]]


def old(table: Partitioned, bound: UUID) -> Old:
    """Return what is old of a table; the ids of the ranges are from the first until before the second."""
    found = Old([], [])
    cursor = LOWEST
    for part in partitions(table.table):
        if part.default:
            continue
        lower, upper = part.lower or LOWEST, part.upper or HIGHEST
        if cursor < min(lower, bound):
            found.ranges.append((cursor, min(lower, bound)))
        if upper <= bound:
            found.whole.append(part)
        elif lower < bound and (
            lower == LOWEST or uuid7_floor(table.period.following(moment_of(lower))) < upper
        ):
            found.ranges.append((lower, bound))
        cursor = upper
    if cursor < bound:
        found.ranges.append((cursor, bound))
    return found


def drop(table: str, part: Partition) -> bool:
    """Drop a partition whole, and return whether that was possible now: not while something long is read of it."""
    gone = f"{part.name[: 63 - len(DROPPED)]}{DROPPED}"

    def detach() -> None:
        _execute(f"ALTER TABLE {_quoted(table)} DETACH PARTITION {_quoted(part.name)}")
        _execute(f"ALTER TABLE {_quoted(part.name)} RENAME TO {_quoted(gone)}")

    # Apart from the deletion of its files, which may take long: only the detaching locks others out.
    try:
        _patiently(detach, part.name)
    except Busy:
        log.warning("partitions.postponed", extra={"partition": part.name})
        return False
    _execute(f"DROP TABLE {_quoted(gone)}")
    return True


def drop_leftovers(table: str) -> None:
    """Drop the partitions that were detached by a process that ended before it had dropped them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = (SELECT relnamespace FROM pg_class"
            " WHERE oid = to_regclass(%s)) AND relkind = 'r' AND NOT relispartition"
            " AND starts_with(relname, %s) AND relname LIKE %s",
            [table, f"{table}_", f"%\\{DROPPED}"],
        )
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        _execute(f"DROP TABLE {_quoted(name)}")


def _execute(sql: str, params: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


class Busy(Exception):
    """Others held the locks that a change needs each time we asked; the text names the partition."""


def _patiently(change: Callable[[], None], name: str) -> None:
    """Make a change that needs locks, in a transaction. Raises Busy."""
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(PAUSE)
        try:
            with transaction.atomic():
                _execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                change()
        except (OperationalError, IntegrityError) as error:
            # CheckViolation: a row came into the default partition while we made its own.
            if not isinstance(error.__cause__, (LockNotAvailable, DeadlockDetected, CheckViolation)):
                raise
        else:
            return
    raise Busy(name)
