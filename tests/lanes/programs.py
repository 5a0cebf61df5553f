"""Finds the programs behind the lanes, and installs them from Debian packages where that is allowed."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.lanes.kafka import find_kafka


def find_postgres() -> Path | None:
    """The program `postgres` of the newest installed server; Debian keeps it off the PATH."""
    candidates = [Path(found) for found in [shutil.which("postgres")] if found]
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin/postgres") if _version(path) >= 14]
    candidates += sorted(versions, key=_version, reverse=True)
    for candidate in candidates:
        program = candidate.resolve()
        if program.with_name("initdb").exists():  # a client alone has neither
            return program
    return None


def find_redis() -> Path | None:
    return _first_on_path("redis-server", "valkey-server")


def find_rabbitmq() -> Path | None:
    """The program itself: the one on Debian's PATH would run as another user, in the system's folders."""
    debian = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    if not shutil.which("epmd"):  # Erlang's, which a node cannot do without
        return None
    return debian if debian.exists() else _first_on_path("rabbitmq-server")


def find_prometheus() -> Path | None:
    """The server; `promtool` must lie beside it."""
    return _with_tool(_first_on_path("prometheus"), "promtool")


def find_alertmanager() -> Path | None:
    """The server, which Debian calls by another name; `amtool` must lie beside it."""
    return _with_tool(_first_on_path("prometheus-alertmanager", "alertmanager"), "amtool")


def find_chromium() -> Path | None:
    return _first_on_path("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


# lane -> (how to find its program, the Debian package that brings it)
PROGRAMS: dict[str, tuple[Callable[[], Path | None], str]] = {
    "postgres": (find_postgres, "postgresql"),
    "redis": (find_redis, "redis-server"),
    "rabbitmq": (find_rabbitmq, "rabbitmq-server"),
    "kafka": (find_kafka, "default-jre-headless maven"),
    "prometheus": (find_prometheus, "prometheus"),
    "alertmanager": (find_alertmanager, "prometheus-alertmanager"),
    "chromium": (find_chromium, "chromium"),
}


def provide(lanes: Sequence[str]) -> dict[str, Path | str]:
    """Find or install the program of each lane: its path, or the reason why there is none."""
    found: dict[str, Path | str] = {lane: PROGRAMS[lane][0]() or "is not installed" for lane in lanes}
    missing = [lane for lane in lanes if isinstance(found[lane], str)]
    if not missing:
        return found
    problem = install_debian_packages([PROGRAMS[lane][1] for lane in missing])
    for lane in missing:
        package = PROGRAMS[lane][1]
        found[lane] = PROGRAMS[lane][0]() or (
            f"is not installed, and {problem}" if problem else f"the package {package} brought no program"
        )
    return found


def install_debian_packages(packages: Sequence[str]) -> str | None:
    """Install `packages` without recommendations; returns None, or the reason why it was not done."""
    if os.environ.get("CSMS_TEST_INSTALL", "").lower() in {"0", "no", "off", "false"}:
        return "CSMS_TEST_INSTALL forbids installing it"
    if not shutil.which("apt-get"):
        return "there is no apt-get to install it with"
    become_root = "" if os.geteuid() == 0 else "sudo -n "
    if become_root and not (shutil.which("sudo") and _run("sudo -n true").returncode == 0):
        return f"only root may install it (apt-get install {' '.join(packages)})"
    print(f"Installing Debian packages: {' '.join(packages)}", file=sys.stderr, flush=True)
    apt_get = f"{become_root}env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300"
    _run(f"{apt_get} update")
    with _no_services(become_root):
        done = _run(f"{apt_get} install -y --no-install-recommends {' '.join(packages)}")
    # Packages may install from lists that are old, so a failed update alone is no failure.
    return f"apt-get failed: {_last_line(done.stdout)}" if done.returncode else None


@contextlib.contextmanager
def _no_services(become_root: str, policy: Path = Path("/usr/sbin/policy-rc.d")) -> Iterator[None]:
    """Forbid packages to start the services that they bring, by Debian's means, unless the machine has its own say.

    The tests start theirs themselves; and where there is no systemd, starting one may fail the whole installation.
    """
    if policy.exists():
        yield
        return
    with tempfile.NamedTemporaryFile("w", prefix="csms-policy-") as denial:
        denial.write("#!/bin/sh\nexit 101\n")
        denial.flush()
        _run(f"{become_root}install -m 755 {denial.name} {policy}")
    try:
        yield
    finally:
        _run(f"{become_root}rm -f {policy}")


def _run(command: str) -> subprocess.CompletedProcess[str]:
    """Run `command` without input and with its messages in `stdout`."""
    return subprocess.run(
        command.split(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _first_on_path(*names: str) -> Path | None:
    return next((Path(path) for name in names if (path := shutil.which(name))), None)


def _with_tool(program: Path | None, tool: str) -> Path | None:
    return program if program and program.with_name(tool).exists() else None


def _version(path: Path) -> int:
    return int(text) if (text := path.parts[4]).isdigit() else 0


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
