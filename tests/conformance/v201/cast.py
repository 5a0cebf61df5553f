"""CS201, a charging station of OCPP 2.0.1 whose part is a script: it sends, expects, answers; the test asserts.

Whatever the house sends is checked against the official schema by the `ocpp` package, not by the code that wrote it.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from uuid import uuid4

from ocpp.messages import Call, CallResult, validate_payload

from chargers.models import ChargePoint, Command
from tests.conformance.v16.cast import at, frames, token
from tests.support.charger import RawCharger, eventually, stamp
from tests.support.house import House, fresh, known, order

__all__ = [
    "ALICE",
    "BOOT",
    "CS201",
    "Session",
    "at",
    "cs201",
    "device",
    "eventually",
    "frames",
    "fresh",
    "known",
    "order",
    "stamp",
    "token",
    "variable",
]

VERSION = "2.0.1"
SUBPROTOCOL = "ocpp2.0.1"
ALICE = {"idToken": "ALICE", "type": "ISO14443"}
BOOT = {"reason": "PowerUp", "chargingStation": {"model": "Two", "vendorName": "Acme"}}

_numbers = count(1)


class CS201:
    """A charging station and its open connection."""

    def __init__(self, row: ChargePoint, wire: RawCharger) -> None:
        self.row = row
        self.wire = wire
        self._asked = ""
        self._action = ""

    # -- what it says --

    async def call(self, action: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a CALL and return the payload of its CALLRESULT, which must keep the official schema."""
        answer = await self.wire.result(action, payload or {})
        await validate_payload(CallResult("x", answer, action), VERSION)
        return answer

    async def refused(self, action: str, payload: dict[str, Any] | None = None) -> str:
        """Send a CALL and return the code of its CALLERROR."""
        frame = await self.wire.call(action, payload or {})
        assert frame[0] == 4, frame
        code: str = frame[2]
        return code

    async def boot(self, reason: str = "PowerUp", **station: Any) -> dict[str, Any]:
        said = {"reason": reason, "chargingStation": {**BOOT["chargingStation"], **station}}  # type: ignore[dict-item]
        return await self.call("BootNotification", said)

    async def status(self, word: str, evse: int = 1, connector: int = 1, **values: Any) -> None:
        report = {"timestamp": stamp(), "connectorStatus": word, "evseId": evse, "connectorId": connector}
        assert await self.call("StatusNotification", report | values) == {}

    async def authorize(
        self, id_token: str = "ALICE", type: str = "ISO14443", **values: Any
    ) -> dict[str, Any]:
        return await self.call("Authorize", {"idToken": {"idToken": id_token, "type": type}} | values)

    async def event(self, event: dict[str, Any]) -> dict[str, Any]:
        """Send what a `Session` has made."""
        return await self.call("TransactionEvent", event)

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
        await validate_payload(Call("x", action, payload), VERSION)
        return payload

    async def answer(self, **payload: Any) -> None:
        """Answer what was expected last."""
        await validate_payload(CallResult("x", payload, self._action), VERSION)
        await self.wire.send([3, self._asked, payload])

    async def refuse(self, code: str = "InternalError", description: str = "") -> None:
        """Answer what was expected last with a CALLERROR."""
        await self.wire.send([4, self._asked, code, description, {}])

    async def hears(self, command: str, answer: dict[str, Any] | None = None, **params: Any) -> Command:
        """Be ordered something, answer it, and return the command once it is settled."""
        ordered = self.order(command, **params)
        frame = await self.wire.receive()
        await validate_payload(Call("x", frame[2], frame[3]), VERSION)
        await self.wire.send([3, frame[1], {"status": "Accepted"} if answer is None else answer])
        return await self.settled(ordered)

    async def settled(self, command: Command) -> Command:
        """Wait until a command has its final status."""
        await eventually(lambda: fresh(command).status not in Command.OPEN)
        settled: Command = fresh(command)
        return settled


@asynccontextmanager
async def cs201(house: House, cp_id: str = "", *, booted: bool = True, **values: Any) -> AsyncIterator[CS201]:
    """A charging station of its own, connected and booted."""
    row = known(cp_id or f"CS201-{next(_numbers)}", **values)
    async with RawCharger.connect(house.ocpp_url, row.cp_id, subprotocols=[SUBPROTOCOL]) as wire:
        station = CS201(row, wire)
        if booted:
            assert (await station.boot())["status"] == "Accepted"
        yield station


@asynccontextmanager
async def again(house: House, station: CS201, *, booted: bool = True, **options: Any) -> AsyncIterator[CS201]:
    """The same station on a new connection."""
    options.setdefault("subprotocols", [SUBPROTOCOL])
    async with RawCharger.connect(house.ocpp_url, station.row.cp_id, **options) as wire:
        returned = CS201(station.row, wire)
        if booted:
            assert (await returned.boot())["status"] == "Accepted"
        yield returned


# --- what stations build ----------------------------------------------------------------------------------------------


class Session:
    """Builds the TransactionEvents of one session, each with the next number, unless `seqNo` is given.

    `wh` is the register at the moment; its context is that of the kind of event, unless `context` is given.
    """

    CONTEXTS = {"Started": "Transaction.Begin", "Updated": "Sample.Periodic", "Ended": "Transaction.End"}
    TRIGGERS = {"Started": "CablePluggedIn", "Updated": "MeterValuePeriodic", "Ended": "EVCommunicationLost"}

    def __init__(self, transaction_id: str = "", evse: int = 1, connector: int = 1) -> None:
        self.transaction_id = transaction_id or str(uuid4())
        self.evse: dict[str, int] | None = {"id": evse, "connectorId": connector}
        self._next = 0

    def started(self, trigger: str = "", **values: Any) -> dict[str, Any]:
        """The first event; it tells the EVSE."""
        return self._event("Started", trigger, {"evse": self.evse} | values)

    def updated(self, trigger: str = "", **values: Any) -> dict[str, Any]:
        """An event in between."""
        return self._event("Updated", trigger, values)

    def ended(self, trigger: str = "", reason: str = "EVDisconnected", **values: Any) -> dict[str, Any]:
        """The last event."""
        return self._event("Ended", trigger, {"reason": reason} | values)

    def _event(self, kind: str, trigger: str, values: dict[str, Any]) -> dict[str, Any]:
        state, reason = values.pop("state", None), values.pop("reason", None)
        wh, context = values.pop("wh", None), values.pop("context", self.CONTEXTS[kind])
        time = values.pop("time", stamp())
        info = {"transactionId": self.transaction_id}
        info |= {"chargingState": state} if state else {}
        info |= {"stoppedReason": reason} if reason else {}
        info |= values.pop("info", {})
        event = {
            "eventType": kind,
            "timestamp": time,
            "triggerReason": trigger or self.TRIGGERS[kind],
            "seqNo": values.pop("seqNo", self._next),
            "transactionInfo": info,
        }
        self._next = event["seqNo"] + 1
        if wh is not None:
            event["meterValue"] = [{"timestamp": time, "sampledValue": [{"value": wh, "context": context}]}]
        return event | {name: value for name, value in values.items() if value is not None}


def variable(
    component: str,
    name: str,
    value: str | None = None,
    *,
    instance: str = "",
    evse: int | None = None,
    connector: int | None = None,
    mutability: str = "ReadWrite",
    **characteristics: Any,
) -> dict[str, Any]:
    """One entry of a NotifyReport."""
    where: dict[str, Any] = {"name": component}
    if evse is not None:
        where["evse"] = {"id": evse} | ({"connectorId": connector} if connector is not None else {})
    attribute = {"type": "Actual", "mutability": mutability} | ({} if value is None else {"value": value})
    told = {"dataType": "string", "supportsMonitoring": False} | characteristics
    return {
        "component": where,
        "variable": {"name": name} | ({"instance": instance} if instance else {}),
        "variableAttribute": [attribute],
        "variableCharacteristics": told,
    }


def device(request_id: int, entries: Iterable[dict[str, Any]], at_once: int = 2) -> list[dict[str, Any]]:
    """The NotifyReports of a report, in their order."""
    listed = list(entries)
    parts = [listed[n : n + at_once] for n in range(0, len(listed), at_once)] or [[]]
    return [
        {
            "requestId": request_id,
            "generatedAt": stamp(),
            "seqNo": number,
            "tbc": number < len(parts) - 1,
            **({"reportData": part} if part else {}),
        }
        for number, part in enumerate(parts)
    ]
