"""What the databases reckon alike, each in its own words."""

from typing import Any

from django.db.models import BigIntegerField, Func
from django.db.models.sql.compiler import SQLCompiler


class EpochSeconds(Func):
    """The whole seconds from 1970 to a time, UTC."""

    arity = 1
    output_field = BigIntegerField()

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        """Return the expression."""
        return super().as_sql(
            compiler, connection, template="FLOOR(EXTRACT(EPOCH FROM %(expressions)s))::bigint"
        )

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        """Return the expression. SQLite would round to milliseconds, hence without the fraction."""
        return super().as_sql(
            compiler,
            connection,
            template="CAST(strftime('%%%%s', substr(%(expressions)s, 1, 19)) AS INTEGER)",
        )


class ReadFirst(Func):
    """A value that the database reads by itself before the rest of a statement, and does not plan by.

    Rows that come by time are bounded by their ids, and the planner knows the newest badly: it takes a range of their
    ids for empty that has thousands, and chooses the index on it alone. Of a bound that it does not see it thinks
    nothing; and yet the partitions before the bound are not looked into.
    """

    arity = 1
    template = "(SELECT %(expressions)s)"
