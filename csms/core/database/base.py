"""A connection that is closed in good order waits here for the next thread that wants one.

A new connection costs PostgreSQL a process, both ends the proof of a password, and its first questions a look at the
catalogue: more than most requests. Django keeps one for its thread, but under ASGI each request has its own thread. The
pool of psycopg was tried: it tells whoever waits that the time is over and not why there is no connection, fails after
that time instead of at once, and has its own hours for trying again.
"""

import os
import threading
from time import monotonic
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg import Connection, Error
from psycopg.pq import TransactionStatus

KEPT = 8  # free connections of a process
KEPT_SECONDS = 600.0  # without use
LIFE_SECONDS = 3600.0  # in all: the name of the server may lead elsewhere by then

Params = dict[str, Any]


class Opened(NamedTuple):
    """By which process a connection was opened, when, and with what: where it leads, as whom."""

    process: int
    at: float
    params: Params


class Kept(NamedTuple):
    """A free connection, and when it was used last."""

    used: float
    opened: Opened
    connection: Connection[Any]


class Shelf:
    """Free connections, the one that was used last on top."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[Kept] = []
        os.register_at_fork(after_in_child=self._forget)

    def take(self, params: Params) -> Kept | None:
        """A connection that was opened so and whose other end answers, or None. One that does not: none will."""
        with self._lock:
            fit = [number for number, kept in enumerate(self._free) if kept.opened.params == params]
            if not fit:
                return None
            kept = self._free.pop(fit[-1])
        try:
            kept.connection.execute("")
        except Error:
            kept.connection.close()
            self.clear()
            return None
        return kept

    def give(self, connection: Connection[Any], opened: Opened, now: float) -> None:
        """Keep a connection that is at rest, and let go of what is too old, or has not been wanted for long."""
        with self._lock:
            free = [*self._free, Kept(now, opened, connection)]
            fresh = [
                kept
                for kept in free
                if now - kept.used <= KEPT_SECONDS and now - kept.opened.at <= LIFE_SECONDS
            ]
            self._free = fresh[-KEPT:]
            old = [kept for kept in free if kept not in self._free]
        for kept in old:
            kept.connection.close()

    def clear(self) -> None:
        """Close all that are free."""
        with self._lock:
            free, self._free = self._free, []
        for kept in free:
            kept.connection.close()

    def _forget(self) -> None:
        # They are the parent's, and closing them here would end them there.
        self._lock = threading.Lock()
        self._inherited, self._free = self._free, []


_shelf = Shelf()


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL as Django knows it. Settings and locks must end with their transaction: the session has heirs."""

    _opened: Opened | None = None

    def get_new_connection(self, conn_params: Params) -> Any:
        """Take a free connection, or open one."""
        kept = _shelf.take(conn_params) if self.alias == DEFAULT_DB_ALIAS else None
        connection = kept.connection if kept else super().get_new_connection(conn_params)
        self._opened = kept.opened if kept else Opened(os.getpid(), monotonic(), conn_params)
        return connection

    def _close(self) -> None:
        connection, opened = self.connection, self._opened
        if connection is None:
            return
        at_rest = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
        ours = self.alias == DEFAULT_DB_ALIAS and not self.in_atomic_block
        if opened and opened.process == os.getpid() and ours and at_rest and connection.autocommit:
            _shelf.give(connection, opened, monotonic())
        else:
            with self.wrap_database_errors:
                connection.close()

    def close_pool(self) -> None:
        """Close all that are free. Django asks for it before it drops a database."""
        _shelf.clear()
        super().close_pool()
