"""How a table is cut into partitions by time: the periods, and what each partition is called. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum


class Period(Enum):
    """How long a time one partition holds."""

    DAY = "%Y%m%d"
    MONTH = "%Y%m"

    def begin(self, moment: datetime) -> datetime:
        """Return the beginning of the period in which a moment lies, in UTC."""
        day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return day if self is Period.DAY else day.replace(day=1)

    def following(self, begin: datetime) -> datetime:
        """Return the beginning of the period after the one that begins then."""
        return self.begin(begin + timedelta(days=1 if self is Period.DAY else 31))


@dataclass(frozen=True)
class Partitioned:
    """A table that is partitioned by its key on PostgreSQL, and for how many periods ahead it has partitions."""

    table: str
    period: Period
    ahead: int

    @property
    def default(self) -> str:
        """The name of the partition of everything that has none."""
        return f"{self.table}_default"

    def name(self, begin: datetime) -> str:
        """Return the name of the partition whose period begins then, such as events_event_20261121."""
        return f"{self.table}_{begin:{self.period.value}}"
