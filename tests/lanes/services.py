"""Throwaway servers: each on a free port of 127.0.0.1, in a folder of its own, gone when stopped."""

import ctypes
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis

START_SECONDS = 60
STOP_SECONDS = 20


class ServiceError(Exception):
    """A service could not be started; the text says why."""


@dataclass
class Service:
    """A running service: where it is, what it is, and what ends it."""

    url: str
    origin: str
    pid: int | None = None
    folder: Path | None = None
    container: str | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def ask(self) -> None:
        """Raise psycopg.OperationalError or redis.RedisError unless it answers under its URL."""
        if self.url.startswith("redis:"):
            with redis.Redis.from_url(self.url, socket_timeout=5) as client:
                client.ping()
        else:
            psycopg.connect(self.url, connect_timeout=5).close()

    def answers(self) -> bool:
        try:
            self.ask()
        except (psycopg.OperationalError, redis.RedisError):
            return False
        return True

    def stop(self) -> None:
        if self.container:
            subprocess.run(["docker", "rm", "-f", self.container], capture_output=True, check=False)
        if self.pid and self._is_ours(self.pid):
            self._end_process(self.pid)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _end_process(self, pid: int) -> None:
        # SIGINT: PostgreSQL then disconnects its clients instead of waiting for them; Redis just ends.
        for number in (signal.SIGINT, signal.SIGKILL):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline:
                if not self._alive(pid):
                    return
                time.sleep(0.05)

    def _is_ours(self, pid: int) -> bool:
        """A number that was read from a file may be another process's by now; ours works in its folder."""
        if self.process or not self.folder or sys.platform != "linux":
            return True
        try:
            return Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(self.folder)
        except OSError:  # it has ended, or is somebody else's
            return False

    def _alive(self, pid: int) -> bool:
        if self.process:
            return self.process.poll() is None
        # Of a child that has ended somebody must take note, or it is there for ever.
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True


def start_postgres(program: Path, *, outlive: bool = False) -> Service:
    """Start a PostgreSQL cluster that holds an empty database `csms`, durable as it is by default.

    `outlive`: it goes on when this process ends. PostgreSQL refuses to run as root, so root lends it a user.
    """
    user = _unprivileged_user()
    folder = _new_folder("postgres", user)
    data, password_file, password = folder / "data", folder / "password", secrets.token_hex(12)
    password_file.write_text(password)
    if user:
        os.chown(password_file, user.pw_uid, user.pw_gid)
    made = subprocess.run(
        [program.with_name("initdb"), "--pgdata", data, "--username", "csms", "--pwfile", password_file]
        + ["--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=folder, **_as(user),
    )  # fmt: skip
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise ServiceError(f"initdb failed: {made.stderr.strip()}")

    def start(port: int) -> tuple[list[str], str]:
        command = [str(program), "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder)]
        command += ["-c", "max_connections=200"]
        return command, f"postgres://csms:{password}@127.0.0.1:{port}/csms"

    def answers(url: str) -> str:
        maintenance = url.removesuffix("csms") + "postgres"
        with psycopg.connect(maintenance, autocommit=True, connect_timeout=5) as connection:
            connection.execute("CREATE DATABASE csms")
            return f"PostgreSQL {connection.info.server_version // 10000}, {program.parent}"

    return _start(start, answers, folder, user, outlive)


def start_redis(program: Path, *, outlive: bool = False) -> Service:
    """Start a Redis that keeps nothing on disk; `outlive`: it goes on when this process ends."""
    folder = _new_folder("redis", None)

    def start(port: int) -> tuple[list[str], str]:
        command = [str(program), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
        return [*command, "--save", "", "--appendonly", "no"], f"redis://127.0.0.1:{port}"

    def answers(url: str) -> str:
        with redis.Redis.from_url(url) as client:
            return f"Redis {client.info('server')['redis_version']}, {program}"

    return _start(start, answers, folder, None, outlive)


def start_in_docker(lane: str) -> Service:
    """Start PostgreSQL or Redis as a container of a running Docker engine."""
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        raise ServiceError("no Docker engine is running")
    port, password = free_port(), secrets.token_hex(12)
    run = f"{docker} run --detach --rm"
    if lane == "postgres":
        run += f" --publish 127.0.0.1:{port}:5432 --env POSTGRES_USER=csms --env POSTGRES_PASSWORD={password}"
        image, url = "postgres:17", f"postgres://csms:{password}@127.0.0.1:{port}/csms"
    else:
        run += f" --publish 127.0.0.1:{port}:6379"
        image, url = "redis:7", f"redis://127.0.0.1:{port}"
    started = subprocess.run([*run.split(), image], capture_output=True, text=True, check=False)
    if started.returncode:
        raise ServiceError(f"docker run failed: {started.stderr.strip()}")
    service = Service(url, f"container of {image}", container=started.stdout.strip())
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            service.ask()
            return service
        except (psycopg.OperationalError, redis.RedisError) as error:
            if time.monotonic() > deadline:
                service.stop()
                raise ServiceError(f"the container does not answer: {error}") from error
            time.sleep(0.2)


def free_port() -> int:
    """A port that nobody listens on, below the range from which the system takes ports of clients."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _start(
    start: Callable[[int], tuple[list[str], str]],
    answers: Callable[[str], str],
    folder: Path,
    user: pwd.struct_passwd | None,
    outlive: bool,
) -> Service:
    log = folder / "log"
    for _ in range(3):  # another program may take the port in the meantime
        command, url = start(free_port())
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
                # A session of its own: Ctrl-C reaches the tests, and this ends after them.
                start_new_session=True, preexec_fn=None if outlive else end_with_parent, **_as(user),
            )  # fmt: skip
        service = Service(url, "", process.pid, folder, process=process)
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                service.origin = answers(url)
                return service
            except (psycopg.OperationalError, redis.RedisError):
                time.sleep(0.05)
        last_words = log.read_text(errors="replace").strip()[-500:]
        service.folder = None
        service.stop()
    shutil.rmtree(folder, ignore_errors=True)
    raise ServiceError(f"{Path(command[0]).name} did not start: {last_words}")


def _new_folder(name: str, user: pwd.struct_passwd | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"csms-{name}-"))
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


def _unprivileged_user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServiceError("PostgreSQL does not run as root, and there is no other user")


def _as(user: pwd.struct_passwd | None) -> dict[str, object]:
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def end_with_parent() -> None:
    """Called in a child process: let Linux interrupt it when its parent is killed."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGINT)


def send_signal(pid: int, number: int) -> None:
    """Send a signal; one that stops has stopped all threads when this returns: until then they still answer."""
    os.kill(pid, number)
    deadline = time.monotonic() + STOP_SECONDS
    while number == signal.SIGSTOP and time.monotonic() < deadline:
        if _states(pid) == {"T"}:
            break
        time.sleep(0.01)


def _states(pid: int) -> set[str]:
    """The letters of what its threads do (proc(5))."""
    try:
        return {stat.read_text().rpartition(") ")[2][0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")}
    except (FileNotFoundError, ProcessLookupError):  # one of them has just ended
        return set()
