"""Workers, a clock and brokers as real processes, on the database of the test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from celery import Celery
from django.db import connection

from tests.lanes.services import end_with_parent, free_port
from tests.support.processes import descendants
from tests.support.server import ROOT

PATIENCE = int(os.environ.get("CSMS_TEST_PATIENCE", "120"))


def until(check: Callable[[], Any], what: str, *processes: "Program") -> None:
    """Ask again until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not check():
        for one in processes:
            if one.supervised and one.process is not None and one.process.poll() is not None:
                one.start()
        ended = [one.name for one in processes if one.process is not None and one.process.poll() is not None]
        if ended or time.monotonic() > deadline:
            said = "\n".join(f"-- {one.name}\n{one.said()[-3000:]}" for one in processes)
            raise AssertionError(f"did not come true: {what}; ended: {ended}\n{said}")
        connection.close()
        time.sleep(0.1)


def database_url() -> str:
    """The database that this test's rows are in, as another process finds it."""
    facts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{facts['NAME']}"
    who = f"{quote(facts['USER'])}:{quote(facts['PASSWORD'])}"
    return f"postgres://{who}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"


@dataclass
class Program:
    """A process of Celery's. `settings` are environment variables."""

    name: str
    folder: Path
    settings: dict[str, str]
    arguments: list[str]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    supervised: bool = False  # started again when it ends, as compose and systemd do

    def start(self) -> "Program":
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CSMS_") and not k.endswith("_URL")}
        own = {
            "DATABASE_URL": database_url(),
            "CSMS_DATA_DIR": os.environ["CSMS_DATA_DIR"],
            "CSMS_SECRET_KEY": os.environ["CSMS_SECRET_KEY"],
            "CSMS_EMBEDDED_WORKER": "off",
            "CSMS_TEST_DONE": str(self.folder / "done"),
            "CSMS_LOG_LEVEL": "INFO",
            "CSMS_LOG_FORMAT": "json",
        }
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "--app", "tests.workers.app", *self.arguments],
                cwd=ROOT,
                env=kept | own | self.settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent,
            )
        return self

    def said(self) -> str:
        return (self.folder / f"{self.name}.log").read_text(errors="replace")

    def ask_to_end(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End it and all below it as a power failure would."""
        assert self.process is not None
        if self.process.poll() is None:
            for pid in (self.process.pid, *descendants(self.process.pid)):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.process.wait(10)


class Crew:
    """The processes of one test, on one broker."""

    def __init__(self, folder: Path, broker_url: str, **settings: str) -> None:
        self.folder = folder
        self.settings = {"CELERY_BROKER_URL": broker_url, **settings}
        self.programs: list[Program] = []
        self.sender = Celery("sender", broker=broker_url)
        self.sender.conf.task_default_queue = "duties"

    def _start(self, name: str, *arguments: str) -> Program:
        program = Program(name, self.folder, self.settings, list(arguments)).start()
        self.programs.append(program)
        return program

    def worker(self, name: str, queues: str, pool: str = "threads", concurrency: int = 2) -> Program:
        """A worker for some queues, as docs/deployment.md has it."""
        options = [
            "--queues",
            queues,
            "--pool",
            pool,
            "--concurrency",
            str(concurrency),
            "--loglevel",
            "INFO",
        ]
        return self._start(name, "worker", "--hostname", f"{name}@%h", *options)

    def clock(self) -> Program:
        schedule = self.folder / "schedule"
        return self._start("beat", "beat", "--schedule", str(schedule), "--pidfile", "", "--loglevel", "INFO")

    def send(self, task: str, *arguments: Any, queue: str = "duties") -> None:
        """Send a task, as any process of the house may; again if its connection was to a broker that is gone."""
        self.sender.send_task(task, arguments, queue=queue)

    def done(self, task: str) -> int:
        """How often a task has succeeded."""
        file = self.folder / "done"
        return file.read_text().split("\n").count(f"SUCCESS {task}") if file.exists() else 0

    def end(self) -> None:
        for program in self.programs:
            program.kill()
        self.sender.close()


@contextmanager
def crew(folder: Path, broker_url: str, **settings: str) -> Iterator[Crew]:
    """Processes for one test; they end with it."""
    it = Crew(folder, broker_url, **settings)
    try:
        yield it
    finally:
        it.end()


class RedisBroker:
    """A Redis that keeps nothing on disk and can be killed and started again at its place."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        command = [str(program), "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder)]
        self._command = [*command, "--save", "", "--appendonly", "no"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RedisBroker":
        import redis

        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=end_with_parent
        )
        with redis.Redis.from_url(self.url) as client:

            def answers() -> bool:
                try:
                    return bool(client.ping())
                except redis.RedisError:
                    return False

            until(answers, "Redis answers")
        return self

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
