"""Looks for every acknowledged message in the tables, by its own number, after the server was killed."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

_FRAMES = "SELECT message_id FROM chargers_frame WHERE action = '{action}' AND direction = "
# Where a message must be found -> the query for its serial, in the energy or at the end of the message id.
QUERIES = {
    "meter value": "SELECT energy_wh FROM transactions_metervalue",
    "frame in": f"{_FRAMES}'in'",
    "frame out": f"{_FRAMES}'out'",
    "event": "SELECT {energy} FROM events_event WHERE type = 'cp.meter'",
}
# Of OCPP 2.x, too.
LEDGER = (
    "SELECT message_id FROM sequence_transactionevent e JOIN chargers_frame f ON f.id = e.frame_id "
    "WHERE f.direction = 'in'"
)
_ENERGY = {
    "postgres": "payload::json #>> '{meter_values,0,energy_wh}'",
    "sqlite": "json_extract(payload, '$.meter_values[0].energy_wh')",
}


@dataclass
class Findings:
    """Acknowledged messages, and how many of them were lost from a table or stored twice in one."""

    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(
            self.acknowledged + other.acknowledged, self.lost + other.lost, self.doubled + other.doubled
        )


def look_for(acknowledged: Iterable[int], database: str | Path, action: str = "MeterValues") -> Findings:
    """Find the acknowledged messages of an action in a PostgreSQL database (its URL) or in an SQLite file."""
    wanted = set(acknowledged)
    found = Findings(len(wanted))
    missing: set[int] = set()
    for query in (*QUERIES.values(), *([] if action == "MeterValues" else [LEDGER])):
        serials = [int(str(value)[-12:]) for value in _column(query.replace("{action}", action), database)]
        missing |= wanted - set(serials)
        found.doubled += len(serials) - len(set(serials))
    found.lost = len(missing)
    return found


def _column(query: str, database: str | Path) -> list[object]:
    if isinstance(database, Path):
        with closing(sqlite3.connect(database)) as connection:
            return [row[0] for row in connection.execute(query.replace("{energy}", _ENERGY["sqlite"]))]
    with psycopg.connect(database) as connection:
        return [row[0] for row in connection.execute(query.replace("{energy}", _ENERGY["postgres"]))]
