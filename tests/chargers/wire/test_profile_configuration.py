"""Configuration and the plain commands of Core, with a charge point of the `ocpp` package at the other end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import websockets
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action

from chargers.availability.selectors import availability
from chargers.configuration.models import ConfigurationChange
from chargers.configuration.selectors import configuration
from chargers.configuration.services import desire_of_charge_point
from chargers.models import Command
from chargers.services import find_charge_point
from tests.support.charger import eventually
from tests.support.house import House, fresh, known, now, order, settings_are

KEYS = {
    "GetConfigurationMaxKeys": ("2", True),
    "HeartbeatInterval": ("300", False),
    "NumberOfConnectors": ("2", True),
    "SupportedFeatureProfiles": ("Core,RemoteTrigger", True),
    "WebSocketPingInterval": ("30", False),
}
AT_BOOT = {"WebSocketPingInterval"}


class Station(ChargePoint):
    """Has keys, of which some change only at a boot, and two connectors."""

    def __init__(self, cp_id: str, socket: Any, keys: dict[str, tuple[str, bool]]) -> None:
        super().__init__(cp_id, socket, response_timeout=15)
        self.keys = keys
        self.later: dict[str, str] = {}
        self.rebooted = asyncio.Event()

    @on(Action.get_configuration)
    def on_get(self, key: list[str] | None = None, **_: Any) -> call_result.GetConfiguration:
        wanted = list(self.keys) if key is None else key
        return call_result.GetConfiguration(
            configuration_key=[
                {"key": name, "value": self.keys[name][0], "readonly": self.keys[name][1]}
                for name in wanted
                if name in self.keys
            ],
            unknown_key=[name for name in wanted if name not in self.keys],
        )

    @on(Action.change_configuration)
    def on_change(self, key: str, value: str) -> call_result.ChangeConfiguration:
        if key not in self.keys:
            return call_result.ChangeConfiguration(status="NotSupported")
        if key in AT_BOOT:
            self.later[key] = value
            return call_result.ChangeConfiguration(status="RebootRequired")
        self.keys[key] = (value, False)
        return call_result.ChangeConfiguration(status="Accepted")

    @on(Action.reset)
    def on_reset(self, **_: Any) -> call_result.Reset:
        return call_result.Reset(status="Accepted")

    @after(Action.reset)
    async def after_reset(self, **_: Any) -> None:
        self.keys |= {key: (value, False) for key, value in self.later.items()}
        self.rebooted.set()

    @on(Action.change_availability)
    def on_availability(self, **_: Any) -> call_result.ChangeAvailability:
        return call_result.ChangeAvailability(status="Accepted")

    @after(Action.change_availability)
    async def after_availability(self, connector_id: int, type: str) -> None:
        for number in (1, 2):
            await self.status(number, "Available" if type == "Operative" else "Unavailable")

    @on(Action.unlock_connector)
    def on_unlock(self, **_: Any) -> call_result.UnlockConnector:
        return call_result.UnlockConnector(status="Unlocked")

    @on(Action.clear_cache)
    def on_clear(self) -> call_result.ClearCache:
        return call_result.ClearCache(status="Accepted")

    @on(Action.data_transfer)
    def on_data(self, **facts: Any) -> call_result.DataTransfer:
        return call_result.DataTransfer(status="Accepted", data=facts["data"][::-1])

    async def boot(self) -> None:
        await self.call(call.BootNotification(charge_point_vendor="Acme", charge_point_model="One"))

    async def status(self, number: int, word: str) -> None:
        await self.call(call.StatusNotification(connector_id=number, error_code="NoError", status=word))


@contextlib.asynccontextmanager
async def station(house: House, cp_id: str, keys: dict[str, tuple[str, bool]]) -> AsyncIterator[Station]:
    url = f"{house.ocpp_url}/{cp_id}"
    async with websockets.connect(url, subprotocols=["ocpp1.6"]) as socket:
        charger = Station(cp_id, socket, keys)
        task = asyncio.create_task(charger.start())
        try:
            yield charger
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await task


async def accepted(command: Command) -> Command:
    await eventually(lambda: fresh(command).status not in Command.OPEN)
    settled: Command = fresh(command)
    assert settled.status == Command.Status.ACCEPTED, settled.error_description
    return settled


def drift(row: Any) -> dict[str, str]:
    return {state.name: str(state.drift) for state in configuration(fresh(row)) if state.drift}


async def test_a_station_is_read_changed_reset_and_its_drift_is_gone(house: House):
    row, keys = known("PROFILE-CORE"), dict(KEYS)
    with settings_are(CSMS_CONFIGURATION_SETTLE="0"):
        async with station(house, row.cp_id, keys) as charger:
            await charger.boot()
            # Its whole configuration is read, which tells of its connectors and profiles.
            await eventually(lambda: len(configuration(row)) == len(KEYS))
            assert [connector.number for connector in row.connectors.all()] == [1, 2]
            assert fresh(row).warning("reserve-now") == "it does not list the feature profile Reservation"

            # More keys than it lists at once are read in parts.
            command = order(
                row, "get-configuration", keys=["HeartbeatInterval", "WebSocketPingInterval", "Nonsense"]
            )
            await accepted(command)
            await eventually(lambda: not {s.name: s.known for s in configuration(row)}.get("Nonsense", True))

            # One key is changed and takes a reset.
            desire_of_charge_point(row, {"WebSocketPingInterval": "60"}, by="alice", now=now())
            assert drift(row) == {"WebSocketPingInterval": "differs"}
            changed = order(row, "change-configuration", key="WebSocketPingInterval", value="60")
            assert (await accepted(changed)).answer_status == "RebootRequired"
            await eventually(lambda: drift(row) == {"WebSocketPingInterval": "needs_reboot"})
            reset = order(row, "reset", type="Soft")
            await asyncio.wait_for(charger.rebooted.wait(), 15)
        async with station(house, row.cp_id, keys) as charger:
            await charger.boot()
            await eventually(lambda: drift(row) == {"WebSocketPingInterval": "in_sync"})
            await eventually(lambda: fresh(changed).effect == "It now reports '60'.")
            await eventually(lambda: fresh(reset).effect == "The charge point booted.")
            [change] = ConfigurationChange.objects.filter(charge_point=row)
            assert (change.old_value, change.new_value, change.command_id) == ("30", "60", changed.pk)


async def test_a_station_is_told_the_plain_commands_of_core(house: House):
    row = known("PROFILE-PLAIN")
    async with station(house, row.cp_id, dict(KEYS)) as charger:
        await charger.boot()
        for number in (1, 2):
            await charger.status(number, "Available")
        out = order(row, "change-availability", type="Inoperative")
        await eventually(lambda: fresh(out).effect == "It is out of service.")
        assert {str(a.standing) for a in availability(row, now=now())} == {"in_force"}
        assert (await accepted(order(row, "unlock-connector", connector_id=1))).answer_status == "Unlocked"
        await accepted(order(row, "clear-cache"))
        sent = await accepted(order(row, "data-transfer", vendor_id="com.acme", data="olleh"))
        assert sent.answer == {"status": "Accepted", "data": "hello"}
        answer = await charger.call(call.DataTransfer(vendor_id="com.acme", data="x"))
        assert answer.status == "UnknownVendorId"
        assert find_charge_point("profile-plain") == row
