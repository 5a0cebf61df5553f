"""Looks into the store of a server process from outside, with nothing of the product in between."""

import sqlite3
from typing import Any

import psycopg

from tests.support.server import Server


def rows(server: Server, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    """What a query returns, whether the server runs or not; `%s` marks a parameter."""
    url = server.env.get("DATABASE_URL")
    if url:
        with psycopg.connect(url) as connection:
            return connection.execute(sql, params or None).fetchall()
    connection = sqlite3.connect(f"file:{server.data_dir / 'csms.sqlite3'}?mode=ro", uri=True, timeout=20)
    try:
        return connection.execute(sql.replace("%s", "?"), params).fetchall()
    finally:
        connection.close()


def value(server: Server, sql: str, *params: Any) -> Any:
    """The only column of the only row; None when there is none."""
    found = rows(server, sql, *params)
    assert len(found) <= 1, found
    return found[0][0] if found else None
