"""Looks into the store of a server process from outside, with nothing of the product in between."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
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


def write(server: Server, *statements: tuple[Any, ...]) -> None:
    """Change the store behind the server's back, all or nothing: an SQL text each, and its parameters."""
    url = server.env.get("DATABASE_URL")
    if url:
        with psycopg.connect(url) as connection:
            for sql, *params in statements:
                connection.execute(sql, params)
        return
    with closing(sqlite3.connect(server.data_dir / "csms.sqlite3", timeout=60, isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        for sql, *params in statements:
            file.execute(sql.replace("%s", "?"), [_in_sqlite(param) for param in params])
        file.execute("COMMIT")


def _in_sqlite(param: Any) -> Any:
    """A parameter as Django keeps it in SQLite: times are texts in UTC."""
    return f"{param.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}" if isinstance(param, datetime) else param
