"""A charge point of few words for tests that must control every frame; whole conversations use the `ocpp` package."""

import asyncio
import json
import time
from collections import deque
from typing import Any
from uuid import uuid4

import websockets


class RawCharger:
    """Speaks OCPP-J frame by frame. Use as `async with RawCharger.connect(url, "CP16") as charger`."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self._aside: deque[list[Any]] = deque()  # calls of the server that crossed one of ours

    @classmethod
    def connect(cls, ocpp_url: str, cp_id: str, **options: Any) -> "_Connecting":
        options.setdefault("subprotocols", ["ocpp1.6"])
        options.setdefault("max_size", None)
        return _Connecting(f"{ocpp_url}/{cp_id}", options)

    async def send(self, frame: object) -> None:
        """Send a frame: text as it is, anything else as JSON."""
        await self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def receive(self, timeout: float = 15) -> list[Any]:
        """The next frame, decoded."""
        return self._aside.popleft() if self._aside else await self._next(timeout)

    async def _next(self, timeout: float = 15) -> list[Any]:
        async with asyncio.timeout(timeout):
            frame: list[Any] = json.loads(await self.socket.recv())
        return frame

    async def call(self, action: str, payload: object, message_id: str | None = None) -> list[Any]:
        """Send a CALL and return the frame that answers it.

        A call of the server may cross it, such as the reading of the configuration after a boot: the next `receive()`
        returns that.
        """
        message_id = message_id or str(uuid4())
        await self.send([2, message_id, action, payload])
        while (frame := await self._next())[0] == 2:
            self._aside.append(frame)
        assert frame[0] in (3, 4), frame
        assert frame[1] == message_id, frame
        return frame

    async def result(self, action: str, payload: object) -> dict[str, Any]:
        """Send a CALL and return the payload of its CALLRESULT."""
        frame = await self.call(action, payload)
        assert frame[0] == 3, frame
        answer: dict[str, Any] = frame[2]
        return answer

    async def boot(self) -> dict[str, Any]:
        return await self.result("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "One"})

    async def closed(self, timeout: float = 15) -> int | None:
        """Wait until the server has closed, and return its code."""
        async with asyncio.timeout(timeout):
            await self.socket.wait_closed()
        return self.socket.close_code


class _Connecting:
    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self._connection = websockets.connect(url, **options)

    async def __aenter__(self) -> RawCharger:
        return RawCharger(await self._connection.__aenter__())

    async def __aexit__(self, *error: Any) -> None:
        await self._connection.__aexit__(*error)


async def eventually(check: Any, timeout: float = 15) -> Any:
    """Ask again until the answer is true, and return it; `check` may be a coroutine function."""
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, f"did not come true: {check}"
        await asyncio.sleep(0.05)


def stamp(when: str = "") -> str:
    """A time as chargers write it: now, unless given."""
    return when or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
