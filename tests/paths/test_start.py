"""From `make run` to Ctrl-C: what the start says, what it refuses, what runs inside, and that nothing stays behind."""

import asyncio
import contextlib
import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.paths.store import rows, value
from tests.support.charger import RawCharger, eventually
from tests.support.migrated import put_into
from tests.support.processes import alive, descendants
from tests.support.server import ADMIN_PASSWORD, ROOT, Server, running_server

ONLINE = "SELECT count(*) FROM chargers_connection WHERE closed_at IS NULL"

# An order whose time was over before anybody looked; only the clock's task can end it.
FORGOTTEN_ORDER = """
from datetime import timedelta
from django.utils import timezone
from chargers.models import Command
from chargers.services import register_charge_point
now = timezone.now()
Command.objects.create(
    charge_point=register_charge_point("ASLEEP", now=now), type="reset", params={"type": "Soft"}, by="alice",
    created_at=now - timedelta(hours=1), expires_at=now - timedelta(minutes=1), may_wait=True,
)
"""


def signs_in(server: Server, password: str) -> bool:
    """Whether `admin` gets to the dashboard with this password, as a browser would."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with browser.open(f"{server.base_url}/sign-in", timeout=10) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    assert token
    form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token[1]}
    with browser.open(
        f"{server.base_url}/sign-in", urllib.parse.urlencode(form).encode(), timeout=10
    ) as page:
        return urllib.parse.urlsplit(page.url).path == "/"


def api_token(server: Server) -> str:
    made = server.manage("create_api_token", "tests")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def queue_a_forgotten_order(server: Server) -> None:
    made = server.manage("shell", "-c", FORGOTTEN_ORDER)
    assert made.returncode == 0, made.stderr


def fate(server: Server, cp_id: str) -> Any:
    """The status of the one order to a charge point."""
    return value(
        server,
        "SELECT k.status FROM chargers_command k JOIN chargers_chargepoint c ON c.id = k.charge_point_id "
        "WHERE c.cp_id = %s",
        cp_id,
    )


def end(server: Server, number: int) -> None:
    """End a server by a signal; it says good-bye, with status 0, and leaves nothing running."""
    assert server.process is not None
    below = descendants(server.process.pid)
    assert server.stop(number) == 0
    assert not [pid for pid in below if alive(pid)]
    assert server.get("/healthz") == (0, "")
    assert '"server.ended"' in server.log().splitlines()[-1]


def complaints(server: Server) -> list[str]:
    """Lines of the log that tell of an error, or that are no lines of a log."""
    return [
        line
        for line in server.log().splitlines()
        if '"level": "error"' in line or '"level": "critical"' in line or line.startswith("Traceback")
    ]


@contextlib.contextmanager
def ended_at_last(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever the test finds, the process and all that it started are gone afterwards."""
    try:
        yield
    finally:
        for pid in {process.pid, *descendants(process.pid)}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)


# --- what runs inside: looked at again at the end of this file, when the clock has struck ---------


@pytest.fixture(scope="module")
def lived_in(server: Server) -> Server:
    """A server in which an order was forgotten."""
    queue_a_forgotten_order(server)
    return server


def test_the_doors_of_operations_answer(lived_in: Server):
    assert lived_in.get("/healthz") == (200, '{"status": "ok"}')
    assert lived_in.get("/readyz") == (200, '{"status": "ready"}')
    status, metrics = lived_in.get("/metrics")
    assert status == 200
    assert re.search(r"^csms_\w+", metrics, re.MULTILINE)
    assert re.search(r"^django_\w+", metrics, re.MULTILINE)
    assert lived_in.get("/")[0] == 200  # after a redirect
    assert lived_in.get("/api/v1/charge-points/")[0] == 401


# --- the first start and the second -------------------------------------------------------------


def test_the_first_start_says_where_everything_is_and_who_may_sign_in(tmp_path, new_database_url):
    with running_server(tmp_path / "data", new_database_url, new=True, CSMS_ADMIN_PASSWORD="") as server:
        said = server.log()
        for line in (
            f"console      {server.base_url}/",
            f"chargers     {server.ocpp_url}/<identity>",
            f"API          {server.base_url}/api/v1/docs",
            f"{server.base_url}/metrics",
            "database     PostgreSQL" if new_database_url else f"database     {server.data_dir}/csms.sqlite3",
            f"data         {server.data_dir}",
            "worker       in this process",
            "Ctrl-C stops it",
        ):
            assert line in said
        password = re.search(r"sign in as   admin / (\S+)   \(shown only now\)", said)
        assert password
        assert len(password[1]) >= 16
        assert signs_in(server, password[1])
        assert not signs_in(server, "admin")
        assert server.get("/api/v1/docs")[0] == 200

        end(server, signal.SIGINT)
        seen = len(server.log())
        server.start()
        said = server.log()[seen:]
        assert f"console      {server.base_url}/" in said
        assert "sign in as" not in said
        assert password[1] not in said
        assert signs_in(server, password[1])
        assert not complaints(server)


def test_a_password_that_was_given_is_never_printed_and_only_read_once(tmp_path, database_url):
    with running_server(tmp_path, database_url) as server:
        assert signs_in(server, ADMIN_PASSWORD)
        end(server, signal.SIGTERM)
        server.env["CSMS_ADMIN_PASSWORD"] = "another one that comes too late"
        server.start()
        assert signs_in(server, ADMIN_PASSWORD)
        assert not signs_in(server, "another one that comes too late")
        assert "sign in as" not in server.log()
        assert ADMIN_PASSWORD not in server.log()


# --- what cannot be started ---------------------------------------------------------------------


def refusal(tmp_path: Path, *arguments: str, **env: str) -> str:
    """The one line on stderr with which a start is refused; anything else fails."""
    server = Server(tmp_path / "data", env)
    done = subprocess.run(
        [sys.executable, "manage.py", "serve", *arguments],
        cwd=ROOT,
        env=server.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode not in (0, None)
    assert done.returncode > 0, "ended by a signal"
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.rstrip("\n")


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    path = tmp_path / "in-the-way"
    path.write_text("not a folder, not a database, and long enough to be neither" * 20)
    return path


def test_a_port_in_use_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refusal(tmp_path, CSMS_PORT=str(port)) == (
            f"CommandError: cannot listen on 127.0.0.1:{port}: Address already in use; "
            "choose another CSMS_HOST or CSMS_PORT"
        )


def test_an_address_that_is_not_of_this_machine_is_told(tmp_path):
    line = refusal(tmp_path, CSMS_HOST="192.0.2.7")
    assert "cannot listen on 192.0.2.7:0: " in line
    assert "CSMS_HOST" in line


@pytest.mark.parametrize("inside", ["", "below"])
def test_a_data_folder_that_cannot_be_written_is_told(tmp_path, a_file, inside):
    folder = a_file / inside
    line = refusal(tmp_path, CSMS_DATA_DIR=str(folder))
    assert line.startswith(f"CSMS_DATA_DIR: {folder} is not writable")


@pytest.mark.parametrize(
    ("name", "given", "accepted"),
    [
        ("CSMS_PORT", "eighty", "a whole number from 1 to 65535"),
        ("CSMS_UNKNOWN_CHARGE_POINTS", "perhaps", "one of refuse, pending, accept"),
        ("CSMS_BEHIND_TLS_PROXY", "maybe", "true or false"),
    ],
)
def test_a_bad_setting_is_told_with_its_accepted_form(tmp_path, name, given, accepted):
    line = refusal(tmp_path, **{name: given})
    assert line.startswith(f"{name}: '{given}' is not accepted; give {accepted}")


def test_a_bad_secret_is_refused_unseen(tmp_path):
    line = refusal(tmp_path, CSMS_ADMIN_PASSWORD="hunter2")
    assert line.startswith("CSMS_ADMIN_PASSWORD: the value of 7 characters is not accepted")
    assert "hunter2" not in line


def test_a_database_that_does_not_answer_is_told_without_its_password(tmp_path):
    line = refusal(tmp_path, DATABASE_URL="postgresql://alice:hunter2@127.0.0.1:1/csms")
    assert line.startswith("CommandError: cannot use the database of DATABASE_URL: ")
    assert "refused" in line
    assert "hunter2" not in line


def test_a_kind_of_database_that_is_not_supported_is_told(tmp_path):
    line = refusal(tmp_path, DATABASE_URL="mysql://alice:hunter2@127.0.0.1/csms")
    assert line.startswith("DATABASE_URL: 'mysql://***@127.0.0.1/csms' is not accepted; give postgresql://")


def test_a_file_that_is_no_database_is_told(tmp_path, a_file):
    line = refusal(tmp_path, DATABASE_URL=f"sqlite:///{a_file}")
    assert line == f"CommandError: cannot use {a_file}: file is not a database"


@pytest.mark.postgres_only
def test_a_database_that_does_not_exist_is_told(tmp_path, database_url):
    line = refusal(tmp_path, DATABASE_URL=database_url + "_not_there")
    assert line.startswith("CommandError: cannot use the database of DATABASE_URL: ")
    assert "does not exist" in line


def test_a_demo_without_charge_points_is_refused(tmp_path):
    assert "1 to 5000 charge points, not 0" in refusal(tmp_path, "--demo", "--demo-count", "0")


# --- the demo, and the end ----------------------------------------------------------------------


async def test_the_demo_charges_and_ends_with_its_server(tmp_path, database_url):
    server = Server(tmp_path, {"DATABASE_URL": database_url} if database_url else {})
    await asyncio.to_thread(server.start, "--demo", "--demo-count", "3")
    assert server.process is not None
    with ended_at_last(server.process):
        token = await asyncio.to_thread(api_token, server)

        def listed(path: str) -> list[dict[str, Any]]:
            status, body = server.get(path, token)
            assert status == 200, body
            found: list[dict[str, Any]] = json.loads(body)["results"]
            return found

        await eventually(lambda: value(server, ONLINE) >= 2, 30)
        started = await eventually(lambda: listed("/api/v1/transactions/"), 40)
        fleet = {f"DEMO000{n}" for n in (1, 2, 3)}
        assert {row["cp_id"] for row in listed("/api/v1/charge-points/")} == fleet
        assert started[0]["cp_id"] in fleet
        assert descendants(server.process.pid), "the fleet is a process of its own"
        await asyncio.to_thread(end, server, signal.SIGTERM)
        assert value(server, ONLINE) == 0

    # Once more on the same data, ended as by Ctrl-C.
    await asyncio.to_thread(server.start, "--demo", "--demo-count", "3")
    with ended_at_last(server.process):
        await eventually(lambda: value(server, ONLINE) >= 2, 30)
        assert descendants(server.process.pid)
        await asyncio.to_thread(end, server, signal.SIGINT)
    assert value(server, ONLINE) == 0
    assert not complaints(server)


# --- the development server ---------------------------------------------------------------------


def test_no_other_process_loads_the_development_server():
    assert "daphne" not in settings.INSTALLED_APPS, "it would lengthen each start by a tenth"


async def test_the_development_server_speaks_with_a_charge_point(tmp_path):
    server = Server(tmp_path, {"CSMS_UNKNOWN_CHARGE_POINTS": "accept"})
    with socket.create_server(("127.0.0.1", 0)) as free:
        server.port = free.getsockname()[1]
    put_into(tmp_path)
    with server.log_path.open("wb") as log:
        server.process = subprocess.Popen(
            [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{server.port}"],
            cwd=ROOT,
            env=server.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    with ended_at_last(server.process):
        await eventually(lambda: server.get("/readyz")[0] == 200, 60)
        async with RawCharger.connect(server.ocpp_url, "CP16") as charger:
            assert (await charger.boot())["status"] == "Accepted"
            assert await charger.result("Heartbeat", {})
        assert rows(server, "SELECT cp_id, vendor FROM chargers_chargepoint") == [("CP16", "Acme")]
        await asyncio.to_thread(server.stop, signal.SIGINT)
        assert not complaints(server)


# --- at scale, in miniature ---------------------------------------------------------------------


def order(server: Server, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """POST, and wait for the charge point's answer."""
    request = urllib.request.Request(server.base_url + path, json.dumps(body).encode())
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("Content-Type", "application/json")
    request.add_header("Prefer", "wait=20")
    with urllib.request.urlopen(request, timeout=40) as answer:
        return answer.status, json.loads(answer.read())


@pytest.mark.postgres_only
async def test_servers_and_worker_apart_are_the_same_program(tmp_path, redis_url, new_database_url):
    shared = {
        "REDIS_URL": redis_url,
        "CSMS_EMBEDDED_WORKER": "off",
        "CSMS_UNKNOWN_CHARGE_POINTS": "accept",
        "CSMS_SECRET_KEY": "the same for all of them, " * 2,
    }
    with (
        running_server(tmp_path / "one", new_database_url, **shared) as one,
        running_server(tmp_path / "two", new_database_url, **shared) as two,
    ):
        assert "worker       separate, by the broker" in one.log()
        token = await asyncio.to_thread(api_token, one)
        async with RawCharger.connect(two.ocpp_url, "CP16") as charger:
            assert (await charger.boot())["status"] == "Accepted"
            ordering = asyncio.create_task(
                asyncio.to_thread(
                    order, one, "/api/v1/charge-points/CP16/commands/reset/", token, {"type": "Soft"}
                )
            )
            kind, message_id, action, payload = await charger.receive()
            assert (kind, action, payload) == (2, "Reset", {"type": "Soft"})
            await charger.send([3, message_id, {"status": "Accepted"}])
            status, command = await ordering
            assert (status, command["status"], command["cp_id"]) == (200, "accepted", "CP16")

        await asyncio.to_thread(queue_a_forgotten_order, one)
        worker = Server(tmp_path / "worker", one.env)
        worker.data_dir.mkdir()
        with worker.log_path.open("wb") as log:
            worker.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "csms.celery", "worker", "-B", "--loglevel", "WARNING"]
                + ["--pool", "threads", "--concurrency", "2", "--schedule", str(worker.data_dir / "beat")],
                cwd=ROOT,
                env=worker.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        with ended_at_last(worker.process):
            await eventually(lambda: fate(one, "ASLEEP") == "expired", 60)
            assert await asyncio.to_thread(worker.stop) == 0, worker.log()
        assert not complaints(worker)


# --- make ---------------------------------------------------------------------------------------


def test_make_help_lists_the_targets():
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = dict(re.findall(r"^  make (\S+)\s+(\S.*)$", shown, re.MULTILINE))
    assert {"help", "install", "run", "demo", "test", "check", "bench"} <= set(listed)
    assert subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout == shown


async def test_make_run_serves_until_ctrl_c(tmp_path):
    """What `make install` does has its own run in CI; here it counts as done."""
    server = Server(tmp_path)
    with server.log_path.open("wb") as log:
        server.process = subprocess.Popen(
            ["make", "--old-file=install", f"PYTHON={sys.executable}", "run"],
            cwd=ROOT,
            env=server.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with ended_at_last(server.process):
        server.port = await eventually(lambda: server._announced_port(0), 60)
        await eventually(lambda: server.get("/readyz")[0] == 200, 30)
        below = descendants(server.process.pid)
        assert below
        os.killpg(server.process.pid, signal.SIGINT)  # as a terminal does: to all of the group
        await asyncio.to_thread(server.process.wait, 30)
        assert "server.ended" in server.log()
        await eventually(lambda: not [pid for pid in below if alive(pid)])
        assert not complaints(server)


# --- what runs inside, the end -------------------------------------------------------------------


async def test_the_worker_inside_runs_what_the_clock_demands(lived_in: Server):
    assert await eventually(lambda: fate(lived_in, "ASLEEP") != "queued", 40)
    assert fate(lived_in, "ASLEEP") == "expired"
