"""A throwaway RabbitMQ node, which can be killed and started again with its data."""

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import amqp

from tests.lanes.services import ServiceError, free_port, send_signal

START_SECONDS = 120
USER = "csms"


class Rabbit:
    """One node of one broker: ports, folder, cookie and port mapper of its own, none of the system's."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self.folder = Path(tempfile.mkdtemp(prefix="csms-rabbitmq-"))
        self.password = secrets.token_hex(12)
        self.port, self._mapper_port, self._node_port = free_port(), free_port(), free_port()
        self._mapper: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"default_user = {USER}\ndefault_pass = {self.password}\n"
            "log.console = true\nlog.console.level = warning\nlog.file = false\n"
        )

    @property
    def url(self) -> str:
        return f"amqp://{USER}:{self.password}@127.0.0.1:{self.port}//"

    def _environment(self) -> dict[str, str]:
        folder, none = self.folder, str(self.folder / "none")
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder),  # where the cookie lies
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "RABBITMQ_NODENAME": f"csms-{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": none,
            "RABBITMQ_CONF_ENV_FILE": none,
            # Its script then becomes the virtual machine instead of watching over one.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput",
            "RABBITMQ_SERVER_START_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    def _run(self, *command: str | Path) -> subprocess.Popen[bytes]:
        with (self.folder / "output").open("ab") as output:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder,
                env=self._environment(), start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip

    def start(self) -> "Rabbit":
        """Start, or start again with the same data, and wait until it lets its user in."""
        if self._mapper is None:
            self._mapper = self._run("epmd", "-address", "127.0.0.1", "-port", str(self._mapper_port))
        self._node = self._run(self.program)
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self._node.poll() is not None or time.monotonic() > deadline:
                last_words = (self.folder / "output").read_text(errors="replace").strip()[-800:]
                self.remove()
                raise ServiceError(f"RabbitMQ did not start: {last_words}")
            time.sleep(0.1)
        return self

    def answers(self) -> bool:
        """Whether it lets its user in."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2):
                pass  # the cheaper question first
            with self.connection():
                return True
        except (OSError, amqp.AMQPError):
            return False

    def connection(self) -> amqp.Connection:
        """A connection to it that is not made yet: for `with`."""
        return amqp.Connection(
            f"127.0.0.1:{self.port}", USER, self.password, login_method="PLAIN", connect_timeout=10
        )

    def signal(self, number: int) -> None:
        """Send a signal to the node; SIGSTOP makes it a broker that takes and says nothing."""
        assert self._node is not None
        send_signal(self._node.pid, number)

    def kill(self) -> None:
        """End it as a power failure would; what it has confirmed is on its disk."""
        assert self._node is not None
        self._node.kill()
        self._node.wait()

    def stop(self) -> None:
        """End it in order, as an update does."""
        assert self._node is not None
        self._node.terminate()
        self._node.wait(60)

    def remove(self) -> None:
        """End it, and leave nothing behind."""
        for process in (self._node, self._mapper):
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
