"""Connections to PostgreSQL outlive the requests that opened them, and none is lent that is not fit for it."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction

from csms.core.database.base import KEPT, KEPT_SECONDS, LIFE_SECONDS, Opened, Shelf

pytestmark = [pytest.mark.postgres_only, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _nothing_kept():
    connection.close_pool()
    yield
    connection.close_pool()


def asked(question: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


def session() -> int:
    """The process of PostgreSQL behind this thread's connection."""
    return int(asked("SELECT pg_backend_pid()"))


def in_a_thread(work: Callable[[], Any]) -> Any:
    """What a request in a thread of its own comes to; its connection is closed at the end, as Django closes it."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    [answer] = found
    return answer


def test_the_next_thread_goes_on_with_the_connection_of_the_last():
    assert in_a_thread(session) == in_a_thread(session)


def test_two_threads_at_once_have_each_their_own():
    assert session() != in_a_thread(session)


def test_a_connection_that_was_cut_is_not_lent():
    session()  # so that it is not this thread that goes on with it
    kept = in_a_thread(session)
    assert asked(f"SELECT pg_terminate_backend({kept}, 60000)")
    assert in_a_thread(session) != kept


def test_a_connection_in_a_transaction_is_not_kept():
    def leaves_it_open() -> int:
        number = session()
        connection.set_autocommit(False)
        asked("SELECT 1")
        return number

    assert in_a_thread(leaves_it_open) != in_a_thread(session)


def test_a_thread_that_fails_in_a_transaction_leaves_nothing_to_the_next():
    def fails() -> int:
        number = session()
        with suppress(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout TO 12345")
            cursor.execute("SELECT of nonsense")
        return number

    assert in_a_thread(fails) == in_a_thread(session)
    assert in_a_thread(lambda: asked("SHOW statement_timeout")) == "0"


def test_why_there_is_no_connection_is_said_at_once():
    nobody = connection.copy()
    nobody.settings_dict["HOST"], nobody.settings_dict["PORT"] = "127.0.0.1", "1"
    with pytest.raises(OperationalError, match="Connection refused"):
        nobody.ensure_connection()


def test_one_that_leads_elsewhere_is_not_lent():
    session()  # so that it is not this thread that goes on with it
    kept = in_a_thread(session)
    elsewhere = connection.copy()
    elsewhere.settings_dict["NAME"] = "postgres"
    with elsewhere.cursor() as cursor:
        cursor.execute("SELECT current_database(), pg_backend_pid()")
        database, its = cursor.fetchone()
    elsewhere.close()
    assert (database, its == kept) == ("postgres", False)
    assert in_a_thread(session) == kept
    assert in_a_thread(lambda: asked("SELECT current_database()")) != "postgres"


def test_the_connection_of_a_parent_process_is_not_kept():
    """Celery's workers are forked, and close what they have inherited."""

    def inherited() -> int:
        number = session()
        connection._opened = connection._opened._replace(process=os.getppid())
        return number

    assert in_a_thread(inherited) != in_a_thread(session)


def test_one_whose_other_end_is_silent_is_given_up():
    connection.ensure_connection()
    told = connection.connection.info.get_parameters()
    assert (told["tcp_user_timeout"], told["keepalives_idle"]) == ("30000", "30")


class Line:
    """As much of a connection as the shelf looks at."""

    closed = False

    def execute(self, query: str) -> None:
        assert query == ""

    def close(self) -> None:
        self.closed = True


def opened(at: float = 0.0) -> Opened:
    return Opened(os.getpid(), at, {})


def test_a_few_are_kept_for_a_while_and_the_rest_is_let_go():
    shelf, lines = Shelf(), [Line() for _ in range(KEPT + 2)]
    for line in lines:
        shelf.give(line, opened(), 0.0)
    assert [line.closed for line in lines] == [True] * 2 + [False] * KEPT
    last = Line()
    shelf.give(last, opened(), KEPT_SECONDS + 1)
    assert all(line.closed for line in lines)
    kept = shelf.take({})
    assert kept
    assert kept.connection is last
    assert shelf.take({}) is None


def test_one_that_is_in_use_all_the_time_is_renewed_now_and_then():
    shelf, line = Shelf(), Line()
    for now in (0.0, LIFE_SECONDS / 2, LIFE_SECONDS):
        shelf.give(line, opened(), now)
        assert shelf.take({})
    shelf.give(line, opened(), LIFE_SECONDS + 1)
    assert line.closed
    assert shelf.take({}) is None
