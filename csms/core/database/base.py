"""A connection that is closed in good order waits here for the next thread that wants one.

A new connection costs PostgreSQL a process, both ends the proof of a password, and its first questions a look at the
catalogue: more than most requests. Django keeps one for its thread, but under ASGI each request has its own thread. The
pool of psycopg was tried: it tells whoever waits that the time is over and not why there is no connection, fails after
that time instead of at once, and has its own hours for trying again.
"""

import os
import threading
from time import monotonic
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg import Connection, Error
from psycopg.pq import TransactionStatus

KEPT = 8  # free connections of a process
KEPT_SECONDS = 600.0


Params = dict[str, Any]
Kept = tuple[float, Params, Connection[Any]]


class Shelf:
    """Free connections, the one that was used last on top."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[Kept] = []
        os.register_at_fork(after_in_child=self._forget)

    def take(self, params: Params) -> Connection[Any] | None:
        """A connection that was opened so and whose other end answers, or None. One that does not: none will."""
        with self._lock:
            fit = [number for number, (_, opened, _) in enumerate(self._free) if opened == params]
            if not fit:
                return None
            _, _, connection = self._free.pop(fit[-1])
        try:
            connection.execute("")
        except Error:
            connection.close()
            self.clear()
            return None
        return connection

    def give(self, connection: Connection[Any], params: Params, now: float) -> None:
        """Keep a connection that is at rest, and let go of those that nobody has wanted for long."""
        with self._lock:
            free = [*self._free, (now, params, connection)]
            self._free = [kept for kept in free if now - kept[0] <= KEPT_SECONDS][-KEPT:]
            old = free[: len(free) - len(self._free)]
        for _, _, one in old:
            one.close()

    def clear(self) -> None:
        """Close all that are free."""
        with self._lock:
            free, self._free = self._free, []
        for _, _, connection in free:
            connection.close()

    def _forget(self) -> None:
        # They are the parent's, and closing them here would end them there.
        self._lock = threading.Lock()
        self._inherited, self._free = self._free, []


_shelf = Shelf()


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL as Django knows it. Settings and locks must end with their transaction: the session has heirs."""

    _opened: tuple[int, Params] | None = None
    """By which process, and with what: where it leads, as whom."""

    def get_new_connection(self, conn_params: Params) -> Any:
        """Take a free connection, or open one."""
        kept = _shelf.take(conn_params) if self.alias == DEFAULT_DB_ALIAS else None
        connection = kept or super().get_new_connection(conn_params)
        self._opened = os.getpid(), conn_params
        return connection

    def _close(self) -> None:
        connection = self.connection
        if connection is None:
            return
        at_rest = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
        process, params = self._opened or (0, {})
        ours = self.alias == DEFAULT_DB_ALIAS and process == os.getpid()
        if ours and at_rest and connection.autocommit and not self.in_atomic_block:
            _shelf.give(connection, params, monotonic())
        else:
            with self.wrap_database_errors:
                connection.close()

    def close_pool(self) -> None:
        """Close all that are free. Django asks for it before it drops a database."""
        _shelf.clear()
        super().close_pool()
