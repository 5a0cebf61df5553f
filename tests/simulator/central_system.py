"""A central system that owes nothing to ours: the `ocpp` package and its schemas, on a free port."""

import asyncio
import base64
import http
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from ocpp import v201
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import Action
from ocpp.v201 import call_result as result201
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response


class CentralSystem:
    """What the server has seen and how it answers; tests set the answers before the fleet dials."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: dict[str, list[tuple[str, dict[str, Any], str]]] = defaultdict(list)  # by identity
        self.errors: list[str] = []  # CALLERRORs sent by us: frames that were not valid
        self.connections: dict[str, int] = defaultdict(int)
        self.close_codes: list[int | None] = []
        self.refused = 0  # handshakes
        self.subprotocols: dict[str, str] = {}
        self.points: dict[str, CentralChargePoint] = {}
        self.boot_answers: list[tuple[str, int]] = []  # (status, interval), the last one for ever
        self.heartbeat_interval = 300
        self.tag_status = "Accepted"
        self.last_transaction = 0
        self.token_info: dict[str, dict[str, Any]] = {}  # idTokenInfo by token, of 2.0.1; else Accepted
        self.costs = False  # tell a totalCost of 1.25 in the answers to events of 2.0.1
        self.is_lenient = False  # answers everything that is JSON, whatever it looks like
        self.refuse: Callable[[ServerConnection, Request], Response | None] = lambda _connection, _request: (
            None
        )

    def actions(self, cp_id: str = "SIM0001") -> list[str]:
        return [action for action, _, _ in self.calls[cp_id]]

    def payloads(self, action: str, cp_id: str = "SIM0001") -> list[dict[str, Any]]:
        return [payload for seen, payload, _ in self.calls[cp_id] if seen == action]

    def statuses(self, connector: int, cp_id: str = "SIM0001") -> list[str]:
        return [
            p["status"] for p in self.payloads("StatusNotification", cp_id) if p["connectorId"] == connector
        ]

    def states(self, evse: int, connector: int = 1, cp_id: str = "SIM0001") -> list[str]:
        """The statuses that a station of 2.0.1 has told of a connector."""
        return [
            p["connectorStatus"]
            for p in self.payloads("StatusNotification", cp_id)
            if (p["evseId"], p["connectorId"]) == (evse, connector)
        ]

    def events(self, transaction: str | None = None, cp_id: str = "SIM0001") -> list[dict[str, Any]]:
        """The TransactionEvents of a transaction, or of all of them, in the order in which they came."""
        return [
            event
            for event in self.payloads("TransactionEvent", cp_id)
            if transaction in (None, event["transactionInfo"]["transactionId"])
        ]

    async def ask(self, action: str, payload: dict[str, Any], cp_id: str = "SIM0001") -> list[Any]:
        """Send a CALL as raw frame to a charge point; return the whole answering frame."""
        return await self.points[cp_id].ask(action, payload)

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        response = self.refuse(connection, request)
        self.refused += response is not None
        return response

    async def until(self, condition: Callable[[], Any], seconds: float = 15) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)


class Watched:
    """What this central system does with a charge point of any version: note, answer, ask."""

    id: str
    _connection: ServerConnection

    def __init__(self, cp_id: str, ws: ServerConnection, system: CentralSystem) -> None:
        super().__init__(cp_id, ws)
        self.system = system
        self.answers: dict[str, asyncio.Future[list[Any]]] = {}
        self.asked = 0

    async def ask(self, action: str, payload: dict[str, Any]) -> list[Any]:
        self.asked += 1
        message_id = f"ask-{self.asked}"
        self.answers[message_id] = asyncio.get_running_loop().create_future()
        await self._connection.send(orjson.dumps([2, message_id, action, payload]).decode())
        return await asyncio.wait_for(self.answers[message_id], 10)

    async def route_message(self, raw_msg: str) -> None:
        try:
            frame = orjson.loads(raw_msg)
        except orjson.JSONDecodeError:
            self.system.errors.append(raw_msg)
            return
        if frame[0] != 2:
            if (waiting := self.answers.pop(str(frame[1]), None)) is not None:
                waiting.set_result(frame)
            return
        self.system.calls[self.id].append((frame[2], frame[3] if len(frame) > 3 else {}, frame[1]))
        if self.system.is_lenient:
            await self._answer_anything(frame[1], frame[2])
        else:
            await super().route_message(raw_msg)

    async def _answer_anything(self, message_id: Any, action: str) -> None:
        self.system.last_transaction += action == "StartTransaction"
        everything = {
            "currentTime": now(),
            "interval": 300,
            "status": "Accepted",
            "idTagInfo": {"status": "Accepted"},
            "idTokenInfo": {"status": "Accepted"},
            "transactionId": self.system.last_transaction,
        }
        await self._send(orjson.dumps([3, message_id, everything]).decode())

    async def _send(self, message: str) -> None:
        if message.startswith("[4"):
            self.system.errors.append(message)
        await super()._send(message)


class CentralChargePoint(Watched, ChargePoint):
    """One charge point of OCPP 1.6."""

    @property
    def _info(self) -> dict[str, str]:
        return {"status": self.system.tag_status}

    @on(Action.boot_notification)
    def boot(self, **_: Any) -> call_result.BootNotification:
        answers = self.system.boot_answers or [("Accepted", self.system.heartbeat_interval)]
        status, interval = answers.pop(0) if len(answers) > 1 else answers[0]
        return call_result.BootNotification(current_time=now(), interval=interval, status=status)

    @on(Action.heartbeat)
    def heartbeat(self) -> call_result.Heartbeat:
        return call_result.Heartbeat(current_time=now())

    @on(Action.status_notification)
    def status(self, **_: Any) -> call_result.StatusNotification:
        return call_result.StatusNotification()

    @on(Action.authorize)
    def authorize(self, **_: Any) -> call_result.Authorize:
        return call_result.Authorize(id_tag_info=self._info)

    @on(Action.start_transaction)
    def start_transaction(self, **_: Any) -> call_result.StartTransaction:
        self.system.last_transaction += 1
        return call_result.StartTransaction(self.system.last_transaction, id_tag_info=self._info)

    @on(Action.stop_transaction)
    def stop_transaction(self, **_: Any) -> call_result.StopTransaction:
        return call_result.StopTransaction()

    @on(Action.meter_values)
    def meter_values(self, **_: Any) -> call_result.MeterValues:
        return call_result.MeterValues()

    @on(Action.firmware_status_notification)
    def firmware(self, **_: Any) -> call_result.FirmwareStatusNotification:
        return call_result.FirmwareStatusNotification()

    @on(Action.diagnostics_status_notification)
    def diagnostics(self, **_: Any) -> call_result.DiagnosticsStatusNotification:
        return call_result.DiagnosticsStatusNotification()

    @on(Action.log_status_notification)
    def log_status(self, **_: Any) -> call_result.LogStatusNotification:
        return call_result.LogStatusNotification()

    @on(Action.security_event_notification)
    def security_event(self, **_: Any) -> call_result.SecurityEventNotification:
        return call_result.SecurityEventNotification()

    @on(Action.sign_certificate)
    def sign(self, **_: Any) -> call_result.SignCertificate:
        return call_result.SignCertificate(status="Accepted")

    @on(Action.signed_firmware_status_notification)
    def signed_firmware(self, **_: Any) -> call_result.SignedFirmwareStatusNotification:
        return call_result.SignedFirmwareStatusNotification()


def _info201(system: CentralSystem, id_token: dict[str, Any]) -> dict[str, Any]:
    return system.token_info.get(id_token["id_token"], {"status": "Accepted"})


class CentralStation(Watched, v201.ChargePoint):
    """One charging station of OCPP 2.0.1."""

    @on(v201.enums.Action.boot_notification)
    def boot(self, **_: Any) -> result201.BootNotification:
        answers = self.system.boot_answers or [("Accepted", self.system.heartbeat_interval)]
        status, interval = answers.pop(0) if len(answers) > 1 else answers[0]
        return result201.BootNotification(current_time=now(), interval=interval, status=status)

    @on(v201.enums.Action.heartbeat)
    def heartbeat(self) -> result201.Heartbeat:
        return result201.Heartbeat(current_time=now())

    @on(v201.enums.Action.authorize)
    def authorize(self, id_token: dict[str, Any], **_: Any) -> result201.Authorize:
        return result201.Authorize(id_token_info=_info201(self.system, id_token))

    @on(v201.enums.Action.transaction_event)
    def event(self, id_token: dict[str, Any] | None = None, **_: Any) -> result201.TransactionEvent:
        info = None if id_token is None else _info201(self.system, id_token)
        return result201.TransactionEvent(id_token_info=info, total_cost=1.25 if self.system.costs else None)

    @on(v201.enums.Action.sign_certificate)
    def sign(self, **_: Any) -> result201.SignCertificate:
        return result201.SignCertificate(status="Accepted")

    @on(v201.enums.Action.status_notification)
    def status(self, **_: Any) -> result201.StatusNotification:
        return result201.StatusNotification()

    @on(v201.enums.Action.notify_report)
    def report(self, **_: Any) -> result201.NotifyReport:
        return result201.NotifyReport()

    @on(v201.enums.Action.notify_event)
    def notify(self, **_: Any) -> result201.NotifyEvent:
        return result201.NotifyEvent()

    @on(v201.enums.Action.meter_values)
    def meter_values(self, **_: Any) -> result201.MeterValues:
        return result201.MeterValues()

    @on(v201.enums.Action.reservation_status_update)
    def reservation(self, **_: Any) -> result201.ReservationStatusUpdate:
        return result201.ReservationStatusUpdate()

    @on(v201.enums.Action.security_event_notification)
    def security_event(self, **_: Any) -> result201.SecurityEventNotification:
        return result201.SecurityEventNotification()

    @on(v201.enums.Action.log_status_notification)
    def log_status(self, **_: Any) -> result201.LogStatusNotification:
        return result201.LogStatusNotification()

    @on(v201.enums.Action.firmware_status_notification)
    def firmware(self, **_: Any) -> result201.FirmwareStatusNotification:
        return result201.FirmwareStatusNotification()


SPEAKS: dict[str | None, type[CentralChargePoint | CentralStation]] = {
    "ocpp1.6": CentralChargePoint,
    "ocpp2.0.1": CentralStation,
}


@asynccontextmanager
async def central_system() -> AsyncIterator[CentralSystem]:
    system = CentralSystem()

    async def connected(ws: ServerConnection) -> None:
        assert ws.request is not None
        cp_id = ws.request.path.partition("?")[0].strip("/").rsplit("/", 1)[-1].upper()
        system.connections[cp_id] += 1
        kind = SPEAKS[ws.subprotocol]
        system.subprotocols[cp_id] = ws.subprotocol
        system.points[cp_id] = point = kind(cp_id, ws, system)
        try:
            await point.start()
        except ConnectionClosed:
            system.close_codes.append(ws.close_code)

    async with serve(
        connected,
        "127.0.0.1",
        0,
        subprotocols=list(SPEAKS),
        process_request=system.admit,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        system.url = f"ws://127.0.0.1:{port}/ocpp"
        yield system


def demand_password(password: str) -> Callable[[ServerConnection, Request], Response | None]:
    """Refuse with 401 and a reason whoever does not send `<identity>:<password>` by HTTP Basic."""

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        cp_id = request.path.rsplit("/", 1)[-1]
        wanted = "Basic " + base64.b64encode(f"{cp_id}:{password}".encode()).decode()
        if request.headers.get("Authorization") == wanted:
            return None
        return connection.respond(http.HTTPStatus.UNAUTHORIZED, "the password of the charge point is wrong\n")

    return refuse


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
