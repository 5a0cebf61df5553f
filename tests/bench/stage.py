"""The machine of one benchmark: who runs on which core, PostgreSQL, and a new server with new data for every run."""

import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

import psycopg

from csms.core.config import Config
from csms.core.config_problems import env_name
from tests.bench.durability import Findings, look_for
from tests.bench.fleet import V16, BenchFailure, Dialect, Fleet
from tests.bench.gauges import Reading, parent
from tests.lanes.programs import provide
from tests.lanes.running import VARIABLES, start
from tests.lanes.services import ServiceError
from tests.support.migrated import postgres_template, put_into
from tests.support.server import ROOT, Server

POLICIES = {
    "CSMS_UNKNOWN_CHARGE_POINTS": "accept",
    "CSMS_UNKNOWN_ID_TAGS": "accept",
    "CSMS_CHARGE_POINT_FRAME_RATE": "100000",  # counted, but nobody is slowed down
}
T = TypeVar("T")


@dataclass
class Trial:
    """One server under test with its fleet; `meter` reads the processor times of all who take part."""

    server: Server
    fleet: Fleet
    database: str | Path
    postmaster: int | None

    @property
    def pid(self) -> int:
        assert self.server.process is not None
        return self.server.process.pid

    def meter(self) -> Reading:
        return Reading.take(self.pid, self.postmaster)


@dataclass
class Stage:
    """Cores, PostgreSQL and what was found in all databases so far. Use as a context."""

    server_cores: set[int] = field(default_factory=set)
    other_cores: set[int] = field(default_factory=set)
    postgres_url: str = ""
    postmaster: int | None = None
    migrated: str = ""
    """The database that all others are copies of."""
    findings: Findings = field(default_factory=Findings)
    # A cluster that is not ours may see another benchmark at the same time.
    name: str = field(default_factory=lambda: f"bench_{token_hex(4)}")
    _stack: ExitStack = field(default_factory=ExitStack)
    _trials: int = 0

    def __enter__(self) -> "Stage":
        cores = sorted(os.sched_getaffinity(0))
        self.server_cores, self.other_cores = {cores[0]}, set(cores[1:] or cores)
        self._stack.callback(os.sched_setaffinity, 0, cores)
        os.sched_setaffinity(0, self.other_cores)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="csms-bench-")))
        try:
            self._start_postgres()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start_postgres(self) -> None:
        self.postgres_url = os.environ.get(VARIABLES["postgres"], "")
        if not self.postgres_url:
            try:
                service = start("postgres", provide(["postgres"])["postgres"])
            except ServiceError as error:
                raise BenchFailure(f"there is no PostgreSQL to measure with: {error}") from error
            self._stack.callback(service.stop)
            self.postgres_url = service.url
        with psycopg.connect(self.postgres_url) as connection:
            backend = connection.info.backend_pid
            settings = [
                connection.execute(f"SHOW {name}").fetchone()[0]
                for name in ("server_version", "fsync", "synchronous_commit")
            ]
        self.postgres_words = "PostgreSQL {} (fsync {}, synchronous_commit {})".format(*settings)
        try:
            if Path(f"/proc/{backend}/comm").read_text().strip() == "postgres":
                self.postmaster = parent(backend)
        except OSError:
            pass  # in a container, or elsewhere: its processor time is not ours to see
        try:
            self.migrated = postgres_template(self.postgres_url)
        except subprocess.CalledProcessError as error:
            raise BenchFailure(f"the database could not be prepared: {error}") from error

    def _create_database(self, name: str, template: str) -> None:
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._stack.callback(self._drop_database, name)

    def _drop_database(self, name: str) -> None:
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _url(self, database: str) -> str:
        return f"{self.postgres_url.rsplit('/', 1)[0]}/{database}"

    def _settings(self, database_url: str, more: dict[str, str]) -> dict[str, str]:
        # Empty is the same as the default, and wins over a line of the developer's `.env`.
        chosen = {"CSMS_DATA_DIR", "CSMS_PORT", "CSMS_ADMIN_PASSWORD", "CSMS_LOG_FORMAT"}
        names = {env_name(setting) for setting in Config.model_fields.values()} - chosen
        return dict.fromkeys(names, "") | POLICIES | {"DATABASE_URL": database_url} | more

    @contextmanager
    def trial(
        self,
        database: str,
        *,
        grouped: bool = True,
        dialect: Dialect = V16,
        more: dict[str, str] | None = None,
    ) -> Iterator[Trial]:
        """A new server on its core and with an empty database, `postgres` or `sqlite`.

        At the end it is killed as by a power failure, and then every acknowledged message is looked for.
        """
        self._trials += 1
        data = self.folder / f"trial-{self._trials}"
        where: str | Path = data / "csms.sqlite3"
        url = ""
        if database == "postgres":
            self._create_database(f"{self.name}_{self._trials}", self.migrated)
            where = url = self._url(f"{self.name}_{self._trials}")
        else:
            put_into(data)
        settings = self._settings(url, (more or {}) | ({} if grouped else {"CSMS_WRITER_BATCH_MAX": "1"}))
        server = Server(data, settings)
        try:
            self.on_server_core(server.start)
            with Fleet(server.port, dialect) as fleet:
                yield Trial(server, fleet, where, self.postmaster if database == "postgres" else None)
                server.kill()
            self.findings += look_for(fleet.acknowledged, where, dialect.action)
        except BenchFailure as failure:
            raise BenchFailure(f"{failure}\nthe server's last words: {server.log()[-1000:]}") from failure
        finally:
            if server.process is not None and server.process.poll() is None:
                server.kill()
            if database == "postgres":
                self._drop_database(f"{self.name}_{self._trials}")

    @contextmanager
    def alone(self, more: dict[str, str]) -> Iterator[dict[str, str]]:
        """The settings for a process that has an empty database in PostgreSQL to itself."""
        name = f"{self.name}_alone"
        self._create_database(name, self.migrated)
        try:
            yield self._settings(self._url(name), {"CSMS_DATA_DIR": str(self.folder / "alone")} | more)
        finally:
            self._drop_database(name)

    def inside(self, module: str, argument: int, given: dict[str, str]) -> str:
        """Run a part of the benchmark as a process of the product, on the server's core; return what it printed."""
        Path(given["CSMS_DATA_DIR"]).mkdir(exist_ok=True)
        run = self.on_server_core(
            lambda: subprocess.run(
                [sys.executable, "-m", module, str(argument)],
                cwd=ROOT,
                env=os.environ | given | {"DJANGO_SETTINGS_MODULE": "csms.settings"},
                capture_output=True,
                text=True,
                check=False,
            )
        )
        if run.returncode:
            raise BenchFailure(f"the process of {module} ended: {run.stderr[-2000:]}")
        return run.stdout

    @contextmanager
    def reader(self, url: str = "") -> Iterator[Server]:
        """A server that is not started yet, with a database that is there, or an empty one of its own in PostgreSQL."""
        name = f"{self.name}_reads"
        if not url:
            self._create_database(name, self.migrated)
        # Without a worker, which would put in order what it takes for lost.
        settings = self._settings(
            url or self._url(name), {"CSMS_API_RATE": "0", "CSMS_EMBEDDED_WORKER": "off"}
        )
        server = Server(self.folder / "reads", settings)
        try:
            yield server
        finally:
            if server.process is not None and server.process.poll() is None:
                server.kill()
            if not url:
                self._drop_database(name)

    @contextmanager
    def answerer(self) -> Iterator[tuple[int, Fleet]]:
        """The empty answerer on the server's core: its process id, and a fleet that is to connect to it."""
        process = self.on_server_core(
            lambda: subprocess.Popen(
                [sys.executable, "-m", "tests.bench.answerer"],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
        )  # fmt: skip
        with process:
            try:
                assert process.stdout is not None
                with Fleet(int(process.stdout.readline())) as fleet:
                    yield process.pid, fleet
            finally:
                process.kill()

    def on_server_core(self, work: Callable[[], T]) -> T:
        # Affinity is inherited, so what is started here stays there.
        os.sched_setaffinity(0, self.server_cores)
        try:
            return work()
        finally:
            os.sched_setaffinity(0, self.other_cores)

    def in_words(self) -> str:
        """The machine in two lines, with how busy it was with other things at the start."""

        def cores(numbers: set[int]) -> str:
            return ("core " if len(numbers) == 1 else "cores ") + ", ".join(map(str, sorted(numbers)))

        shared = "" if self.server_cores.isdisjoint(self.other_cores) else " (the same: read the ratio only)"
        return (
            f"{platform.python_implementation()} {platform.python_version()}, {self.postgres_words}, "
            f"load average {os.getloadavg()[0]:.1f}\n"
            f"server on {cores(self.server_cores)}; load generator and PostgreSQL on "
            f"{cores(self.other_cores)}{shared}"
        )
