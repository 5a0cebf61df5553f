"""`manage.py simulate`: a thin door without a database, which refuses in one line and goes quietly."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from chargers.management.commands.simulate import _read_passwords
from chargers.simulator import SCENARIOS
from tests.simulator.central_system import central_system, demand_password

ROOT = Path(__file__).parents[2]


def start(tmp_path, *arguments):
    # A database that cannot be reached: the command must not ask for one.
    environment = os.environ | {
        "CSMS_DATA_DIR": str(tmp_path),
        "DATABASE_URL": "postgres://nobody@127.0.0.1:9/nothing",
        "PYTHONUNBUFFERED": "1",
    }
    return asyncio.create_subprocess_exec(
        sys.executable,
        ROOT / "manage.py",
        "simulate",
        *arguments,
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
    )


def test_the_list_names_every_scenario(capsys):
    call_command("simulate", "--list")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(SCENARIOS)


def test_a_wrong_option_is_one_line():
    with pytest.raises(CommandError, match=r"^--scenario party: give one of idle, busy"):
        call_command("simulate", "--scenario", "party")


def test_a_version_nobody_speaks_is_one_line():
    with pytest.raises(CommandError, match=r"^--ocpp 1.5: give one of 1.6, 2.0.1, both"):
        call_command("simulate", "--ocpp", "1.5")


def test_a_password_file_holds_one_password_or_one_for_each(tmp_path):
    file = tmp_path / "passwords"
    file.write_text("open:sesame\n")
    assert _read_passwords(file, "SIM", 2) == ("open:sesame", {})
    file.write_text("SIM0001:one\nSIM0002:t:wo\n\nfor-the-rest\n")
    assert _read_passwords(file, "SIM", 2) == ("for-the-rest", {"SIM0001": "one", "SIM0002": "t:wo"})
    file.write_text("one\ntwo\n")
    with pytest.raises(CommandError, match="give one password"):
        _read_passwords(file, "SIM", 2)
    with pytest.raises(CommandError, match="No such file"):
        _read_passwords(tmp_path / "nowhere", "SIM", 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_brings_the_fleet_home(tmp_path, number):
    async with central_system() as system:
        process = await start(tmp_path, "--count", "3", "--scenario", "busy", "--url", system.url)
        try:
            await system.until(lambda: all(system.statuses(2, f"SIM000{n}") for n in (1, 2, 3)), seconds=30)
            process.send_signal(number)
            _, stderr = await asyncio.wait_for(process.communicate(), 30)
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0
        assert system.close_codes == [1001, 1001, 1001]
        assert b"3 connected at most" in stderr
        assert b"Traceback" not in stderr


async def test_a_refusal_is_one_clear_line_and_a_failure(tmp_path):
    async with central_system() as system:
        system.refuse = demand_password("s3cret")
        process = await start(tmp_path, "--count", "2", "--password", "wrong", "--url", system.url)
        _, stderr = await asyncio.wait_for(process.communicate(), 30)
    last = stderr.decode().splitlines()[-1]
    assert process.returncode == 1
    assert last == (
        f"CommandError: no charge point could connect: refused by {system.url}: "
        "HTTP 401 Unauthorized: the password of the charge point is wrong"
    )
    assert b"Traceback" not in stderr


def test_the_package_stands_alone():
    seen = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, chargers.simulator; print(*{m.partition('.')[0] for m in sys.modules}, sep='\\n');"
            "print(*[m for m in sys.modules if m.startswith(('chargers.', 'csms'))], sep='\\n')",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "django" not in seen
    assert "ocpp" not in seen
    assert all(m.startswith("chargers.simulator") for m in seen if m.startswith(("chargers.", "csms")))
