"""What speaks for it that a session is stuck: of each kind, what was seen of its row and of its connector."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chargers.models import Connector, ConnectorStatus
from transactions.metering import TREMBLE_WH
from transactions.stuck.gaps import of_gaps
from transactions.stuck.models import Kind

ETERNAL_AFTER = timedelta(hours=24)
NO_ENERGY_FOR = timedelta(hours=1)

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for it: a word, and the times and values that belong to it."""

    word: str
    values: Facts = field(default_factory=dict)

    @property
    def plain(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return {
            "word": self.word,
            **{
                name: value.isoformat() if isinstance(value, datetime) else value
                for name, value in self.values.items()
            },
        }


def _of_zombie(row: Any, connector: Connector | None, now: datetime) -> list[Evidence]:
    found = []
    if row.end_seen_at is not None:
        found.append(Evidence(f"seen_{row.end_evidence}", {"at": row.end_seen_at}))
    elif connector is not None and connector.status == ConnectorStatus.AVAILABLE:
        since = connector.received_at or now
        word = "available_before" if since < row.start_received_at else "seen_available"
        found.append(Evidence(word, {"at": since}))
    if row.charge_point.connection_id is None:
        found.append(Evidence("offline", {"at": row.charge_point.last_seen_at}))
    return [*found, _last_reading(row)]


def _of_eternal(row: Any, connector: Connector | None, now: datetime) -> list[Evidence]:
    found = [Evidence("open_since", {"at": row.started_at, "bound_seconds": ETERNAL_AFTER.total_seconds()})]
    if connector is not None and connector.status:
        found.append(Evidence("status", {"status": connector.status, "at": connector.received_at}))
    return [*found, _last_reading(row)]


def _of_zero_energy(row: Any, connector: Connector | None, now: datetime) -> list[Evidence]:
    assert connector is not None
    since = {"status": connector.status, "at": connector.received_at}
    stood = {
        "from_wh": row.earlier_wh,
        "to_wh": row.newest_wh,
        "bound_seconds": NO_ENERGY_FOR.total_seconds(),
    }
    return [Evidence("status", since), Evidence("register_stands", stood), _last_reading(row)]


def _of_no_stop(row: Any, connector: Connector | None, now: datetime) -> list[Evidence]:
    values = {"at": row.stopped_at, "wh": row.meter_stop_wh, "energy_wh": row.energy_wh}
    found = [
        Evidence("closed_by_evidence", values),
        Evidence(f"seen_{row.end_evidence}", {"at": row.end_seen_at}),
    ]
    if row.meter_stop_wh is not None and (row.newest_wh or 0) > row.meter_stop_wh + TREMBLE_WH:
        values = {"at": row.newest_at, "from_wh": row.meter_stop_wh, "to_wh": row.newest_wh}
        found.append(Evidence("rose_after_end", values))
    if row.charge_point.connection_id is None:
        found.append(Evidence("offline", {"at": row.charge_point.last_seen_at}))
    return found


def _of_orphan(row: Any, connector: Connector | None, now: datetime) -> list[Evidence]:
    end = {"at": row.stopped_at, "wh": row.meter_stop_wh, "claimed_id": row.claimed_transaction_id}
    return [Evidence("end_without_start", end), _last_reading(row)]


def _last_reading(row: Any) -> Evidence:
    if row.newest_wh is None:
        return Evidence("no_reading", {"from_wh": row.meter_start_wh})
    return Evidence("last_reading", {"at": row.newest_at, "wh": row.newest_wh})


def _of_gaps(row: Any, connector: Connector | None, now: datetime) -> list[Evidence]:
    return [Evidence(word, values) for word, values in of_gaps(row, connector, now)]


WITNESS: dict[Kind, Callable[[Any, Connector | None, datetime], list[Evidence]]] = {
    Kind.GAPS: _of_gaps,
    Kind.ZOMBIE: _of_zombie,
    Kind.ETERNAL: _of_eternal,
    Kind.ZERO_ENERGY: _of_zero_energy,
    Kind.NO_STOP: _of_no_stop,
    Kind.ORPHAN: _of_orphan,
}
