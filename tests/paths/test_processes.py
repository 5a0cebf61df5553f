"""Processes come and go: a drain, two servers behind one door, and what a restart finds."""

import asyncio
import base64
import os
import signal
import socket
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.paths.store import rows, value
from tests.support.charger import RawCharger, eventually
from tests.support.server import Server, running_server

OPEN = "SELECT count(*) FROM chargers_connection WHERE closed_at IS NULL"
HOLDER = "SELECT connection_id FROM chargers_chargepoint WHERE cp_id = %s"
ENDS = (
    "SELECT k.close_code, k.close_reason FROM chargers_connection k "
    "JOIN chargers_chargepoint c ON c.id = k.charge_point_id "
    "WHERE c.cp_id = %s AND k.closed_at IS NOT NULL ORDER BY k.id"
)


def start(n: int) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "idTag": "ALICE",
        "meterStart": n,
        "timestamp": f"2026-11-01T08:{n // 60:02}:{n % 60:02}Z",
    }


def numbers(server: Server, cp_id: str) -> list[int]:
    """The transactions of a charge point."""
    found = rows(
        server,
        "SELECT t.number FROM transactions_transaction t "
        "JOIN chargers_chargepoint c ON c.id = t.charge_point_id WHERE c.cp_id = %s",
        cp_id,
    )
    return [number for (number,) in found]


def deaf_charger(port: int, cp_id: str) -> socket.socket:
    """A socket that shakes hands and then never reads nor answers again, not even a close."""
    wire = socket.create_connection(("127.0.0.1", port), 10)
    key = base64.b64encode(os.urandom(16)).decode()
    wire.sendall(
        f"GET /ocpp/{cp_id} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
    )
    assert wire.recv(4096).startswith(b"HTTP/1.1 101")
    return wire


async def test_a_server_that_is_told_to_end_drains(tmp_path, database_url):
    with running_server(
        tmp_path,
        database_url,
        CSMS_UNKNOWN_CHARGE_POINTS="accept",
        CSMS_UNKNOWN_ID_TAGS="accept",
        CSMS_DRAIN_SECONDS="5",
    ) as server:
        deaf = deaf_charger(server.port, "DEAF")
        acknowledged: list[int] = []

        async def busy(charger: RawCharger) -> int | None:
            await charger.boot()
            try:
                for n in range(10_000):
                    answer = await charger.result("StartTransaction", start(n))
                    acknowledged.append(answer["transactionId"])
            except Exception:  # the socket was closed in the middle
                return await charger.closed()
            raise AssertionError("nobody closed it")

        async with (
            RawCharger.connect(server.ocpp_url, "BUSY") as one,
            RawCharger.connect(server.ocpp_url, "IDLE") as two,
        ):
            await two.boot()
            task = asyncio.create_task(busy(one))
            await eventually(lambda: len(acknowledged) > 20)
            assert server.get("/readyz")[0] == 200
            assert server.process is not None
            server.process.send_signal(signal.SIGTERM)
            await eventually(lambda: server.get("/readyz")[0] == 503)
            assert "draining" in server.get("/readyz")[1]
            assert server.get("/healthz")[0] in (200, 0)  # it lives while it drains; 0: it has ended by now
            assert await task == 1012
            assert await two.closed() == 1012
        assert await asyncio.to_thread(server.process.wait, 30) == 0
        deaf.close()
        stored = {n for (n,) in rows(server, "SELECT number FROM transactions_transaction")}
        assert set(acknowledged) <= stored
        assert value(server, OPEN) == 0
        assert rows(server, ENDS, "IDLE") == [(1012, "the server restarts")]
        assert value(server, "SELECT count(*) FROM chargers_process WHERE ended_at IS NULL") == 0
        assert "Traceback" not in server.log()


async def test_an_interrupt_from_the_terminal_ends_an_idle_server_cleanly(tmp_path, database_url):
    with running_server(tmp_path, database_url) as server:
        assert await asyncio.to_thread(server.stop, signal.SIGINT) == 0
        assert "Traceback" not in server.log()


async def test_a_restart_closes_what_a_killed_process_left(tmp_path, database_url):
    with running_server(tmp_path, database_url, CSMS_UNKNOWN_CHARGE_POINTS="accept") as server:
        async with RawCharger.connect(server.ocpp_url, "CP16") as charger:
            await charger.boot()
            await asyncio.to_thread(server.kill)
            assert value(server, OPEN) == 1
            await asyncio.to_thread(server.start)
            await eventually(lambda: value(server, OPEN) == 0)
            assert rows(server, ENDS, "CP16") == [(4001, "its server process was lost")]
            assert value(server, HOLDER, "CP16") is None


# --- two processes on one PostgreSQL and one Redis ----------------------------------------------


@pytest.fixture(scope="module")
def two_servers(tmp_path_factory, redis_url, new_database):
    """The first takes in unknown charge points, the second lets them wait for approval."""
    folder, database = tmp_path_factory.mktemp("two"), new_database()
    shared = {"REDIS_URL": redis_url, "CSMS_EMBEDDED_WORKER": "on", "CSMS_UNKNOWN_ID_TAGS": "accept"}
    with running_server(folder / "one", database, CSMS_UNKNOWN_CHARGE_POINTS="accept", **shared) as one:
        with running_server(folder / "two", database, CSMS_UNKNOWN_CHARGE_POINTS="pending", **shared) as two:
            yield one, two


@pytest.mark.postgres_only
async def test_the_newest_connection_wins_across_processes(two_servers: tuple[Server, Server]):
    one, two = two_servers
    async with RawCharger.connect(one.ocpp_url, "CP16") as old:
        await old.boot()
        first = value(one, HOLDER, "CP16")
        answer = await old.call("StartTransaction", start(1), "first")
        async with RawCharger.connect(two.ocpp_url, "CP16") as new:
            assert await old.closed() == 4000
            second = value(one, HOLDER, "CP16")
            assert second not in (None, first)
            # What the other process answered is known here.
            assert await new.call("StartTransaction", start(1), "first") == answer
            assert (await new.call("Heartbeat", {}))[0] == 3
            assert value(one, HOLDER, "CP16") == second
            async with RawCharger.connect(one.ocpp_url, "CP16") as third:
                assert await new.closed() == 4000
                assert (await third.boot())["status"] == "Accepted"
        assert rows(one, ENDS, "CP16")[:2] == [(4000, "replaced by a newer connection")] * 2
    await eventually(lambda: value(one, OPEN) == 0)
    assert len(numbers(one, "CP16")) == 1


@pytest.mark.postgres_only
async def test_charge_points_that_flap_between_processes_are_held_once(two_servers: tuple[Server, Server]):
    one, two = two_servers

    async def flap(cp_id: str) -> None:
        for n in range(6):
            async with RawCharger.connect((one, two)[n % 2].ocpp_url, cp_id) as charger:
                assert (await charger.result("StartTransaction", start(7)))["transactionId"]
                if n < 5:
                    charger.socket.transport.abort()

    await asyncio.gather(*(flap(f"FLAP{n}") for n in range(8)))
    await eventually(lambda: value(one, OPEN) == 0)
    assert [len(numbers(one, f"FLAP{n}")) for n in range(8)] == [1] * 8
    assert (
        value(one, "SELECT count(*) FROM events_event WHERE type = 'tx.started' AND cp_id LIKE 'FLAP%'") == 8
    )


@pytest.mark.postgres_only
async def test_an_order_rings_at_the_process_that_holds_the_charge_point(two_servers: tuple[Server, Server]):
    """An administrator's command runs in a third process; here it approves a charge point."""
    one, two = two_servers
    async with RawCharger.connect(two.ocpp_url, "WAITS") as charger:
        assert (await charger.boot())["status"] == "Pending"
        done = await asyncio.to_thread(one.manage, "approve_charge_point", "WAITS")
        assert done.returncode == 0, done.stderr
        frame = await charger.receive(4)  # sooner than any sweep
        assert frame[2:] == ["TriggerMessage", {"requestedMessage": "BootNotification"}]


@pytest.mark.postgres_only
async def test_a_killed_process_is_missed_by_the_other(two_servers: tuple[Server, Server]):
    one, two = two_servers
    async with RawCharger.connect(two.ocpp_url, "CP-KILLED") as charger:
        await charger.boot()
        await asyncio.to_thread(two.kill)
        assert value(one, OPEN) == 1
        with psycopg.connect(one.env["DATABASE_URL"]) as connection:  # the lease runs out
            connection.execute(
                "UPDATE chargers_process SET seen_at = seen_at - %s WHERE id = "
                "(SELECT process_id FROM chargers_connection WHERE closed_at IS NULL)",
                [timedelta(minutes=1)],
            )
        await eventually(lambda: value(one, OPEN) == 0, 30)
        assert rows(one, ENDS, "CP-KILLED") == [(4001, "its server process was lost")]
