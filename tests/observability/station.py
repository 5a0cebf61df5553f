"""A charge point of the `ocpp` package, an independent client, that says once whatever moves a figure of /metrics."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import websockets
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result

TAMPERED = "TamperDetectionActivated"
HOSTILE = 'x" } \n csms_injected{y="' + "z" * 20
"""What a stranger sends where the standards have a word."""


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Station(ChargePoint):
    """One connector; it answers what it is asked after its boot."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.answered = asyncio.Event()

    @on("GetConfiguration")
    def get_configuration(self, **_: Any) -> call_result.GetConfiguration:
        return call_result.GetConfiguration(configuration_key=[], unknown_key=[])

    @after("GetConfiguration")
    async def note_answer(self, **_: Any) -> None:
        self.answered.set()

    async def wake(self) -> None:
        boot = await self.call(call.BootNotification(charge_point_vendor="Acme", charge_point_model="One"))
        assert boot.status == "Accepted"

    async def charge(self) -> None:
        """A session, whose start and end are told twice, as after a lost answer."""
        await self.call(call.Authorize(id_tag="ALICE"))
        for word in ("Preparing", "Charging"):
            await self.call(call.StatusNotification(connector_id=1, error_code="NoError", status=word))
        start = call.StartTransaction(connector_id=1, id_tag="ALICE", meter_start=1000, timestamp=now())
        number = (await self.call(start)).transaction_id
        assert (await self.call(start)).transaction_id == number
        sampled = [
            {"value": "1500"},
            {"value": "7000", "measurand": "Power.Active.Import"},
            {"value": "1e999", "measurand": "Power.Active.Import"},
        ]
        readings = [{"timestamp": now(), "sampled_value": sampled}]
        await self.call(call.MeterValues(connector_id=1, transaction_id=number, meter_value=readings))
        stop = call.StopTransaction(
            transaction_id=number, meter_stop=2000, timestamp=now(), reason="EVDisconnected"
        )
        for _ in range(2):
            await self.call(stop)

    async def report(self) -> None:
        """What else there is to say, known words and strangers'."""
        for vendor in ("org.openchargealliance.iso15118pnc", HOSTILE):
            await self.call(call.DataTransfer(vendor_id=vendor, message_id="Nothing"))
        for type in (TAMPERED, HOSTILE[:50]):
            await self.call(call.SecurityEventNotification(type=type, timestamp=now(), tech_info=""))
        await self.call(call.FirmwareStatusNotification(status="Installed"))
        await self.call(call.DiagnosticsStatusNotification(status="Uploaded"))
        await self.call(call.SignCertificate(csr="no certificate request"))

    async def beat(self) -> None:
        await self.call(call.Heartbeat())


@contextlib.asynccontextmanager
async def connected(ocpp_url: str, cp_id: str) -> AsyncIterator[Station]:
    """A station on the wire."""
    async with websockets.connect(f"{ocpp_url}/{cp_id}", subprotocols=["ocpp1.6"]) as socket:
        station = Station(cp_id, socket, response_timeout=30)
        task = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await task
