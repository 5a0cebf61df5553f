"""The whole system on a real socket inside the test process, so that a test can order and look as an operator does."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import uvicorn

from chargers import gateway as gateways
from chargers.commands.ordering import Author
from chargers.commands.sending import send_command
from chargers.models import ChargePoint, Command
from chargers.services import register_charge_point
from csms.core.config import forget_config, get_config

ALICE = Author("alice")


def now() -> datetime:
    return datetime.now(UTC)


@contextlib.contextmanager
def settings_are(**values: str) -> Iterator[None]:
    """These settings hold for a while, by the names of their environment variables."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    forget_config()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        forget_config()


class House:
    """A server on a loop and a thread of its own. Rows are looked at through the ORM of the test."""

    def __init__(self) -> None:
        from csms.asgi import application
        from csms.compressed_sockets import websocket_options

        config = uvicorn.Config(
            application,
            host="127.0.0.1",
            port=0,
            lifespan="off",
            log_config=None,
            access_log=False,
            **websocket_options(get_config()) | {"ws_ping_interval": None},
        )
        self.server = uvicorn.Server(config)
        self.server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            threading.Event().wait(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.ocpp_url = f"ws://127.0.0.1:{port}/ocpp"

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.server.serve())

    @property
    def gateway(self) -> gateways.Gateway:
        gateway = gateways.current_gateway()
        assert gateway is not None
        return gateway

    def on_loop(self, call: Callable[[], Any]) -> Any:
        """Run a function, or await what it returns, where the sockets live."""

        async def run() -> Any:
            result = call()
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(20)

    def close(self) -> None:
        gateway = gateways.current_gateway()
        if gateway is not None and not gateway.closed:
            self.on_loop(lambda: gateway.drain(5))
        gateways.forget_gateway()
        self.server.should_exit = True
        self.thread.join(10)


def known(cp_id: str, **values: Any) -> ChargePoint:
    """A charge point that an operator has registered."""
    return register_charge_point(cp_id, now=now(), **values)


def fresh(row: Any) -> Any:
    """The row as it is stored now."""
    return type(row).objects.get(pk=row.pk)


def order(charge_point: ChargePoint, command: str, **params: Any) -> Command:
    """What alice orders."""
    return send_command(fresh(charge_point), command, params, author=ALICE, now=now())
