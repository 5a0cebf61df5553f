"""Partitions while several are at work at once: each is made once, nobody waits long, and nothing is refused."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from types import SimpleNamespace

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from csms.core import partitions
from csms.core.config import get_config
from csms.core.events.models import Event
from csms.core.events.services import record
from csms.management.commands import serve
from csms.pruning import make_partitions, prune
from csms.retention import PARTITIONED
from tests.support.partitions import DAY, EVENT, NOW, event, names, pk, place_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres_only]


@pytest.fixture
def committed(transactional_db: None) -> Iterator[None]:
    """Partitions of 2031 that others see; gone afterwards."""
    yield
    for table in PARTITIONED:
        for part in partitions.partitions(table.table):
            if part.lower and part.lower > pk(NOW - 400 * DAY):
                partitions.drop(table.table, part)


@contextmanager
def another() -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """Another connection to the database of the tests, in a transaction."""
    params = connection.get_connection_params()
    wanted = {key: params[key] for key in ("dbname", "user", "password", "host", "port") if key in params}
    with psycopg.connect(**wanted) as other:
        yield other
        other.rollback()


def test_while_another_makes_and_drops_partitions_nothing_is_done(committed: None):
    with another() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [partitions.ALONE])
        assert make_partitions(now=NOW) == []
        event(NOW - 100 * DAY)
        assert prune(get_config(), now=NOW)["events"] == 0
        other.execute("SELECT pg_advisory_unlock_all()")
    assert "events_event_20310530" in make_partitions(now=NOW)
    assert prune(get_config(), now=NOW)["events"] == 1


def test_workers_that_look_at_once_make_each_partition_once(committed: None):
    made: list[str] = []
    begin = threading.Barrier(3)

    def work() -> None:
        try:
            begin.wait(30)
            made.extend(make_partitions(now=NOW))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == len(set(made)) == 19
    assert len(names()) == 8


def test_a_partition_that_is_read_stays_until_it_is_not_and_holds_up_nobody(
    committed: None, monkeypatch: pytest.MonkeyPatch, caplog
):
    monkeypatch.setattr(partitions, "PAUSE", 0.01)
    make_partitions(now=NOW - 30 * DAY)
    event(NOW - 30 * DAY)
    with another() as other:
        assert other.execute("SELECT count(*) FROM events_event").fetchone() == (1,)
        assert prune(get_config(), now=NOW)["events"] == 0
        assert "partitions.postponed" in caplog.text
        record("t", "CP16", {}, occurred_at=NOW)  # writing goes on
        assert other.execute("SELECT count(*) FROM events_event").fetchone() == (2,)
    assert prune(get_config(), now=NOW)["events"] == 1
    assert Event.objects.count() == 1


def test_rows_wait_in_the_default_partition_while_it_is_read(
    committed: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(partitions, "PAUSE", 0.01)
    row = event(NOW)
    with another() as other:
        other.execute("SELECT count(*) FROM events_event")
        assert "events_event_20310530" not in make_partitions(now=NOW)
        assert place_of(row) == "default"
        assert place_of(event(NOW, 2)) == "default", "nothing is refused meanwhile"
    assert "events_event_20310530" in make_partitions(now=NOW)
    assert place_of(row) == "20310530"


def test_emptying_the_tables_leaves_the_partitions_and_brings_back_those_of_now(committed: None):
    make_partitions(now=NOW)
    event(NOW)
    first = partitions.partitions(EVENT.table)[0]
    partitions.drop(EVENT.table, first)
    call_command("flush", interactive=False, verbosity=0)
    assert not Event.objects.exists()
    assert len(names()) == 8
    assert partitions.partitions(EVENT.table)[0].name == EVENT.name(EVENT.period.begin(timezone.now()))


def test_a_server_begins_with_partitions_of_the_days_to_come(
    committed: None, monkeypatch: pytest.MonkeyPatch
):
    async def nothing(*_args: object) -> None:
        pass

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    for name, stand_in in {
        "listen": lambda _config: listener,
        "serve": nothing,
        "timezone": SimpleNamespace(now=lambda: NOW),
    }.items():
        monkeypatch.setattr(serve, name, stand_in)
    with listener:
        call_command("serve", no_migrate=True, stdout=StringIO())
    assert len(names()) == 8
