"""Throwaway Prometheus and Alertmanager servers, which can be killed and started again with their data."""

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from tests.lanes.services import START_SECONDS, ServiceError, end_with_parent, free_port, send_signal

SCRAPING = """\
global: {{scrape_interval: {every}, scrape_timeout: {every}, evaluation_interval: 200ms}}
rule_files: ["{folder}/rules/*.yml"]
alerting: {{alertmanagers: [{{static_configs: [{{targets: [{alertmanagers}]}}]}}]}}
scrape_configs: [{{job_name: csms, static_configs: [{{targets: [{targets}]}}]}}]
"""
QUIET = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


class _Server:
    """One server on 127.0.0.1, in a folder of its own."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self.folder = Path(tempfile.mkdtemp(prefix=f"csms-{type(self).__name__.lower()}-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def arguments(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> Self:
        """Start, or start again with the same data and port, and wait until it is ready."""
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [str(self.program), *self.arguments()],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder,
                start_new_session=True, preexec_fn=end_with_parent,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                last_words = (self.folder / "output").read_text(errors="replace").strip()[-800:]
                self.remove()
                raise ServiceError(f"{self.program.name} did not start: {last_words}")
            time.sleep(0.05)
        return self

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def signal(self, number: int) -> None:
        """Send a signal; SIGSTOP makes it a server that takes and says nothing."""
        assert self._process is not None
        send_signal(self._process.pid, number)

    def stop(self) -> None:
        """End it; what it has kept it has again when it is started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGCONT)
                self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self._process.kill()
            self._process.wait()

    def remove(self) -> None:
        """End it, and leave nothing behind."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Prometheus(_Server):
    """Reads the rules in `rules/*.yml`, scrapes `targets` and tells `alertmanagers`, both five times a second."""

    def __init__(self, program: Path) -> None:
        super().__init__(program)
        self.rules = self.folder / "rules"
        self.rules.mkdir()
        self.configure()

    def configure(
        self,
        *,
        targets: tuple[str, ...] = (),
        alertmanagers: tuple[str, ...] = (),
        every: str = "200ms",
    ) -> None:
        """Write whom it asks, how often and at most for how long, and whom it tells; counts from its start or a reload
        on.
        """
        both = {"targets": targets or (self.address,), "alertmanagers": alertmanagers}
        words = {name: ", ".join(f'"{address}"' for address in listed) for name, listed in both.items()}
        self.config.write_text(SCRAPING.format(folder=self.folder, every=every, **words))

    @property
    def config(self) -> Path:
        return self.folder / "prometheus.yml"

    def arguments(self) -> list[str]:
        return [
            f"--config.file={self.config}",
            f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address={self.address}",
            "--web.enable-lifecycle",
            "--rules.alert.resend-delay=1s",  # whom it finds late is told soon
            "--log.level=warn",
        ]


class Alertmanager(_Server):
    """Reads `config`, which tells nobody until somebody writes another."""

    def __init__(self, program: Path) -> None:
        super().__init__(program)
        self.config = self.folder / "alertmanager-managed.yml"
        self.config.write_text(QUIET)

    def arguments(self) -> list[str]:
        return [
            f"--config.file={self.config}",
            f"--storage.path={self.folder}/data",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]
