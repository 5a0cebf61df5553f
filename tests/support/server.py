"""A real server process, as `make run` starts it, on a free port and with data of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.migrated import put_into

ROOT = Path(__file__).resolve().parents[2]
ADMIN_PASSWORD = "correct horse battery"


@dataclass
class Server:
    """One `manage.py serve`. `env` holds settings on top of the defaults of the tests."""

    data_dir: Path
    env: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ocpp_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    @property
    def log_path(self) -> Path:
        return self.data_dir / "server.log"

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CSMS_") and not k.endswith("_URL")}
        return kept | {
            "CSMS_DATA_DIR": str(self.data_dir),
            "CSMS_PORT": str(self.port),
            "CSMS_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "CSMS_LOG_FORMAT": "json",
            "CSMS_API_RATE": "0",  # tests ask again and again until something is so
            **self.env,
        }

    def start(self, *arguments: str, timeout: float = 180) -> "Server":
        """Start, or start again on the same port and data, and wait until it is ready."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        log = self.log_path.open("ab")
        begun = log.tell()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", *arguments],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if not self.port:
                self.port = self._announced_port(begun)
            if self.port and self.get("/readyz")[0] == 200:
                return self
            time.sleep(0.05)
        raise AssertionError(f"the server did not start:\n{self.log()[-4000:]}")

    def _announced_port(self, begun: int) -> int:
        for line in self.log_path.read_bytes()[begun:].decode(errors="replace").splitlines():
            if "console " in line and "http://" in line:
                return int(line.rstrip("/ ").rsplit(":", 1)[1])
        return 0

    def get(self, path: str, token: str = "") -> tuple[int, str]:
        """GET a path; (0, "") when nobody answers."""
        request = urllib.request.Request(self.base_url + path)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command beside the server, as an administrator would."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def stop(self, number: int = signal.SIGTERM, timeout: float = 40) -> int:
        """Send a signal and return the exit status."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.process.wait(timeout)

    def kill(self) -> None:
        """End it as a power failure would."""
        self.stop(signal.SIGKILL)


@contextlib.contextmanager
def running_server(
    data_dir: Path, database_url: str = "", *, new: bool = False, **env: str
) -> Iterator[Server]:
    """A server for one test; `env` are settings such as CSMS_UNKNOWN_CHARGE_POINTS="accept".

    On SQLite its database is there and migrated already, unless it is `new`.
    """
    server = Server(data_dir, {"DATABASE_URL": database_url, **env} if database_url else dict(env))
    if not new and "DATABASE_URL" not in server.env:
        put_into(data_dir)
    try:
        yield server.start()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.process.kill()
            server.process.wait(10)
