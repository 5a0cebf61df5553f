"""The server process: uvicorn on uvloop, with a clean beginning, clear refusals and a drained end."""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import uvicorn

from chargers.gateway import current_gateway, get_gateway
from csms.celery import app as celery_app
from csms.compressed_sockets import websocket_options
from csms.core.config import Config, get_config
from csms.core.events.stream import FOLLOWERS
from csms.doorkeeper import Doorkeeper
from csms.embedded import EmbeddedCelery

log = logging.getLogger(__name__)


class CannotListen(Exception):
    """The address cannot be listened on; the text says why, in one line."""


def listen(config: Config) -> socket.socket:
    """Bind the server's socket. Raises CannotListen with the setting to change."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if config.ws_ping_interval and hasattr(socket, "TCP_USER_TIMEOUT"):
        # Half-open sockets are found by TCP itself: our pings must be acknowledged by the peer's kernel, while the
        # pong of the charge point may be missing (quirk T4: some never send one). Accepted sockets inherit this.
        milliseconds = 3 * config.ws_ping_interval * 1000
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    try:
        listener.bind((config.host, config.port))
        listener.listen(4096)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotListen(
            f"cannot listen on {config.host}:{config.port}: {reason}; choose another CSMS_HOST or CSMS_PORT"
        ) from error
    listener.setblocking(False)
    return listener


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve()`, which drains first."""
        yield


CELERY_SECONDS = 10  # for tasks in progress, beside the drain
COMPANION_SECONDS = 10  # for a companion's own clean end; the simulated fleet reports its stops meanwhile


@dataclass
class Companions:
    """Programs that run beside the server and end with it, such as the simulated fleet of the demo.

    Each holds the reading end of a pipe as its standard input, and must end when the pipe does: however this process
    dies, the kernel closes it.
    """

    commands: list[list[str]] = field(default_factory=list)
    _running: list[asyncio.subprocess.Process] = field(default_factory=list)
    _watches: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Start them; they get no signals from the terminal, only from us."""
        for command in self.commands:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdin=subprocess.PIPE, start_new_session=True
            )
            self._running.append(process)
            self._watches.append(asyncio.create_task(self._watch(process, command)))

    async def _watch(self, process: asyncio.subprocess.Process, command: list[str]) -> None:
        status = await process.wait()
        if process in self._running:  # nobody asked it to end
            log.warning("companion.ended", extra={"command": " ".join(command), "exit_status": status})

    async def stop(self) -> None:
        """Ask them to end, then end them. They may talk to this server until they have ended."""
        processes, self._running = self._running, []
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        if self._watches:
            await asyncio.wait(self._watches, timeout=COMPANION_SECONDS)
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


async def serve(config: Config, listener: socket.socket, companions: Companions) -> None:
    """Serve until a signal comes, then drain: refuse new connections, close the old ones, commit what is queued."""
    server = _Server(
        uvicorn.Config(
            "csms.asgi:application",
            http=Doorkeeper,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
            proxy_headers=config.behind_tls_proxy,
            forwarded_allow_ips=list(config.trusted_proxies),
            server_header=False,
            **websocket_options(config),
        )
    )
    # Each charge point is an open file; the usual soft limit of 1,024 would end a larger fleet.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    celery = None
    if config.embedded_worker_on:
        celery = EmbeddedCelery(celery_app)
        celery.start()
    FOLLOWERS.open()
    await get_gateway().start()  # before the first charge point comes, what a killed process left is closed
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    # What exists now lives for ever; full collections over it would stop the loop for half a second at 10,000
    # connections, and nothing here makes cycles worth collecting often.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1000)
    await companions.start()
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
    log.info("server.draining")
    FOLLOWERS.drain()
    resting = None if celery is None else asyncio.create_task(asyncio.to_thread(celery.stop, CELERY_SECONDS))
    await companions.stop()
    gateway = current_gateway()
    if gateway is not None:
        await gateway.drain(get_config().drain_seconds)
    server.should_exit = True
    await serving
    if resting is not None:
        await resting
    log.info("server.ended")
