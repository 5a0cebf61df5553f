"""The end of a server, whoever ends it: worker and drain side by side, and nothing that outlives a kill."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths.store import value
from tests.paths.test_start import ended_at_last, refusal
from tests.support.charger import eventually
from tests.support.processes import alive, descendants, state
from tests.support.server import ROOT, Server, running_server

REFUSED = "is served by another process"


async def test_the_worker_ends_beside_all_else_that_ends(tmp_path, database_url):
    server = Server(tmp_path, {"DATABASE_URL": database_url} if database_url else {})
    await asyncio.to_thread(server.start, "--demo", "--demo-count", "1")
    assert server.process is not None
    with ended_at_last(server.process):
        below = descendants(server.process.pid)
        for pid in below:
            os.kill(pid, signal.SIGSTOP)  # the server waits for its fleet, which takes its time
        # A process that is still on its way to the halt would die of the server's word; one that has halted waits.
        await eventually(lambda: {state(pid) for pid in below} == {"T"})
        server.process.send_signal(signal.SIGTERM)
        await eventually(lambda: "celery.embedded_ended" in server.log(), 40)
        assert server.get("/healthz")[0] == 200
        for pid in below:
            os.kill(pid, signal.SIGCONT)
        assert await asyncio.to_thread(server.process.wait, 40) == 0
        assert "celery.embedded_still_running" not in server.log()


async def test_the_fleet_of_the_demo_does_not_outlive_a_killed_server(tmp_path, database_url):
    server = Server(tmp_path, {"DATABASE_URL": database_url} if database_url else {})
    await asyncio.to_thread(server.start, "--demo", "--demo-count", "2")
    assert server.process is not None
    with ended_at_last(server.process):
        online = "SELECT count(*) FROM chargers_connection WHERE closed_at IS NULL"
        await eventually(lambda: value(server, online) == 2, 40)
        below = descendants(server.process.pid)
        assert below
        server.kill()
        try:
            await eventually(lambda: not [pid for pid in below if alive(pid)], 60)
        finally:
            for pid in below:
                if alive(pid):
                    subprocess.run(["kill", "-9", str(pid)], check=False)


# --- one server for one SQLite database ----------------------------------------------------------


@pytest.fixture
def alone(tmp_path):
    """A server on SQLite, in either lane."""
    with running_server(tmp_path / "data") as server:
        yield server


def test_a_second_server_on_the_same_data_is_refused_and_the_first_goes_on(alone: Server, tmp_path: Path):
    assert alone.process is not None
    line = refusal(tmp_path)  # on a port of its own: it would not be noticed otherwise
    assert line.startswith(f"CommandError: {alone.data_dir}/csms.sqlite3 {REFUSED} ({alone.process.pid})")
    assert "CSMS_DATA_DIR" in line
    assert alone.get("/readyz") == (200, '{"status": "ready"}')


def test_a_second_server_on_the_same_file_by_another_name_is_refused(alone: Server, tmp_path: Path):
    (tmp_path / "other").symlink_to(alone.data_dir)
    assert REFUSED in refusal(tmp_path / "elsewhere", DATABASE_URL=f"sqlite:///{tmp_path}/other/csms.sqlite3")


def test_commands_work_beside_a_running_server(alone: Server):
    done = alone.manage("add_charge_point", "CP16")
    assert done.returncode == 0, done.stderr
    assert value(alone, "SELECT cp_id FROM chargers_chargepoint") == "CP16"


def test_a_killed_server_leaves_no_lock(alone: Server):
    alone.kill()
    assert (alone.data_dir / "csms.sqlite3.lock").exists()
    alone.start()
    assert alone.get("/readyz")[0] == 200


async def test_a_killed_server_leaves_no_lock_to_its_fleet(tmp_path):
    """Its simulator may still report for some seconds; the next server need not wait for it."""
    server = Server(tmp_path)
    await asyncio.to_thread(server.start, "--demo", "--demo-count", "1")
    assert server.process is not None
    with ended_at_last(server.process):
        below = descendants(server.process.pid)
        assert below
        server.kill()
        await asyncio.to_thread(server.start)
        server.kill()
        await eventually(lambda: not [pid for pid in below if alive(pid)], 60)


def test_a_lock_file_that_cannot_be_opened_is_told(tmp_path):
    (tmp_path / "data" / "csms.sqlite3.lock").mkdir(parents=True)
    line = refusal(tmp_path)
    assert line.startswith(f"CommandError: the lock file {tmp_path}/data/csms.sqlite3.lock cannot be opened")


@pytest.mark.postgres_only
async def test_servers_on_postgresql_may_share_a_folder(tmp_path, database_url):
    with running_server(tmp_path, database_url):
        said = tmp_path / "second.log"
        with said.open("wb") as log:
            second = subprocess.Popen(
                [sys.executable, "manage.py", "serve"],
                cwd=ROOT,
                env=Server(tmp_path, {"DATABASE_URL": database_url}).environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        with ended_at_last(second):
            await eventually(lambda: "Ctrl-C stops it" in said.read_text(), 60)
            assert second.poll() is None
