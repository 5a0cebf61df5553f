"""CP16, a charge point of OCPP 1.6 whose part is a script: it sends, expects, answers; the test asserts.

Whatever the house sends is checked against the official schema by the `ocpp` package, not by the code that wrote it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from ocpp.messages import Call, CallResult, validate_payload

from chargers.models import ChargePoint, Command, Frame
from tests.support.charger import RawCharger, eventually, stamp
from tests.support.house import House, fresh, known, order
from transactions.models import IdToken

__all__ = [
    "CP16",
    "STATUS",
    "at",
    "cp16",
    "eventually",
    "frames",
    "fresh",
    "known",
    "order",
    "stamp",
    "token",
]

STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}

_numbers = count(1)


def at(**ago: float) -> str:
    """A time as chargers write it, so long ago: `at(minutes=5)`."""
    return (datetime.now(UTC) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def token(id_token: str, **values: Any) -> IdToken:
    """A token that the network knows; `status` of the house's own making follows from `values`."""
    return IdToken.objects.update_or_create(
        id_token=id_token, defaults={"created_at": datetime.now(UTC)} | values
    )[0]


def frames(row: ChargePoint, **values: Any) -> Any:
    return Frame.objects.filter(charge_point=row, **values)


class CP16:
    """A charge point and its open connection."""

    def __init__(self, row: ChargePoint, wire: RawCharger) -> None:
        self.row = row
        self.wire = wire
        self._asked = ""
        self._action = ""

    # -- what it says --

    async def call(self, action: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a CALL and return the payload of its CALLRESULT, which must keep the official schema."""
        answer = await self.wire.result(action, payload or {})
        await validate_payload(CallResult("x", answer, action), "1.6")
        return answer

    async def boot(self, **values: Any) -> dict[str, Any]:
        return await self.call(
            "BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "One"} | values
        )

    async def status(self, word: str, connector: int = 1, error: str = "NoError", **values: Any) -> None:
        report = {"connectorId": connector, "status": word, "errorCode": error, "timestamp": stamp()}
        assert await self.call("StatusNotification", report | values) == {}

    async def authorize(self, id_tag: str) -> dict[str, Any]:
        info: dict[str, Any] = (await self.call("Authorize", {"idTag": id_tag}))["idTagInfo"]
        return info

    async def start(self, id_tag: str = "ALICE", connector: int = 1, **values: Any) -> dict[str, Any]:
        claim = {"connectorId": connector, "idTag": id_tag, "meterStart": 0, "timestamp": stamp()}
        return await self.call("StartTransaction", claim | values)

    async def stop(self, transaction_id: int, meter: int = 1000, **values: Any) -> dict[str, Any]:
        claim = {"transactionId": transaction_id, "meterStop": meter, "timestamp": stamp()}
        return await self.call("StopTransaction", claim | values)

    # -- what it is told --

    def order(self, command: str, **params: Any) -> Command:
        """What alice orders."""
        return order(self.row, command, **params)

    async def expect(self, action: str) -> dict[str, Any]:
        """Wait for a CALL of this action, and return its payload, which must keep the official schema."""
        frame = await self.wire.receive()
        assert frame[0] == 2, frame
        assert frame[2] == action, frame
        self._asked, self._action = frame[1], frame[2]
        payload: dict[str, Any] = frame[3]
        await validate_payload(Call("x", action, payload), "1.6")
        return payload

    async def answer(self, **payload: Any) -> None:
        """Answer what was expected last."""
        await validate_payload(CallResult("x", payload, self._action), "1.6")
        await self.wire.send([3, self._asked, payload])

    async def refuse(self, code: str = "InternalError", description: str = "") -> None:
        """Answer what was expected last with a CALLERROR."""
        await self.wire.send([4, self._asked, code, description, {}])

    async def hears(self, command: str, answer: dict[str, Any] | None = None, **params: Any) -> Command:
        """Be ordered something, answer it, and return the command once it is settled."""
        ordered = self.order(command, **params)
        frame = await self.wire.receive()
        await validate_payload(Call("x", frame[2], frame[3]), "1.6")
        await self.wire.send([3, frame[1], {"status": "Accepted"} if answer is None else answer])
        return await self.settled(ordered)

    async def settled(self, command: Command) -> Command:
        """Wait until a command has its final status."""
        await eventually(lambda: fresh(command).status not in Command.OPEN)
        settled: Command = fresh(command)
        return settled


@asynccontextmanager
async def cp16(house: House, cp_id: str = "", *, booted: bool = True, **values: Any) -> AsyncIterator[CP16]:
    """A charge point of its own, connected and booted."""
    row = known(cp_id or f"CP16-{next(_numbers)}", **values)
    async with RawCharger.connect(house.ocpp_url, row.cp_id) as wire:
        charger = CP16(row, wire)
        if booted:
            assert (await charger.boot())["status"] == "Accepted"
        yield charger


@asynccontextmanager
async def again(house: House, charger: CP16, *, booted: bool = True, **options: Any) -> AsyncIterator[CP16]:
    """The same charge point on a new connection."""
    async with RawCharger.connect(house.ocpp_url, charger.row.cp_id, **options) as wire:
        returned = CP16(charger.row, wire)
        if booted:
            assert (await returned.boot())["status"] == "Accepted"
        yield returned
