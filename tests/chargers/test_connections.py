"""Who holds a charge point when processes race, share a name or die, and what a new connection is told of the old."""

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chargers import connections
from chargers.models import ChargePoint, Connection, Frame, Process, Registration
from chargers.protocol.versions import Version
from chargers.services import register_charge_point
from csms.core.ids import uuid7

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def make_process(seconds_ago: float = 0, **values: Any) -> Process:
    then = NOW - timedelta(seconds=seconds_ago)
    return Process.objects.create(**{"host": "elsewhere", "pid": 1} | values, started_at=then, seen_at=then)


def make_charge_point(cp_id: str = "CP16", registration: str = Registration.ACCEPTED) -> ChargePoint:
    return register_charge_point(cp_id, now=NOW, registration=registration)


def connect(charge_point: ChargePoint, process: Process) -> connections.Opened:
    guest = connections.Guest(charge_point.pk, charge_point.cp_id, "")
    return connections.open_connection(
        guest,
        connection_id=uuid7(),
        process_id=process.pk,
        version=Version.V16,
        peer="10.0.0.1",
        user_agent="",
        now=NOW,
    )


def is_open(opened: connections.Opened) -> bool:
    return Connection.objects.filter(pk=opened.connection_id, closed_at=None).exists()


def dead_pid() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


# --- leases -----------------------------------------------------------------------------------------------------------


def test_a_lease_renewed_while_the_sweep_looks_saves_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    process = make_process(60)
    opened = connect(make_charge_point(), process)
    end: Callable[..., int] = connections.end_process

    def renewed_first(process_id: UUID, **values: Any) -> int:
        assert connections.renew_lease(process_id, now=NOW)
        return end(process_id, **values)

    monkeypatch.setattr(connections, "end_process", renewed_first)
    assert connections.sweep_processes(now=NOW) == 0
    assert is_open(opened)
    assert Process.objects.get().ended_at is None


def test_of_two_sweeps_one_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = connect(make_charge_point(), make_process(60))
    end: Callable[..., int] = connections.end_process
    counts = []
    monkeypatch.setattr(
        connections, "end_process", lambda pk, **v: counts.extend([end(pk, **v), end(pk, **v)]) or 0
    )
    connections.sweep_processes(now=NOW)
    assert counts == [1, 0]
    assert not is_open(opened)


def test_a_restart_knows_at_once_that_the_process_before_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        pid = dead_pid()
        patched.setattr(os, "getpid", lambda: pid)
        killed = connections.start_process(now=NOW)
    opened = connect(make_charge_point(), killed)
    connections.start_process(now=NOW + timedelta(seconds=1))
    assert not is_open(opened)


def test_a_process_that_runs_beside_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", os.getppid)
        beside = connections.start_process(now=NOW)
    opened = connect(make_charge_point(), beside)
    connections.start_process(now=NOW + timedelta(days=1))
    assert is_open(opened)


@pytest.mark.parametrize("number", ["ours", "nobody's"])
def test_a_process_in_a_container_of_the_same_name_is_left_to_its_lease(
    monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    pid = os.getpid() if number == "ours" else dead_pid()
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", lambda: pid)
        patched.setattr(os, "readlink", lambda _path: "pid:[1]")
        other = connections.start_process(now=NOW)
    assert other.host.startswith(socket.gethostname())
    opened = connect(make_charge_point(), other)
    connections.start_process(now=NOW + timedelta(seconds=30))
    assert is_open(opened)
    connections.sweep_processes(now=NOW + timedelta(seconds=46))
    assert not is_open(opened)


# --- races ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["replaced", "closed"])
def test_the_charge_point_is_changed_before_its_connections(end: str) -> None:
    process, cp16 = make_process(), make_charge_point()
    opened = connect(cp16, process)
    with CaptureQueriesContext(connection) as queries:
        if end == "replaced":
            connect(cp16, process)
        else:
            connections.close_connection(opened.connection_id, code=1000, reason="", now=NOW)
    changed = [query["sql"].split('"')[1] for query in queries if query["sql"].startswith("UPDATE")]
    assert changed[:2] == ["chargers_chargepoint", "chargers_connection"]
    assert not is_open(opened)
    assert (ChargePoint.objects.get().connection_id is None) == (end == "closed")


def test_two_first_handshakes_at_once_are_of_one_charge_point(monkeypatch: pytest.MonkeyPatch) -> None:
    look: Callable[..., ChargePoint | None] = connections.find_charge_point
    answers = [lambda *_: None, look]
    monkeypatch.setattr(connections, "find_charge_point", lambda *asked: answers.pop(0)(*asked))
    first = make_charge_point("CP16")
    assert connections.admit("CP16", now=NOW).pk == first.pk


def test_what_cannot_be_registered_is_a_refusal_like_any_other() -> None:
    with pytest.raises(connections.HandshakeRefused) as refused:
        connections.admit("no:colon", now=NOW)
    assert (refused.value.http_status, refused.value.reason) == (404, "bad_identity")


# --- what was answered before -----------------------------------------------------------------------------------------


def exchange(
    charge_point: ChargePoint, message_id: str, action: str, *, text: str = "", kind: int = 3
) -> None:
    call = {"direction": "in", "kind": 2, "text": text or f'[2,"{message_id}","{action}",{{}}]'}
    answer = {"direction": "out", "kind": kind, "text": f'[{kind},"{message_id}",{{}}]'}
    for values in (call, answer):
        Frame.objects.create(
            charge_point=charge_point,
            connection_id=UUID(int=1),
            at=NOW,
            message_id=message_id,
            action=action,
            verdict="ok",
            **values,
        )


def answered_ids(charge_point: ChargePoint) -> list[str]:
    return [message_id for message_id, *_ in connections.answered_calls(charge_point.pk)]


def test_only_what_can_be_repeated_after_a_reconnection_is_read(django_assert_num_queries: Any) -> None:
    cp16 = make_charge_point()
    exchange(cp16, "a", "StartTransaction")
    for number in range(100):
        exchange(cp16, f"h{number}", "Heartbeat")
    exchange(cp16, "b", "MeterValues")
    exchange(cp16, "refused", "MeterValues", kind=4)
    exchange(cp16, "huge", "MeterValues", text="x" * 65_537)
    exchange(cp16, "c", "StopTransaction")
    exchange(make_charge_point("CP-OTHER"), "d", "StopTransaction")
    with django_assert_num_queries(1):
        assert answered_ids(cp16) == ["a", "b", "c"]


def test_a_long_log_is_not_searched_to_its_beginning() -> None:
    cp16 = make_charge_point()
    exchange(cp16, "long ago", "StartTransaction")
    for number in range(256):
        exchange(cp16, f"h{number}", "Heartbeat")
    assert answered_ids(cp16) == []
    for number in range(40):
        exchange(cp16, f"m{number}", "MeterValues")
    assert answered_ids(cp16) == [f"m{number}" for number in range(8, 40)]


@pytest.mark.parametrize("registration", [Registration.ACCEPTED, Registration.PENDING])
def test_the_log_of_a_charge_point_that_waits_for_approval_is_not_read(registration: str) -> None:
    cp16, process = make_charge_point(registration=registration), make_process()
    exchange(cp16, "a", "StartTransaction")
    with CaptureQueriesContext(connection) as queries:
        opened = connect(cp16, process)
    read = any('FROM "chargers_frame"' in query["sql"] for query in queries)
    assert (read, bool(opened.answered)) == (registration == Registration.ACCEPTED,) * 2
