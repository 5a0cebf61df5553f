"""A whole day of a charge point, spoken by the `ocpp` package: an independent client that validates what we send.

Cases bear the names of the certification tests of OCPP 1.6.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import websockets
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action

from chargers.services import find_charge_point
from tests.support.charger import eventually
from tests.support.house import House, fresh, known, order
from transactions.models import IdToken, Transaction


class Station(ChargePoint):
    """Answers orders as it was told to, and then does what a station does."""

    word = "Accepted"

    def __init__(self, cp_id: str, socket: Any) -> None:
        super().__init__(cp_id, socket, response_timeout=15)
        self.orders: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    def _taken(self, action: str, facts: dict[str, Any]) -> str:
        self.orders.put_nowait((action, facts))
        return self.word

    @on(Action.remote_start_transaction)
    def on_remote_start(self, **facts: Any) -> call_result.RemoteStartTransaction:
        return call_result.RemoteStartTransaction(status=self._taken("RemoteStartTransaction", facts))

    @on(Action.remote_stop_transaction)
    def on_remote_stop(self, **facts: Any) -> call_result.RemoteStopTransaction:
        return call_result.RemoteStopTransaction(status=self._taken("RemoteStopTransaction", facts))

    @on(Action.reset)
    def on_reset(self, **facts: Any) -> call_result.Reset:
        return call_result.Reset(status=self._taken("Reset", facts))

    @on(Action.trigger_message)
    def on_trigger(self, **facts: Any) -> call_result.TriggerMessage:
        return call_result.TriggerMessage(status=self._taken("TriggerMessage", facts))

    @after(Action.trigger_message)
    async def after_trigger(self, requested_message: str, connector_id: int = 1, **facts: Any) -> None:
        if self.word != "Accepted":
            return
        match requested_message:
            case "Heartbeat":
                await self.call(call.Heartbeat())
            case "StatusNotification":
                await self.status("Available", connector_id)
            case "MeterValues":
                await self.meter(0, connector=connector_id)

    # What a station says of itself

    async def boot(self) -> Any:
        return await self.call(call.BootNotification(charge_point_vendor="Acme", charge_point_model="One"))

    async def status(self, word: str, connector: int = 1, error: str = "NoError") -> None:
        await self.call(
            call.StatusNotification(connector_id=connector, error_code=error, status=word, timestamp=now())
        )

    async def authorize(self, tag: str) -> str:
        return (await self.call(call.Authorize(id_tag=tag))).id_tag_info["status"]

    async def begin(self, tag: str = "ALICE", meter: int = 0, time: str = "") -> tuple[int, str]:
        answer = await self.call(
            call.StartTransaction(connector_id=1, id_tag=tag, meter_start=meter, timestamp=time or now())
        )
        return answer.transaction_id, answer.id_tag_info["status"]

    async def meter(self, wh: int, number: int | None = None, connector: int = 1) -> None:
        sample = {"timestamp": now(), "sampled_value": [{"value": str(wh)}]}
        await self.call(call.MeterValues(connector_id=connector, transaction_id=number, meter_value=[sample]))

    async def stop(self, number: int, wh: int, reason: str | None = None, time: str = "") -> None:
        await self.call(
            call.StopTransaction(transaction_id=number, meter_stop=wh, timestamp=time or now(), reason=reason)
        )


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextlib.asynccontextmanager
async def station(house: House, cp_id: str) -> AsyncIterator[Station]:
    """A station on the wire; registered when it comes for the first time."""
    row = find_charge_point(cp_id) or known(cp_id)
    async with websockets.connect(f"{house.ocpp_url}/{cp_id}", subprotocols=["ocpp1.6"]) as socket:
        charger = Station(cp_id, socket)
        charger.row = row
        task = asyncio.create_task(charger.start())
        try:
            yield charger
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await task


@pytest.fixture(autouse=True)
def _tokens(house: House) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    for tag, facts in {
        "ALICE": {},
        "BLOCKED": {"blocked": True},
        "EXPIRED": {"expires_at": yesterday},
    }.items():
        IdToken.objects.get_or_create(id_token=tag, defaults={"created_at": yesterday, **facts})


async def ordered(charger: Station, command: str, **params: Any) -> Any:
    """Alice orders something, the station hears it, and its answer stands in the ledger."""
    row = order(charger.row, command, **params)
    await asyncio.wait_for(charger.orders.get(), 10)
    await eventually(lambda: fresh(row).answered_at)
    return fresh(row)


def connector(charger: Station, number: int = 1) -> Any:
    return charger.row.connectors.get(number=number)


def transaction(number: int) -> Any:
    return Transaction.objects.get(number=number)


async def test_a_whole_day(house):
    async with station(house, "DAY") as cp16:
        # In the morning it wakes up and says what it has.
        boot = await cp16.boot()
        assert (boot.status, boot.interval) == ("Accepted", 300)
        for number in (0, 1):
            await cp16.status("Available", number)

        # A driver plugs in, shows a card and charges.
        await cp16.status("Preparing")
        assert await cp16.authorize("ALICE") == "Accepted"
        first, verdict = await cp16.begin(meter=100)
        assert verdict == "Accepted"
        await cp16.status("Charging")
        for wh in (1100, 2100, 3100):
            await cp16.meter(wh, first)
        assert transaction(first).status == "active"
        await cp16.stop(first, 4100)
        await cp16.status("Available")
        done = transaction(first)
        assert (done.status, done.energy_wh, done.anomalies) == ("ended", 4000, [])

        # Alice starts one from her desk, and stops it again.
        start = await ordered(cp16, "remote-start", id_token="ALICE", connector_id=1)
        assert (start.status, start.effect) == ("accepted", "")
        second, _ = await cp16.begin(meter=4100)
        await eventually(lambda: fresh(start).effect == "The transaction started.")
        stop = await ordered(cp16, "remote-stop", transaction_id=str(second))
        assert transaction(second).status == "active", "Accepted only means that it will try"
        await cp16.stop(second, 4600, "Remote")
        await eventually(lambda: fresh(stop).effect == "The transaction ended.")
        assert (transaction(second).energy_wh, transaction(second).stop_reason) == (500, "Remote")

        # She asks how it is, and has it restarted.
        asked = await ordered(cp16, "trigger-message", requested_message="StatusNotification", connector_id=1)
        await eventually(lambda: fresh(asked).effect == "StatusNotification came.")
        reset = await ordered(cp16, "reset", type="Soft")
        assert reset.status == "accepted"
    async with station(house, "DAY") as cp16:
        assert (await cp16.boot()).status == "Accepted"
        assert (await cp16.call(call.Heartbeat())).current_time.endswith("Z")


async def test_tc_001_cold_boot(house):
    async with station(house, "TC-001") as cp16:
        boot = await cp16.boot()
        assert boot.status == "Accepted"
        told = datetime.fromisoformat(boot.current_time.replace("Z", "+00:00"))
        assert abs(told - datetime.now(UTC)) < timedelta(seconds=10)
        for number in (0, 1, 2):
            await cp16.status("Available", number)
        assert [c.number for c in cp16.row.connectors.all()] == [0, 1, 2]
        assert (await cp16.call(call.Heartbeat())).current_time.endswith("Z")


@pytest.mark.parametrize("case", ["003_plugin_first", "004_1_identification_first", "007_cached_id"])
async def test_tc_003_004_1_007_regular_session(house, case):
    async with station(house, f"TC-{case}") as cp16:
        await cp16.boot()
        if case.startswith("003"):
            await cp16.status("Preparing")
        if not case.startswith("007"):
            assert await cp16.authorize("ALICE") == "Accepted"
        number, verdict = await cp16.begin()
        assert verdict == "Accepted"
        await cp16.status("Charging")
        assert connector(cp16).status == "Charging"
        assert transaction(number).status == "active"


async def test_tc_004_2_connection_timeout_leaves_no_session(house):
    async with station(house, "TC-004-2") as cp16:
        await cp16.boot()
        assert await cp16.authorize("ALICE") == "Accepted"
        await cp16.status("Preparing")
        await cp16.status("Available")
        assert not cp16.row.transactions.exists()


async def test_tc_005_1_ev_side_disconnect(house):
    async with station(house, "TC-005-1") as cp16:
        await cp16.boot()
        number, _ = await cp16.begin()
        await cp16.status("SuspendedEV")
        await cp16.stop(number, 10, "EVDisconnected")
        await cp16.status("Finishing")
        await cp16.status("Available")
        assert (transaction(number).status, transaction(number).stop_reason) == ("ended", "EVDisconnected")


@pytest.mark.parametrize("case", ["010", "011-1"])
async def test_tc_010_011_1_remote_start(house, case):
    async with station(house, f"TC-{case}") as cp16:
        await cp16.boot()
        if case == "010":
            await cp16.status("Preparing")
        command = await ordered(cp16, "remote-start", id_token="ALICE")
        assert command.payload == {"idTag": "ALICE"}, "S16-19: no connector 0"
        assert await cp16.authorize("ALICE") == "Accepted"
        assert (await cp16.begin())[1] == "Accepted"


async def test_tc_012_remote_stop(house):
    async with station(house, "TC-012") as cp16:
        await cp16.boot()
        number, _ = await cp16.begin()
        command = await ordered(cp16, "remote-stop", transaction_id=str(number))
        assert command.payload == {"transactionId": number}
        await cp16.stop(number, 5, "Remote")
        assert transaction(number).status == "ended"


@pytest.mark.parametrize(("case", "kind"), [("013", "Hard"), ("014", "Soft")])
async def test_tc_013_014_reset(house, case, kind):
    async with station(house, f"TC-{case}") as cp16:
        await cp16.boot()
        assert (await ordered(cp16, "reset", type=kind)).payload == {"type": kind}
    async with station(house, f"TC-{case}") as cp16:
        assert (await cp16.boot()).status == "Accepted"
        await cp16.status("Available")


@pytest.mark.parametrize(
    ("tag", "verdict"), [("NOBODY", "Invalid"), ("EXPIRED", "Expired"), ("BLOCKED", "Blocked")]
)
async def test_tc_023_1_to_3_authorize_refused(house, tag, verdict):
    async with station(house, f"TC-023-{tag}") as cp16:
        await cp16.boot()
        assert await cp16.authorize(tag) == verdict


async def test_tc_024_lock_failure_is_shown(house):
    async with station(house, "TC-024") as cp16:
        await cp16.boot()
        await cp16.status("Faulted", error="ConnectorLockFailure")
        assert (connector(cp16).status, connector(cp16).error_code) == ("Faulted", "ConnectorLockFailure")


async def test_tc_026_028_remote_start_and_stop_rejected(house):
    async with station(house, "TC-026") as cp16:
        await cp16.boot()
        number, _ = await cp16.begin()
        cp16.word = "Rejected"
        assert (await ordered(cp16, "remote-start", id_token="ALICE")).status == "rejected"
        assert (await ordered(cp16, "remote-stop", transaction_id=str(number))).status == "rejected"
        assert transaction(number).status == "active"


async def test_tc_032_1_power_failure(house):
    async with station(house, "TC-032-1") as cp16:
        await cp16.boot()
        number, _ = await cp16.begin()
    async with station(house, "TC-032-1") as cp16:
        assert (await cp16.boot()).status == "Accepted"
        assert transaction(number).status == "active", "S16-16: a boot ends nothing"
        await cp16.stop(number, 77, "PowerLoss")
        assert (transaction(number).status, transaction(number).stop_reason) == ("ended", "PowerLoss")


@pytest.mark.parametrize(("case", "tag", "verdict"), [("1", "ALICE", "Accepted"), ("3", "NOBODY", "Invalid")])
async def test_tc_037_1_and_3_offline_start(house, case, tag, verdict):
    async with station(house, f"TC-037-{case}") as cp16:
        await cp16.boot()
        number, said = await cp16.begin(tag, time="2026-11-01T06:00:00Z")
        assert (said, number > 0) == (verdict, True)
        if verdict == "Invalid":
            await cp16.stop(number, 0, "DeAuthorized")
            assert transaction(number).stop_reason == "DeAuthorized"


async def test_tc_039_offline_transaction(house):
    async with station(house, "TC-039") as cp16:
        await cp16.boot()
        number, _ = await cp16.begin(meter=10, time="2026-11-01T06:00:00Z")
        await cp16.stop(number, 1010, time="2026-11-01T07:00:00Z")
        done = transaction(number)
        assert (done.status, done.energy_wh, done.duration_seconds) == ("ended", 1000, 3600)


@pytest.mark.parametrize("message", ["MeterValues", "Heartbeat", "StatusNotification"])
async def test_tc_054_trigger_message(house, message):
    async with station(house, f"TC-054-{message}") as cp16:
        await cp16.boot()
        where = {} if message == "Heartbeat" else {"connector_id": 1}
        command = await ordered(cp16, "trigger-message", requested_message=message, **where)
        await eventually(lambda: fresh(command).effect == f"{message} came.")


async def test_tc_055_trigger_message_rejected(house):
    async with station(house, "TC-055") as cp16:
        await cp16.boot()
        cp16.word = "Rejected"
        command = await ordered(cp16, "trigger-message", requested_message="MeterValues", connector_id=9)
        assert (command.status, command.answer_status, command.effect) == ("rejected", "Rejected", "")


async def test_tc_064_data_transfer_of_an_unknown_vendor(house):
    async with station(house, "TC-064") as cp16:
        await cp16.boot()
        answer = await cp16.call(call.DataTransfer(vendor_id="com.nobody", message_id="x", data="y"))
        assert answer.status == "UnknownVendorId"
