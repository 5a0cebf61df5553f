"""What the databases reckon alike, each in its own words."""

from typing import Any

from django.db.models import BigIntegerField, BooleanField, Func
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


class PairAtLeast(Func):
    """Whether the first two of four values, taken as a pair, are no less than the last two.

    An index on the pair serves it, and no index on the second alone: of rows that come by time the planner knows the
    newest badly, and takes a range of their ids for empty that has thousands.
    """

    arity = 4
    output_field = BooleanField()

    def as_sql(self, compiler: SQLCompiler, connection: Any, *args: Any, **extra: Any) -> Any:
        """Return the condition."""
        parts = [compiler.compile(part) for part in self.source_expressions]
        (a, b, c, d), params = zip(*parts, strict=True)
        return f"({a}, {b}) >= ({c}, {d})", [value for some in params for value in some]
